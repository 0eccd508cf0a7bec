"""The job that runs a dataset's checks on one of its versions."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.public import VersionTable, earlier_version_by_id, version_table_by_id
from lyceum.data.quality.errors import CheckRunNotFound
from lyceum.data.quality.events import ChecksRan
from lyceum.data.quality.models import CheckResultRow, CheckRunRow
from lyceum.data.quality.queries import check_rows
from lyceum.data.quality.work import CheckedTable, CheckWork, TableAt
from lyceum.kernel.events import publish
from lyceum.kernel.jobs.handlers import HeavyHandler, JobRun
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.tx import transaction

VERSION_NAMED = re.compile(r"@([1-9][0-9]{0,8})")
CALLED_OFF = {"code": "cancelled", "title": "Called off", "status": 409, "detail": "The check run was called off."}
CHECK_SECONDS_MAX = 3600
"""A whole table is read once, and each of its checks computed on it."""


class RunChecks(JobArgs, frozen=True, kw_only=True):
    """Run all checks of a dataset on the version its check run names."""

    kind = "data.run_checks"
    lane = "short"
    attempts_max = 3
    seconds_max = CHECK_SECONDS_MAX
    check_run_id: UUID
    others: dict[str, UUID] = msgspec.field(default_factory=dict)
    """Versions that whoever asked for the run may read, by the address that a check has for them."""


async def _prepare(run: JobRun, args: RunChecks) -> CheckWork:
    async with transaction(run.resources.database, run.scope) as tx:
        check_run = await _check_run(tx, args.check_run_id)
        table = await version_table_by_id(tx, check_run.version_id)
        checks = await check_rows(tx, table.dataset_id)
        definitions = [row.definition for row in checks]
        return CheckWork(
            table_key=table.table_key,
            delta_version=table.delta_version,
            line_of_first_row=table.line_of_first_row,
            marks=dict(table.marks),
            check_ids=[row.id for row in checks],
            definitions=definitions,
            references=await _references(tx, table.version_id, definitions),
            others={address: _at(await version_table_by_id(tx, found)) for address, found in args.others.items()},
        )


async def _references(tx: AsyncSession, version_id: UUID, definitions: list[dict[str, Any]]) -> dict[str, TableAt]:
    """Return the versions that checks compare with: `previous`, or a version's number such as `@3`."""
    names = {definition["reference"] for definition in definitions if definition.get("reference")}
    found: dict[str, TableAt] = {}
    for name in sorted(names):
        number = VERSION_NAMED.fullmatch(name)
        if name != "previous" and number is None:
            continue
        table = await earlier_version_by_id(tx, version_id, int(number[1]) if number else None)
        if table is not None:
            found[name] = _at(table)
    return found


def _at(table: VersionTable) -> TableAt:
    return TableAt(table_key=table.table_key, delta_version=table.delta_version)


async def _conclude(tx: AsyncSession, run: JobRun, args: RunChecks, output: CheckedTable) -> None:
    del run
    check_run = await _check_run(tx, args.check_run_id)
    check_run.state = "passed" if output.passed else "failed"
    check_run.finished_at = datetime.now(UTC)
    tx.add_all(
        CheckResultRow(org_id=check_run.org_id, check_run_id=check_run.id, check_id=check_id, result=result)
        for check_id, result in zip(output.check_ids, output.results, strict=True)
    )
    await tx.flush()
    await publish(tx, ChecksRan(check_run_id=check_run.id))


async def _gave_up(tx: AsyncSession, args: RunChecks, error: dict[str, Any] | None, state: str) -> None:
    check_run = await _check_run(tx, args.check_run_id)
    if check_run.state != "queued":
        return
    check_run.state = "errored"
    check_run.error = CALLED_OFF if state == "cancelled" else error
    check_run.finished_at = datetime.now(UTC)
    await tx.flush()


async def _check_run(tx: AsyncSession, check_run_id: UUID) -> CheckRunRow:
    check_run = await tx.get(CheckRunRow, check_run_id, with_for_update=True)
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
)
