"""What the rest of the datasets knows of personal data."""

from lyceum.data.datasets.personal.jobs import ErasedPerson, ErasureFollower
from lyceum.data.datasets.personal.models import ErasureRow
from lyceum.data.datasets.personal.service import may_read_unmasked, note_unmasked_message, note_unmasked_read
from lyceum.data.datasets.personal.under_way import is_erased_meanwhile, is_erasing, refuse_while_erasing

__all__ = [
    "ErasedPerson",
    "ErasureFollower",
    "ErasureRow",
    "is_erased_meanwhile",
    "is_erasing",
    "may_read_unmasked",
    "note_unmasked_message",
    "note_unmasked_read",
    "refuse_while_erasing",
]
