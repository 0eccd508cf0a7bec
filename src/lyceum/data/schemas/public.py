"""The door of schemas."""

from lyceum.data.schemas.datasets import register_version
from lyceum.data.schemas.erasing import ERASER

__all__ = ["ERASER", "register_version"]
