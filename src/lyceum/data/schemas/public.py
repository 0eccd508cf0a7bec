"""The door of schemas."""

from lyceum.data.schemas.datasets import register_version
from lyceum.data.schemas.erasing import ERASER
from lyceum.data.schemas.judging import JUDGE

__all__ = ["ERASER", "JUDGE", "register_version"]
