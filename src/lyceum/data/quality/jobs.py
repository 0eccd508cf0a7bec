"""The jobs that run a dataset's checks on one of its versions."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.personal.public import is_erased_meanwhile
from lyceum.data.datasets.public import dataset_of_version, version_table_by_id
from lyceum.data.quality import compared
from lyceum.data.quality.asked import RunChecks, RunDueCheck
from lyceum.data.quality.due import run_due
from lyceum.data.quality.errors import CheckRunNotFound
from lyceum.data.quality.events import ChecksRan
from lyceum.data.quality.masking import without_rows
from lyceum.data.quality.models import CheckResultRow, CheckRunRow
from lyceum.data.quality.queries import checks_to_run
from lyceum.data.quality.scoring import judge
from lyceum.data.quality.states import keep_state, kept_state
from lyceum.data.quality.work import CheckedTable, CheckWork
from lyceum.kernel.events import publish
from lyceum.kernel.jobs.handlers import HeavyHandler, JobRun, LightHandler
from lyceum.kernel.tx import transaction

CALLED_OFF = {"code": "cancelled", "title": "Called off", "status": 409, "detail": "The check run was called off."}


async def _prepare(run: JobRun, args: RunChecks) -> CheckWork:
    async with transaction(run.resources.database, run.scope) as tx:
        check_run = await _check_run(tx, args.check_run_id)
        table = await version_table_by_id(tx, check_run.version_id)
        checks = await checks_to_run(tx, table.dataset_id, check_run.check_ids)
        definitions = [row.definition for row in checks]
        all_run = check_run.check_ids is None
        return CheckWork(
            keeps_state=all_run,
            kept=await kept_state(tx, table.dataset_id) if all_run else None,
            table_key=table.table_key,
            delta_version=table.delta_version,
            line_of_first_row=table.line_of_first_row,
            marks=dict(table.marks),
            check_ids=[row.id for row in checks],
            definitions=definitions,
            references=await compared.references(tx, table.version_id, definitions),
            others={
                address: compared.looked_up_at(await version_table_by_id(tx, found), check_run.org_id)
                for address, found in args.others.items()
            },
        )


async def _conclude(tx: AsyncSession, run: JobRun, args: RunChecks, output: CheckedTable) -> None:
    check_run = await _check_run(tx, args.check_run_id, locked=False)
    dataset = await dataset_of_version(tx, check_run.version_id)
    was_erased = await is_erased_meanwhile(tx, run, dataset.id)
    check_run = await _check_run(tx, args.check_run_id)
    if was_erased:
        output = msgspec.structs.replace(output, results=[without_rows(result) for result in output.results])
    check_run.state = "passed" if output.passed else "failed"
    check_run.finished_at = datetime.now(UTC)
    add_results(tx, check_run, output)
    await keep_state(tx, check_run, output.keep)
    await tx.flush()
    await judge(tx, check_run, dataset.id)
    await publish(tx, ChecksRan(check_run_id=check_run.id))


def add_results(tx: AsyncSession, check_run: CheckRunRow, found: CheckedTable) -> None:
    """Keep what came of each check of a run."""
    tx.add_all(
        CheckResultRow(org_id=check_run.org_id, check_run_id=check_run.id, check_id=check_id, result=result)
        for check_id, result in zip(found.check_ids, found.results, strict=True)
    )


async def _gave_up(tx: AsyncSession, args: RunChecks, error: dict[str, Any] | None, state: str) -> None:
    check_run = await _check_run(tx, args.check_run_id)
    if check_run.state != "queued":
        return
    check_run.state = "errored"
    check_run.error = CALLED_OFF if state == "cancelled" else error
    check_run.finished_at = datetime.now(UTC)
    await tx.flush()
    await judge(tx, check_run, (await dataset_of_version(tx, check_run.version_id)).id)


async def _check_run(tx: AsyncSession, check_run_id: UUID, *, locked: bool = True) -> CheckRunRow:
    check_run = await tx.get(CheckRunRow, check_run_id, with_for_update=locked or None)
    if check_run is None:
        raise CheckRunNotFound(f"There is no check run {check_run_id}.")
    return check_run


HANDLERS = (
    HeavyHandler(
        args_type=RunChecks,
        prepare=_prepare,
        compute="lyceum.data.quality.scan:scan_checks",
        output_type=CheckedTable,
        conclude=_conclude,
        gave_up=_gave_up,
        preload=("lyceum.data.quality.scan",),
    ),
    LightHandler(args_type=RunDueCheck, run=run_due),
)
