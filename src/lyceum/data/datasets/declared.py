"""Datasets that the hub itself makes and fills, with columns that are known before the first record."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.models import DatasetRow
from lyceum.kernel.ids import new_id

NAMES_TRIED_MAX = 1_000
NAME_CHARS_MAX = 90


async def make_declared(
    tx: AsyncSession,
    name: str,
    columns: Sequence[tuple[str, str]],
    *,
    description: str,
    column_notes: dict[str, str],
    created_by: UUID | None,
) -> UUID:
    """Make a dataset in the organisation that `tx` works for, and return its id; a name that is taken gets a number.

    `columns` are names and types as the schema of a version has them.
    """
    org_id = tx.info["scope"].org_id
    for number in range(1, NAMES_TRIED_MAX):
        own = name[:NAME_CHARS_MAX] if number == 1 else f"{name[:NAME_CHARS_MAX]}-{number}"
        row = insert(DatasetRow).values(
            id=new_id(),
            org_id=org_id,
            name=own,
            description=description,
            column_notes=column_notes,
            declared_columns=[list(column) for column in columns],
            created_by=created_by,
        )
        made: UUID | None = await tx.scalar(row.on_conflict_do_nothing().returning(DatasetRow.id))
        if made is not None:
            return made
    raise RuntimeError(f"{NAMES_TRIED_MAX} datasets have the name {name}")


async def newest_declared(
    tx: AsyncSession, dataset_ids: Collection[UUID], columns: Sequence[tuple[str, str]]
) -> UUID | None:
    """Return the newest of some datasets that was made for exactly these columns and is not archived."""
    fitting = select(DatasetRow.id).where(
        DatasetRow.id.in_(list(dataset_ids)),
        DatasetRow.declared_columns == [list(column) for column in columns],
        DatasetRow.archived_at.is_(None),
    )
    found: UUID | None = await tx.scalar(fitting.order_by(DatasetRow.id.desc()).limit(1))
    return found
