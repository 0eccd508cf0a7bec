"""Reads of watching."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor
from lyceum.data.datasets.public import addresses_of_datasets, version_cards
from lyceum.data.lineage.public import PredictionLog
from lyceum.serve.registry.public import addresses_of_model_versions, model_id_for, numbers_of_versions
from lyceum.serve.watching.models import WatchedVersionRow
from lyceum.serve.watching.schemas import WatchedVersion, WatchVerdict

SHOWN_MAX = 20
LOGS_MAX = 100


async def list_watched(tx: AsyncSession, who: Actor, org: str, name: str) -> list[WatchedVersion]:
    """Return the newest versions of a model that have predicted, with what was last found: six queries at most.

    Raises `ModelNotFound`. A dataset that the caller does not see has no address here.
    """
    model_id = await model_id_for(tx, who, org, name)
    of_model = select(WatchedVersionRow).where(WatchedVersionRow.model_id == model_id)
    rows = list(await tx.scalars(of_model.order_by(WatchedVersionRow.model_version_id.desc()).limit(SHOWN_MAX)))
    numbers = await numbers_of_versions(tx, [row.model_version_id for row in rows])
    addresses = await addresses_of_datasets(tx, {row.dataset_id for row in rows})
    cards = await version_cards(tx, {row.judged_version_id for row in rows if row.judged_version_id is not None})
    return [
        WatchedVersion(
            version=numbers[row.model_version_id],
            dataset=addresses.get(row.dataset_id, ""),
            dataset_version=cards[row.judged_version_id].number if row.judged_version_id in cards else None,
            judged_at=row.judged_at,
            verdict=WatchVerdict.model_validate(row.verdict) if row.verdict is not None else None,
        )
        for row in rows
    ]


async def prediction_logs(tx: AsyncSession, dataset_id: UUID, version_ids: Collection[UUID]) -> list[PredictionLog]:
    """Return the model versions whose predictions fill a dataset, and which datasets those of some versions fill.

    The newest, as far as the caller sees both: at most five queries.
    """
    filled = (WatchedVersionRow.dataset_id == dataset_id) | WatchedVersionRow.model_version_id.in_(list(version_ids))
    query = select(WatchedVersionRow).where(filled).order_by(WatchedVersionRow.model_version_id.desc()).limit(LOGS_MAX)
    rows = list(await tx.scalars(query))
    models = await addresses_of_model_versions(tx, [row.model_version_id for row in rows])
    datasets = await addresses_of_datasets(tx, {row.dataset_id for row in rows}) if rows else {}
    return [
        PredictionLog(row.model_version_id, models[row.model_version_id], row.dataset_id, datasets[row.dataset_id])
        for row in rows
        if row.model_version_id in models and row.dataset_id in datasets
    ]
