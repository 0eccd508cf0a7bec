"""How datasets stand, as lists of them show it: asked of the modules above, which `wiring.DATASET_HEALTH` names."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.schemas import Dataset, DatasetHealth, DatasetListed


@dataclass(frozen=True, slots=True)
class DatasetStanding:
    """What came of the checks that ran last: passed, failed or errored; the score is of 100, None where nothing was judged."""

    state: str
    score: float | None
    judged_at: datetime


@dataclass(frozen=True, slots=True)
class HealthSources:
    """Who is asked, one query each for a page of datasets; what is not seen of one is not in the answer."""

    standings: Callable[[AsyncSession, Collection[UUID]], Awaitable[Mapping[UUID, DatasetStanding]]]
    open_incidents: Callable[[AsyncSession, Collection[UUID]], Awaitable[Mapping[UUID, int]]]


async def with_health(tx: AsyncSession, datasets: Sequence[Dataset], asked: HealthSources) -> list[DatasetListed]:
    """Return datasets with how they stand: two queries, none for no dataset."""
    if not datasets:
        return []
    ids = [each.id for each in datasets]
    standings, incidents = await asked.standings(tx, ids), await asked.open_incidents(tx, ids)
    return [
        DatasetListed(**each.model_dump(), health=_health(standings.get(each.id), incidents.get(each.id, 0)))
        for each in datasets
    ]


def _health(standing: DatasetStanding | None, open_incidents: int) -> DatasetHealth:
    return DatasetHealth(
        state=standing.state if standing else None,
        score=standing.score if standing else None,
        checked_at=standing.judged_at if standing else None,
        open_incidents=open_incidents,
    )
