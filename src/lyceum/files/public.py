"""The door of files: uploads that other modules make something of."""

from lyceum.files.queries import content_key_for
from lyceum.files.schemas import UploadWhole
from lyceum.files.service import take

__all__ = ["UploadWhole", "content_key_for", "take"]
