"""The job that makes a version of the rows that failed checks."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.making.public import (
    VersionFollower,
    VersionJudge,
    accept_read,
    intake_of,
    reject_made,
    tell_progress,
)
from lyceum.data.datasets.public import version_table_by_id
from lyceum.data.datasets.rows.public import AcceptedTable
from lyceum.data.quality import compared
from lyceum.data.quality.errors import CheckRunNotFound
from lyceum.data.quality.models import CheckRunRow
from lyceum.data.quality.quarantine.asked import failed_checks
from lyceum.data.quality.quarantine.work import QuarantineRows, Quarantining
from lyceum.kernel.jobs.handlers import HeavyHandler, JobRun
from lyceum.kernel.tx import transaction


@dataclass(frozen=True, slots=True)
class _Accepting:
    """Has the rows judged as any version's are, and accepts them."""

    followers: tuple[VersionFollower, ...]
    judges: tuple[VersionJudge, ...]

    async def prepare(self, run: JobRun, args: QuarantineRows) -> Quarantining:
        async with transaction(run.resources.database, run.scope) as tx:
            check_run = await tx.get(CheckRunRow, args.check_run_id)
            if check_run is None:
                raise CheckRunNotFound(f"There is no check run {args.check_run_id} any more.")
            origin = await version_table_by_id(tx, check_run.version_id)
            checks = await failed_checks(tx, check_run.id, args.check_id)
            definitions = list(checks.values())
            return Quarantining(
                check_ids=list(checks),
                definitions=definitions,
                references=await compared.references(tx, origin.version_id, definitions),
                others={
                    address: compared.looked_up_at(await version_table_by_id(tx, found), check_run.org_id)
                    for address, found in args.others.items()
                },
                table_key=origin.table_key,
                delta_version=origin.delta_version,
                origin={
                    "dataset": origin.address,
                    "version_id": str(origin.version_id),
                    "check_run_id": str(check_run.id),
                },
                intake=await intake_of(tx, run.resources, args.version_id, self.judges),
            )

    async def conclude(self, tx: AsyncSession, run: JobRun, args: QuarantineRows, table: AcceptedTable) -> None:
        await accept_read(tx, run, args.version_id, table, self.followers, self.judges)


async def _gave_up(tx: AsyncSession, args: QuarantineRows, error: dict[str, Any] | None, state: str) -> None:
    await reject_made(tx, args.version_id, error, state)


def handlers(followers: tuple[VersionFollower, ...], judges: tuple[VersionJudge, ...]) -> tuple[HeavyHandler, ...]:
    """Return what runs these jobs; `followers` and `judges` are as those of `data.datasets.jobs`."""
    accepting = _Accepting(followers, judges)
    return (
        HeavyHandler(
            args_type=QuarantineRows,
            prepare=accepting.prepare,
            compute="lyceum.data.quality.quarantine.taking:quarantine",
            output_type=AcceptedTable,
            conclude=accepting.conclude,
            on_event=tell_progress,
            gave_up=_gave_up,
        ),
    )
