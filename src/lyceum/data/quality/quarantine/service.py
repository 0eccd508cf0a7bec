"""Having the rows that failed checks kept as a dataset."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor
from lyceum.data.datasets.errors import VersionPending
from lyceum.data.datasets.making.public import begin_made
from lyceum.data.datasets.public import version_by_id, version_table_by_id
from lyceum.data.datasets.schemas import Version
from lyceum.data.quality.compared import looked_up_in, tables_looked_up
from lyceum.data.quality.quarantine.asked import failed_checks
from lyceum.data.quality.quarantine.errors import CheckRunUnfinished
from lyceum.data.quality.quarantine.schemas import NewQuarantine
from lyceum.data.quality.quarantine.work import QuarantineRows
from lyceum.data.quality.queries import check_run_for
from lyceum.kernel.config import Settings


async def begin_quarantine(
    tx: AsyncSession, who: Actor, settings: Settings, check_run_id: UUID, wanted: NewQuarantine
) -> Version:
    """Have all failing rows of a check run written as the next version of a dataset; the answer is pending.

    Raises `CheckRunNotFound`, `CheckRunUnfinished`, `NothingToQuarantine`, `CheckChangedSince`, `VersionPending` where the
    version was held back, `VersionThinned`, and what `begin_made` raises.
    """
    run = await check_run_for(tx, who, check_run_id)
    if run.state not in {"passed", "failed"}:
        raise CheckRunUnfinished("This check run has no results yet; wait until it has ended, or run the checks again.")
    version = await version_by_id(tx, who, run.version_id)
    if version.state == "rejected":
        raise VersionPending(
            f"{version.file_name} was held back, so its rows are in no table. To have those that fail as a dataset, let the"
            " check not block, add the file again, and quarantine them then."
        )
    origin = await version_table_by_id(tx, run.version_id)
    checks = await failed_checks(tx, run.id, wanted.check_id)
    others = await tables_looked_up(tx, who, looked_up_in(checks.values()))

    def job(version_id: UUID) -> QuarantineRows:
        return QuarantineRows(
            version_id=version_id,
            check_run_id=run.id,
            check_id=wanted.check_id,
            others={address: other.version_id for address, other in others.items()},
        )

    source = f"{origin.address}@{origin.number}"
    return await begin_made(
        tx,
        who,
        settings,
        origin,
        wanted.dataset,
        description=f"Rows of {origin.address} that failed checks.",
        file_name=f"failing rows of {source}",
        job=job,
    )
