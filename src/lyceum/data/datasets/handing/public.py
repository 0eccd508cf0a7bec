"""The door of the files that are handed out."""

from lyceum.data.datasets.handing.queries import ReadableVersion, readable_version_for
from lyceum.data.datasets.handing.service import HandedFile, HandedTable, hand_out

__all__ = ["HandedFile", "HandedTable", "ReadableVersion", "hand_out", "readable_version_for"]
