"""What versions look like, and which of their columns are marked as personal, found by their ids."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.marks import marks_in
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.datasets.rows.public import Marks, masked_profile


async def profile_by_id(tx: AsyncSession, version_id: UUID) -> dict[str, Any]:
    """Return the profile of a version that was found to be accepted and readable; of marked columns the counts alone."""
    profile, personal = await _profile(tx, version_id)
    return masked_profile(profile, marks_in(personal))


async def unmasked_profile_by_id(tx: AsyncSession, version_id: UUID) -> dict[str, Any]:
    """Return the profile with nothing masked, for what computes on it and shows no value."""
    return (await _profile(tx, version_id))[0]


async def _profile(tx: AsyncSession, version_id: UUID) -> tuple[dict[str, Any], dict[str, Any]]:
    wanted = select(DatasetVersionRow.profile, DatasetRow.personal_columns).join(
        DatasetRow, DatasetRow.id == DatasetVersionRow.dataset_id
    )
    found = (await tx.execute(wanted.where(DatasetVersionRow.id == version_id))).one_or_none()
    if found is None or found.profile is None:
        raise AssertionError("a version is accepted with its profile")
    return found.profile, found.personal_columns


async def marks_of_version(tx: AsyncSession, version_id: UUID) -> Marks:
    """Return the columns of a version's dataset that are marked as personal; none where the caller may not see it."""
    wanted = select(DatasetRow.personal_columns).join(DatasetVersionRow, DatasetVersionRow.dataset_id == DatasetRow.id)
    return marks_in(await tx.scalar(wanted.where(DatasetVersionRow.id == version_id)) or {})


async def marks_of_dataset(tx: AsyncSession, dataset_id: UUID) -> Marks:
    """Return the columns of a dataset that are marked as personal; none where the caller may not see it."""
    return marks_in(await tx.scalar(select(DatasetRow.personal_columns).where(DatasetRow.id == dataset_id)) or {})
