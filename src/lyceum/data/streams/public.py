"""The door of streams."""

from lyceum.data.streams.erasing import ERASER
from lyceum.data.streams.keeping import keep_streams

__all__ = ["ERASER", "keep_streams"]
