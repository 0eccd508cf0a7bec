"""Writes of personal data's marks, and the record of who read it unmasked."""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit, record
from lyceum.accounts.errors import NotAllowed
from lyceum.accounts.public import Actor, Power, require
from lyceum.data.datasets.addresses import VersionTable
from lyceum.data.datasets.errors import ColumnUnknown
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.personal.queries import as_columns
from lyceum.data.datasets.personal.schemas import PersonalColumns, PersonalDecision
from lyceum.data.datasets.queries import dataset_to_change
from lyceum.data.datasets.versions import cover_what_was_said


async def decide(tx: AsyncSession, who: Actor, org: str, name: str, wanted: PersonalDecision) -> PersonalColumns:
    """Mark a column as personal, or say that it is not; returns what is known of all.

    Raises `ColumnUnknown` for one that is neither in the latest version nor known, `NotAllowed` for a guest.
    """
    require_member(who, org, f"Which columns of {org}/{name} hold personal data")
    # locked, so that of two decisions at once none is lost
    dataset = await dataset_to_change(tx, who, org, name)
    query = select(DatasetRow.personal_columns).where(DatasetRow.id == dataset.id)
    known = dict(await tx.scalar(query) or {})
    columns = await _columns_of_latest(tx, dataset.id, dataset.latest_version)
    if columns is not None and wanted.column not in columns and wanted.column not in known:
        raise ColumnUnknown(
            f"The latest version of {dataset.address} has no column {wanted.column[:100]!r}; it has {_some(columns)}."
        )
    before = known.get(wanted.column)
    known[wanted.column] = {
        "kind": wanted.kind,
        "confidence": 1.0,
        "reason": "Said by a person.",
        "is_marked": wanted.is_marked,
        "said_by": "person",
    }
    note_audit(before=before, after=known[wanted.column])
    await tx.execute(update(DatasetRow).where(DatasetRow.id == dataset.id).values(personal_columns=known))
    if wanted.is_marked and not (before or {}).get("is_marked"):
        await cover_what_was_said(tx, dataset.id, [wanted.column])
    return as_columns(known)


def may_read_unmasked(who: Actor, table: VersionTable) -> bool:
    """Say whether the caller may read what marked columns hold: a member who may change the dataset."""
    return who.org_id == table.org_id and Power.DATASETS_WRITE in who.powers


def note_unmasked_read(tx: AsyncSession, who: Actor, table: VersionTable) -> None:
    """Have a read of what marked columns hold recorded when `tx` commits; raises `NotAllowed` for who may not."""
    require_member(who, table.address.partition("/")[0], f"What marked columns of {table.address} hold")
    require(who, Power.DATASETS_WRITE)
    record(tx, who, "read_unmasked", "dataset", table.dataset_id, address=f"{table.address}@{table.number}")


def note_unmasked_message(tx: AsyncSession, who: Actor, dataset_id: UUID, *, letter_id: UUID) -> None:
    """Have a read of a message recorded that is held for a dataset of the caller's own, with what marked columns hold."""
    require(who, Power.DATASETS_WRITE)
    record(tx, who, "read_unmasked", "dataset", dataset_id, address=f"dead letter {letter_id}")


def require_member(who: Actor, org: str, what: str) -> None:
    """Raise `NotAllowed` for whoever does not act in the organisation."""
    if who.org_name != org:
        raise NotAllowed(f"{what} is for members of {org} who may change its datasets.")


async def _columns_of_latest(tx: AsyncSession, dataset_id: object, number: int | None) -> list[str] | None:
    if number is None:
        return None
    query = select(DatasetVersionRow.table_schema).where(
        DatasetVersionRow.dataset_id == dataset_id, DatasetVersionRow.number == number
    )
    schema = await tx.scalar(query)
    return [column["name"] for column in (schema or {"columns": []})["columns"]]


def _some(columns: list[str]) -> str:
    shown = ", ".join(columns[:10])
    return f"{shown} and {len(columns) - 10:,} more" if len(columns) > 10 else shown
