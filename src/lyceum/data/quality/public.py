"""The door of checks."""

from lyceum.data.quality.erasing import erase

__all__ = ["erase"]
