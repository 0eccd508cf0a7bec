"""How checks go with their organisation."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.privacy.public import Eraser
from lyceum.data.quality.models import (
    CheckResultRow,
    CheckRow,
    CheckRunRow,
    DatasetQualityRow,
    RefusedSuggestionRow,
)
from lyceum.data.quality.watching.public import forget_of_organisation
from lyceum.kernel.db import Scope
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction

ERASED = "What rows showed is gone, since somebody was erased from this version."


async def _of_organisation(resources: Resources, org_id: UUID) -> None:
    """Remove its checks, its watches, and what they found."""
    async with transaction(resources.database, Scope(org_id=org_id)) as tx:
        await forget_of_organisation(tx, org_id)
        for row in (
            DatasetQualityRow,
            RefusedSuggestionRow,
            CheckResultRow,
            CheckRunRow,
            CheckRow,
        ):
            await tx.execute(delete(row).where(row.org_id == org_id))


ERASER = Eraser("checks", of_organisation=_of_organisation)


async def forget_rows_shown(tx: AsyncSession, version_ids: Sequence[UUID]) -> None:
    """Remove what results of runs on some versions show of rows; counts and verdicts stay."""
    runs = select(CheckRunRow.id).where(CheckRunRow.version_id.in_(version_ids))
    for row in await tx.scalars(select(CheckResultRow).where(CheckResultRow.check_run_id.in_(runs))):
        cut: dict[str, object] = {"sample": [], "observed": None, "partitions": [], "sentence": ERASED}
        row.result = {**row.result, **cut}
    await tx.flush()
