"""How checks go with their organisation."""

from uuid import UUID

from sqlalchemy import delete

from lyceum.accounts.privacy.public import Eraser
from lyceum.data.quality.models import (
    CheckResultRow,
    CheckRow,
    CheckRunRow,
    DatasetQualityRow,
    RefusedSuggestionRow,
)
from lyceum.data.quality.oddrows.public import forget_of_organisation as forget_odd_rows
from lyceum.data.quality.watching.public import forget_of_organisation
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
        ):
            await tx.execute(delete(row).where(row.org_id == org_id))


ERASER = Eraser("checks", of_organisation=_of_organisation)
