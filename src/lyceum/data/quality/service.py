"""Writes of checks: keep, change, drop, and have them run."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit
from lyceum.accounts.public import Actor, Power, require
from lyceum.data.datasets.public import (
    DatasetRef,
    dataset_ref_for,
    latest_version_of,
    version_table_for,
    writing_to,
    writing_to_dataset,
)
from lyceum.data.quality.asked import RunDueCheck, schedule_of
from lyceum.data.quality.definitions import CHECKS_PER_DATASET_MAX, free_id, says, usable
from lyceum.data.quality.errors import (
    CheckExists,
    CheckNotFound,
    CheckTooOften,
    CheckUnchanged,
    NothingToCheck,
    TooManyChecks,
)
from lyceum.data.quality.events import CheckDropped
from lyceum.data.quality.models import CheckRow
from lyceum.data.quality.queries import as_check, as_check_run, check_rows
from lyceum.data.quality.schemas import Check, CheckChange, CheckRun, NewCheck
from lyceum.data.quality.starting import begin_run
from lyceum.kernel.events import publish
from lyceum.kernel.http.revisions import require_revision
from lyceum.kernel.jobs.recurring import next_time, put_schedule, remove_schedule

PAUSE_MIN = timedelta(minutes=5)
"""Between two times at which a check runs by its schedule."""
_IN_DEFINITION = ("severity", "blocking", "tags", "owner")
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(:dataset_id, 0))")


async def add_check(tx: AsyncSession, who: Actor, org: str, name: str, wanted: NewCheck) -> Check:
    """Keep a check with a dataset; its columns are looked up in the latest version.

    Raises `InvalidCheck` with the closest column name, `CheckExists` and `TooManyChecks`.
    """
    async with writing_to(tx, who, org, name) as writer:
        return await _add_check(tx, writer, org, name, wanted)


async def _add_check(tx: AsyncSession, who: Actor, org: str, name: str, wanted: NewCheck) -> Check:
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_WRITE)
    table = await version_table_for(tx, who, dataset.address)
    schema = table.table_schema.model_dump()
    kept = [row.definition for row in await checks_alone(tx, dataset)]
    definition = await asyncio.to_thread(usable, wanted.definition, schema)
    _refuse_twin(definition, kept, dataset.address)
    refuse_too_many(len(kept) + 1)
    definition["id"] = free_id(definition["id"], taken={known["id"] for known in kept})
    row = new_row(dataset, who, definition, origin="person", reason=wanted.reason)
    row.schedule, row.zone = wanted.schedule, wanted.zone
    tx.add(row)
    await tx.flush()
    await keep_schedule(tx, row)
    await tx.refresh(row)
    return as_check(row, {})


async def change_check(
    tx: AsyncSession, who: Actor, check_id: UUID, wanted: CheckChange, *, if_match: str | None
) -> Check:
    """Change what is sent of a check, made from the revision that `if_match` names; what it found stays with it.

    Raises `CheckNotFound`, `CheckUnchanged`, `InvalidCheck`, `CheckExists`, `ScheduleInvalid`, `CheckTooOften`, and what
    `require_revision` raises.
    """
    row = await _check_to_change(tx, who, check_id)
    async with writing_to_dataset(tx, who, row.dataset_id, row.org_id):
        changes = wanted.model_dump()
        if not changes:
            raise CheckUnchanged(
                "Nothing is to be changed; send definition, severity, blocking, tags, owner, reason, schedule, zone or enabled."
            )
        locked = await tx.get(CheckRow, check_id, with_for_update={"key_share": True}, populate_existing=True)
        if locked is None or locked.archived_at is not None:
            raise _no_check(check_id)
        before = as_check(locked, {})
        require_revision(if_match, locked.revision, newest=before)
        note_audit(before=before)
        if changes.keys() & {"definition", *_IN_DEFINITION}:
            locked.definition = await _changed_definition(tx, locked, changes)
        for field in ("reason", "schedule", "zone", "enabled"):
            if field in changes:
                setattr(locked, field, changes[field])
        locked.revision += 1
        await tx.flush()
        await keep_schedule(tx, locked)
        if before.enabled and not locked.enabled:
            await publish(tx, CheckDropped(check_id=locked.id, dataset_id=locked.dataset_id))
        return as_check(locked, {})


async def _changed_definition(tx: AsyncSession, row: CheckRow, changes: dict[str, Any]) -> dict[str, Any]:
    table = await latest_version_of(tx, row.dataset_id)
    address = table.address if table else "The dataset"
    await tx.execute(_ONE_AT_A_TIME, {"dataset_id": str(row.dataset_id)})
    others = [other.definition for other in await check_rows(tx, row.dataset_id) if other.id != row.id]
    asked = dict(changes.get("definition", row.definition))
    asked |= {field: changes[field] for field in _IN_DEFINITION if field in changes}
    schema = table.table_schema.model_dump() if table else None
    definition = await asyncio.to_thread(usable, asked, schema)
    _refuse_twin(definition, others, address)
    definition["id"] = free_id(definition["id"], taken={known["id"] for known in others})
    return definition


async def keep_schedule(tx: AsyncSession, row: CheckRow) -> None:
    """Have a check run when its schedule says so, and not when it has none, is stopped or does not run.

    `tx` works for its organisation. Raises `ScheduleInvalid` and `CheckTooOften`.
    """
    if not row.schedule or not row.enabled or row.archived_at is not None:
        await remove_schedule(tx, schedule_of(row.id))
        return
    _refuse_too_often(row.schedule, row.zone)
    args = RunDueCheck(check_id=row.id)
    await put_schedule(tx, schedule_of(row.id), args, cron=row.schedule, zone=row.zone)


def _refuse_too_often(cron: str, zone: str) -> None:
    first = next_time(cron, zone, after=datetime.now(UTC))
    if next_time(cron, zone, after=first) - first < PAUSE_MIN:
        minutes = PAUSE_MIN.seconds // 60
        raise CheckTooOften(f"The schedule {cron!r} comes more often than every {minutes} minutes; write a rarer one.")


async def drop_check(tx: AsyncSession, who: Actor, check_id: UUID) -> None:
    """Stop a check; the results it gave stay. Raises `CheckNotFound`."""
    row = await _check_to_change(tx, who, check_id)
    async with writing_to_dataset(tx, who, row.dataset_id, row.org_id):
        await stop(tx, row)


async def stop(tx: AsyncSession, row: CheckRow) -> None:
    """Stop a check that whoever asks was found to change; `tx` works for its organisation."""
    row.archived_at = datetime.now(UTC)
    await tx.flush()
    await keep_schedule(tx, row)
    await publish(tx, CheckDropped(check_id=row.id, dataset_id=row.dataset_id))


async def _check_to_change(tx: AsyncSession, who: Actor, check_id: UUID) -> CheckRow:
    row = await tx.get(CheckRow, check_id)
    if row is None or row.archived_at is not None:
        require(who, Power.DATASETS_WRITE)
        raise _no_check(check_id)
    return row


def _no_check(check_id: UUID) -> CheckNotFound:
    return CheckNotFound(f"There is no check {check_id} that you may change.")


async def start_check_run(tx: AsyncSession, who: Actor, org: str, name: str, number: int | None) -> CheckRun:
    """Have all checks of a dataset run on one of its versions, the latest for None; raises `NothingToCheck`."""
    async with writing_to(tx, who, org, name) as writer:
        which = f"{org}/{name}" if number is None else f"{org}/{name}@{number}"
        table = await version_table_for(tx, writer, which, need=Power.DATASETS_WRITE)
        run = await begin_run(tx, writer, table, origin="person")
        if run is None:
            raise NothingToCheck(
                f"{table.address} has no checks that run; add one, accept the suggested ones, or have those run again "
                "that were switched off."
            )
        return as_check_run(run, [], {}, {})


async def checks_alone(tx: AsyncSession, dataset: DatasetRef) -> list[CheckRow]:
    """Return the dataset's checks; until `tx` ends, nobody else adds one."""
    await tx.execute(_ONE_AT_A_TIME, {"dataset_id": str(dataset.id)})
    return await check_rows(tx, dataset.id)


def _refuse_twin(definition: dict[str, Any], others: list[dict[str, Any]], address: str) -> None:
    twin = next((known["id"] for known in others if says(known) == says(definition)), None)
    if twin is not None:
        raise CheckExists(f"{address} has this check already, as {twin}.")


def refuse_too_many(wanted: int) -> None:
    """Raise `TooManyChecks` for more checks than a dataset may have."""
    if wanted > CHECKS_PER_DATASET_MAX:
        raise TooManyChecks(f"A dataset has at most {CHECKS_PER_DATASET_MAX:,} checks; drop some first.")


def new_row(dataset: DatasetRef, who: Actor, definition: dict[str, Any], *, origin: str, reason: str) -> CheckRow:
    """Return the row of a check that is to be kept."""
    return CheckRow(
        org_id=dataset.org_id,
        dataset_id=dataset.id,
        definition=definition,
        origin=origin,
        reason=reason,
        created_by=who.user_id,
    )
