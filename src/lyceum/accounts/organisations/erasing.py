"""What becomes of all that a deleted organisation had: each module removes its own, from those above downwards."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.grants.models import AccessRequestRow, GrantRow
from lyceum.accounts.groups.models import GroupRow
from lyceum.accounts.privacy.public import Eraser
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.tx import transaction

_REMAINS = text("SELECT definer.organisation_remains_remove()")
_INVITATIONS = text("DELETE FROM invitations WHERE org_id = :org")


class EraseOrganisation(JobArgs, frozen=True, kw_only=True):
    """Remove what a deleted organisation had; done twice, since what was under way may have written meanwhile."""

    kind = "accounts.erase_organisation"
    job_class = "background"
    seconds_max = 24 * 3600
    org_id: UUID


def erasing_handler(erasers: Sequence[Eraser]) -> LightHandler:
    """Return what runs the job, with the modules' own parts in the order in which they refer to each other."""

    async def erase(run: JobRun, args: EraseOrganisation) -> None:
        for eraser in erasers:
            if eraser.of_organisation is not None:
                await eraser.of_organisation(run.resources, args.org_id)
        async with transaction(run.resources.database, run.scope) as tx:
            await _erase_own(tx, args.org_id)

    return LightHandler(args_type=EraseOrganisation, run=erase)


async def _erase_own(tx: AsyncSession, org_id: UUID) -> None:
    for row in (AccessRequestRow, GrantRow, GroupRow):
        await tx.execute(delete(row).where(row.org_id == org_id))
    await tx.execute(_INVITATIONS, {"org": org_id})
    await tx.execute(_REMAINS)
