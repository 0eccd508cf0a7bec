"""Which runs, and which models of theirs, have learned from a dataset's versions, for whoever asks what trouble with those has reached."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.incidents.public import CONSUMERS_MAX, Consumer
from lyceum.serve.registry.public import versions_made_by
from lyceum.train.runs.models import TrainingRunRow

_LEARNED_FROM = text("SELECT * FROM definer.versions_learned_from(:ids)")


async def versions_learned_from(tx: AsyncSession, version_ids: Collection[UUID]) -> set[UUID]:
    """Return which of some versions training runs have learned from, champions' and other organisations' among them: one query.

    For a job that works as the organisation of the versions.
    """
    return set(await tx.scalars(_LEARNED_FROM, {"ids": list(version_ids)}))


async def runs_on(tx: AsyncSession, version_ids: Collection[UUID]) -> list[Consumer]:
    """Return the models that were made of some versions, then the runs, as far as the caller sees them, newest first.

    At most four queries.
    """
    query = (
        select(TrainingRunRow.id, TrainingRunRow.target, TrainingRunRow.dataset_version_id)
        .where(TrainingRunRow.dataset_version_id.in_(list(version_ids)))
        .order_by(TrainingRunRow.id.desc())
        .limit(CONSUMERS_MAX)
    )
    learned_from = {row.id: row for row in await tx.execute(query)}
    models = [
        Consumer(
            kind="model",
            id=made.id,
            address=f"{made.address}@{made.number}",
            title=", ".join(made.aliases),
            version_id=learned_from[made.operation_id].dataset_version_id,
        )
        for made in await versions_made_by(tx, learned_from.keys())
    ]
    runs = [
        Consumer(kind="run", id=row.id, address=str(row.id), title=row.target, version_id=row.dataset_version_id)
        for row in learned_from.values()
    ]
    return models + runs
