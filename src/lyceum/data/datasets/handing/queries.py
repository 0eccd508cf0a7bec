"""Finding a version whose files are to be handed out, and whose columns may be masked for the reader."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor
from lyceum.data.datasets.addresses import VersionTable
from lyceum.data.datasets.queries import as_version_table, version_row_for


@dataclass(frozen=True, slots=True)
class ReadableVersion:
    """A version the caller may read, when it was accepted, and the columns whose values they may not see."""

    table: VersionTable
    accepted_at: datetime | None
    masked: frozenset[str]


async def readable_version_for(
    tx: AsyncSession, who: Actor, org: str, name: str, number: int | None
) -> ReadableVersion:
    """Return an accepted version, the latest for None; raises `DatasetNotFound`, `VersionNotFound`."""
    row = await version_row_for(tx, who, org, name, number)
    table = as_version_table(row, f"{org}/{row.dataset_name}", dataset=row)
    return ReadableVersion(table, row.accepted_at, masked=_masked_in(table))


def _masked_in(table: VersionTable) -> frozenset[str]:
    """Return the marked columns that the version has: files show them to nobody, whoever may read them downloads rows."""
    return frozenset(table.marks) & {column.name for column in table.table_schema.columns}
