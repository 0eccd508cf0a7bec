"""What the judge of a version's columns is asked; what it finds is in the error alone."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.public import Judgement, VersionJudge, dataset_of_version
from lyceum.data.schemas import queries
from lyceum.data.schemas.datasets import find_subject_of
from lyceum.data.schemas.service import compared_by


async def _ask(tx: AsyncSession, version_id: UUID) -> dict[str, Any] | None:
    """Return the schemas that the version's is compared with; None where the dataset allows every change."""
    dataset = await dataset_of_version(tx, version_id)
    mode = await queries.compatibility_of(tx, dataset.org_id, await find_subject_of(tx, dataset))
    if not mode.directions:
        return None
    versions = await queries.versions_of_dataset(tx, dataset.org_id, dataset.id)
    if not versions:
        return None
    return {
        "address": dataset.address,
        "mode": str(mode),
        "newest": versions[-1].text,
        "compared": [{"number": one.number, "text": one.text} for one in compared_by(versions, mode)],
    }


async def _keep(_tx: AsyncSession, _version_id: UUID, _judgement: Judgement) -> Mapping[str, Any]:
    return {}


JUDGE = VersionJudge("schema", ask=_ask, compute="lyceum.data.schemas.judged:judge", keep=_keep)
