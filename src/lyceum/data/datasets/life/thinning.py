"""Which versions lose their rows: what a dataset keeps, what somebody stands on, and the newest stay."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.appends.tables.public import APPENDED_FORMATS
from lyceum.data.datasets.life.schemas import Kept
from lyceum.data.datasets.life.service import holding_for
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.kernel.config import Settings

VersionsInUse = Callable[[AsyncSession, Collection[UUID]], Awaitable[Collection[UUID]]]
"""Takes the ids of versions and returns those whose rows somebody stands on, such as a model's training run."""
STAY_AT_LEAST = timedelta(hours=1)
"""Whoever has just made a version, or has just asked for one, is not surprised."""
THINNED_AT_ONCE = 1_000


def beyond(versions: Sequence[DatasetVersionRow], kept: Kept, *, pushed_kept: int, now: datetime) -> list[UUID]:
    """Return which of a dataset's versions, newest first, it keeps no longer.

    A version stays that one of the limits keeps. Where none is said, versions of pushed records and of streams have one of their own: what
    such a version holds, the later ones hold as well.
    """
    is_limited = kept.keep_versions is not None or kept.keep_days is not None
    gone = []
    for place, row in enumerate(versions):
        age = now - row.accepted_at if row.accepted_at is not None else timedelta.max
        if place == 0 or row.thinned_at is not None or age < STAY_AT_LEAST:
            continue
        if is_limited:
            stays = (kept.keep_versions is not None and place < kept.keep_versions) or (
                kept.keep_days is not None and age < timedelta(days=kept.keep_days)
            )
        else:
            stays = row.source.get("format") not in APPENDED_FORMATS or place < pushed_kept
        if not stays:
            gone.append(row.id)
    return gone


async def thin(
    tx: AsyncSession, dataset: DatasetRow, settings: Settings, in_use: Iterable[VersionsInUse], *, now: datetime
) -> int:
    """Mark versions as thinned that a dataset keeps no longer, and return how many; their rows are read no more."""
    rows = select(DatasetVersionRow).where(
        DatasetVersionRow.dataset_id == dataset.id,
        DatasetVersionRow.state == "accepted",
        DatasetVersionRow.thinned_at.is_(None),
    )
    versions = list(await tx.scalars(rows.order_by(DatasetVersionRow.number.desc())))
    gone = beyond(versions, holding_for(dataset, settings), pushed_kept=settings.pushed_versions_kept, now=now)
    gone = gone[-THINNED_AT_ONCE:]
    if not gone:
        return 0
    # whoever begins to stand on one waits, or is seen
    locked = select(DatasetVersionRow.id).where(DatasetVersionRow.id.in_(gone)).order_by(DatasetVersionRow.id)
    await tx.execute(locked.with_for_update())
    used = {version_id for ask in in_use for version_id in await ask(tx, gone)}
    thinned = 0
    for row in versions:
        if row.id in set(gone) - used:
            row.thinned_at = now
            thinned += 1
    await tx.flush()
    return thinned
