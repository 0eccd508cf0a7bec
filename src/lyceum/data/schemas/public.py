"""The door of schemas."""

from lyceum.data.schemas.erasing import ERASER

__all__ = ["ERASER"]
