"""The door of files: uploads that other modules make something of."""

from lyceum.files.schemas import UploadWhole
from lyceum.files.service import storage_key, take

__all__ = ["UploadWhole", "storage_key", "take"]
