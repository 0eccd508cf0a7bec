"""The door of files: uploads that other modules make something of."""

from lyceum.files.erasing import ERASER
from lyceum.files.queries import content_key_for
from lyceum.files.schemas import UploadWhole
from lyceum.files.service import begin_fetched, give_up_content, hand_over, store_fetched, take
from lyceum.files.snapshot import uploads_needed_with

__all__ = [
    "ERASER",
    "UploadWhole",
    "begin_fetched",
    "content_key_for",
    "give_up_content",
    "hand_over",
    "store_fetched",
    "take",
    "uploads_needed_with",
]
