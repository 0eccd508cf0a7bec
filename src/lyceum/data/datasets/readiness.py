"""What a dataset or a version is not there for: writes to one that rests, reads of rows that were given up."""

from lyceum.data.datasets.errors import DatasetDormant, VersionThinned
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.kernel.prepared import Row


def require_rows(row: DatasetVersionRow | Row, address: str) -> None:
    """Raise `VersionThinned` for a version whose rows the dataset does not keep any more."""
    if row.thinned_at is not None:
        raise VersionThinned(
            f"The rows of version {row.number} of {address} were given up on {row.thinned_at:%d %B %Y}, as the dataset keeps "
            "them no longer; take a newer version, and see the dataset's retention."
        )


def require_awake(row: DatasetRow | Row, address: str) -> None:
    """Raise `DatasetDormant` for a dataset that takes no writes."""
    if row.dormant_at is not None:
        raise DatasetDormant(
            f"{address} is archived since {row.dormant_at:%d %B %Y} and takes no data; bring it back first, at "
            f"/datasets/{address}/dormancy."
        )
