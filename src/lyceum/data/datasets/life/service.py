"""How long a dataset keeps what it has: what it says of itself, and whether it takes writes."""

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit
from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.life.schemas import Kept, Retention, RetentionChange
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.queries import dataset_row_for
from lyceum.data.datasets.sharing import writing_to
from lyceum.kernel.config import Settings


async def retention_for(tx: AsyncSession, who: Actor, settings: Settings, org: str, name: str) -> Retention:
    """Return for how long a dataset keeps the rows of its versions; raises `DatasetNotFound`."""
    row = await dataset_row_for(tx, who, org, name, need=Power.DATASETS_READ)
    return await _as_retention(tx, row, settings)


async def change_retention(
    tx: AsyncSession, who: Actor, settings: Settings, org: str, name: str, wanted: RetentionChange
) -> Retention:
    """Say for how long a dataset keeps the rows of its versions; the next round goes by it. Raises `DatasetNotFound`."""
    async with writing_to(tx, who, org, name) as writer:
        row = await dataset_row_for(tx, writer, org, name, need=Power.DATASETS_WRITE)
        note_audit(before=own_of(row), after=wanted)
        row.keep_versions = wanted.keep_versions
        row.keep_days = wanted.keep_days
        row.dormant_days = wanted.dormant_days
        # put in order soon
        row.tended_at = None
        await tx.flush()
        return await _as_retention(tx, row, settings)


async def set_dormant(
    tx: AsyncSession, who: Actor, settings: Settings, org: str, name: str, *, dormant: bool
) -> Retention:
    """Have a dataset take no more writes, or take them again; its versions are read either way. Raises `DatasetNotFound`."""
    async with writing_to(tx, who, org, name) as writer:
        row = await dataset_row_for(tx, writer, org, name, need=Power.DATASETS_WRITE)
        note_audit(before={"dormant": row.dormant_at is not None}, after={"dormant": dormant})
        now = datetime.now(UTC)
        if dormant:
            row.dormant_at = row.dormant_at or now
        else:
            row.dormant_at, row.woken_at = None, now
        await tx.flush()
        return await _as_retention(tx, row, settings)


def own_of(row: DatasetRow) -> Kept:
    """Return what a dataset says itself."""
    return Kept(keep_versions=row.keep_versions, keep_days=row.keep_days, dormant_days=row.dormant_days)


def holding_for(row: DatasetRow, settings: Settings) -> Kept:
    """Return what holds of a dataset: what it says of versions itself, else what the hub's settings say."""
    says_itself = row.keep_versions is not None or row.keep_days is not None
    return Kept(
        keep_versions=row.keep_versions if says_itself else settings.dataset_keep_versions,
        keep_days=row.keep_days if says_itself else settings.dataset_keep_days,
        dormant_days=row.dormant_days or settings.dataset_dormant_days,
    )


async def _as_retention(tx: AsyncSession, row: DatasetRow, settings: Settings) -> Retention:
    thinned = select(func.count()).where(
        DatasetVersionRow.dataset_id == row.id, DatasetVersionRow.thinned_at.is_not(None)
    )
    holds = holding_for(row, settings)
    is_limited = holds.keep_versions is not None or holds.keep_days is not None
    return Retention(
        own=own_of(row),
        holds=holds,
        pushed_versions_kept=None if is_limited else settings.pushed_versions_kept,
        dormant_at=row.dormant_at,
        tended_at=row.tended_at,
        thinned_versions=int(await tx.scalar(thinned) or 0),
    )
