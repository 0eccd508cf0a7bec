"""The door of streams."""

from lyceum.data.streams.erasing import ERASER
from lyceum.data.streams.forgetting import forget_in_letters
from lyceum.data.streams.keeping import keep_streams

__all__ = ["ERASER", "forget_in_letters", "keep_streams"]
