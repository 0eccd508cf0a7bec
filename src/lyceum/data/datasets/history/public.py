"""What the rest of the datasets knows of their history."""

from lyceum.data.datasets.history.diffs import diff_without_rows
from lyceum.data.datasets.history.models import DatasetDiffRow
from lyceum.data.datasets.history.queries import versions_compared

__all__ = ["DatasetDiffRow", "diff_without_rows", "versions_compared"]
