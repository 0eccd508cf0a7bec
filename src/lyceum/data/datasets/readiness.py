"""What a dataset or a version is not there for: writes to one that rests, reads of rows that were given up."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

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


async def is_dormant(tx: AsyncSession, dataset_id: UUID) -> bool:
    """Say whether a dataset takes no writes, for a job that works as its organisation or whoever may change it."""
    return await tx.scalar(select(DatasetRow.dormant_at).where(DatasetRow.id == dataset_id)) is not None


async def require_awake_by_id(tx: AsyncSession, dataset_id: UUID, address: str) -> None:
    """Raise `DatasetDormant` for a dataset that takes no writes, found before by who may change it."""
    row = await tx.get(DatasetRow, dataset_id)
    if row is not None:
        require_awake(row, address)
