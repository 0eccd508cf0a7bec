"""What the rest of the datasets knows of personal data."""

from lyceum.data.datasets.personal.service import note_unmasked_read

__all__ = ["note_unmasked_read"]
