"""The door of checks."""

from lyceum.data.quality.erasing import ERASER

__all__ = ["ERASER"]
