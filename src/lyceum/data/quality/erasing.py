"""How checks go with their organisation."""

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.privacy.public import Eraser
from lyceum.data.datasets.personal.public import ErasedPerson
from lyceum.data.quality.masking import without_rows
from lyceum.data.quality.models import (
    CheckResultRow,
    CheckRow,
    CheckRunRow,
    CheckStateRow,
    DatasetQualityRow,
    RefusedSuggestionRow,
)
from lyceum.data.quality.oddrows.public import forget_of_organisation as forget_odd_rows
from lyceum.data.quality.oddrows.public import forget_rows_of
from lyceum.data.quality.states import forget_state
from lyceum.data.quality.watching.public import forget_of_organisation, forget_values
from lyceum.kernel.db import Scope
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction


async def _of_organisation(resources: Resources, org_id: UUID) -> None:
    """Remove its checks, its watches, its odd rows, and what they found."""
    async with transaction(resources.database, Scope(org_id=org_id)) as tx:
        await forget_of_organisation(tx, org_id)
        await forget_odd_rows(tx, org_id)
        for row in (
            DatasetQualityRow,
            RefusedSuggestionRow,
            CheckResultRow,
            CheckRunRow,
            CheckRow,
            CheckStateRow,
        ):
            await tx.execute(delete(row).where(row.org_id == org_id))


ERASER = Eraser("checks", of_organisation=_of_organisation)


async def forget_rows_shown(tx: AsyncSession, resources: Resources, person: ErasedPerson) -> None:
    """Remove what results of runs on those versions show of rows, and what a watch remembers; counts and verdicts stay."""
    del resources
    runs = select(CheckRunRow.id).where(CheckRunRow.version_id.in_(person.version_ids))
    for row in await tx.scalars(select(CheckResultRow).where(CheckResultRow.check_run_id.in_(runs))):
        row.result = without_rows(row.result)
    await tx.flush()
    await forget_rows_of(tx, person.version_ids)
    await forget_state(tx, person.dataset_id)
    if person.version_ids:
        await forget_values(tx, person.dataset_id)
