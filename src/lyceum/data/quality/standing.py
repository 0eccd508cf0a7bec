"""Which versions checks stand on, so that their rows stay."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.public import dataset_of_version, version_cards
from lyceum.data.quality.models import CheckRow, CheckRunRow


async def versions_checked(tx: AsyncSession, version_ids: Collection[UUID]) -> set[UUID]:
    """Return which of a dataset's versions are about to be checked, or are what a check compares every version with.

    For a job that works as the organisation of the dataset: five queries.
    """
    if not version_ids:
        return set()
    waiting = select(CheckRunRow.version_id).where(
        CheckRunRow.version_id.in_(list(version_ids)), CheckRunRow.state == "queued"
    )
    used = set(await tx.scalars(waiting))
    dataset = await dataset_of_version(tx, next(iter(version_ids)))
    reference = CheckRow.definition["reference"].as_string()
    compared = select(reference).where(
        CheckRow.dataset_id == dataset.id, CheckRow.archived_at.is_(None), reference.startswith("@")
    )
    names = set(await tx.scalars(compared))
    if not names:
        return used
    cards = await version_cards(tx, version_ids)
    return used | {card.id for card in cards.values() if f"@{card.number}" in names}
