"""What the rest of the datasets knows of their history."""

from lyceum.data.datasets.history.models import DatasetDiffRow

__all__ = ["DatasetDiffRow"]
