"""Writes of checks: keep, suggest, drop, and have them run."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import orjson
from sqlalchemy import bindparam, distinct, exists, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power, require
from lyceum.data.datasets.public import (
    DatasetRef,
    dataset_ref_for,
    profile_by_id,
    version_table_for,
    writing_to,
    writing_to_dataset,
)
from lyceum.data.quality.errors import CheckExists, CheckNotFound, NothingToCheck, TooManyChecks
from lyceum.data.quality.events import CheckDropped
from lyceum.data.quality.jobs import RunChecks
from lyceum.data.quality.models import CheckRow, CheckRunRow
from lyceum.data.quality.queries import CHECKS_PER_DATASET_MAX, as_check, as_check_run, check_rows
from lyceum.data.quality.schemas import Check, CheckRun, NewCheck
from lyceum.kernel.events import publish
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.prepared import Prepared
from lyceum.kernel.problems import Invalid, NotFound

_GIVEN = ("id", "org_id", "version_id", "job_id", "created_by")
_HAS_CHECKS = exists().where(CheckRow.dataset_id == bindparam("dataset_id"), CheckRow.archived_at.is_(None))
# a dataset's addresses that checks look keys up in, with the run, so that it costs no question of its own
_LOOKED_UP = (
    select(func.jsonb_agg(distinct(CheckRow.definition["to"].as_string()), type_=CheckRow.definition.type))
    .where(
        CheckRow.dataset_id == bindparam("dataset_id"),
        CheckRow.archived_at.is_(None),
        CheckRow.definition["kind"].as_string() == "referential",
    )
    .scalar_subquery()
)
_ADD_RUN = Prepared(
    insert(CheckRunRow)
    .from_select(
        _GIVEN,
        select(*(bindparam(name, type_=getattr(CheckRunRow, name).type) for name in _GIVEN)).where(_HAS_CHECKS),
        include_defaults=False,
    )
    .returning(CheckRunRow, _LOOKED_UP.label("looked_up"))
)
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
    kept = [row.definition for row in await _checks_alone(tx, dataset)]
    definition = await asyncio.to_thread(_usable, wanted.definition, schema)
    if any(_says(definition) == _says(known) for known in kept):
        raise CheckExists(f"{dataset.address} has this check already, as {definition['id']}.")
    _refuse_too_many(len(kept) + 1)
    definition["id"] = _free_id(definition["id"], taken={known["id"] for known in kept})
    row = _row(dataset, who, definition, origin="person", reason=wanted.reason)
    tx.add(row)
    await tx.flush()
    await tx.refresh(row)
    return as_check(row)


async def accept_suggestions(tx: AsyncSession, who: Actor, org: str, name: str) -> list[Check]:
    """Keep what the latest version's profile suggests and the dataset does not have yet; return all its checks."""
    async with writing_to(tx, who, org, name) as writer:
        return await _accept_suggestions(tx, writer, org, name)


async def _accept_suggestions(tx: AsyncSession, who: Actor, org: str, name: str) -> list[Check]:
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_WRITE)
    table = await version_table_for(tx, who, dataset.address)
    profile = await profile_by_id(tx, table.version_id)
    kept = {row.definition["id"] for row in await _checks_alone(tx, dataset)}
    suggested = await asyncio.to_thread(_suggestions, profile)
    new = [(definition, reason) for definition, reason in suggested if definition["id"] not in kept]
    _refuse_too_many(len(kept) + len(new))
    tx.add_all(_row(dataset, who, definition, origin="suggested", reason=reason) for definition, reason in new)
    await tx.flush()
    return [as_check(row) for row in await check_rows(tx, dataset.id)]


async def drop_check(tx: AsyncSession, who: Actor, check_id: UUID) -> None:
    """Stop a check; the results it gave stay. Raises `CheckNotFound`."""
    row = await tx.get(CheckRow, check_id)
    if row is None or row.archived_at is not None:
        require(who, Power.DATASETS_WRITE)
        raise CheckNotFound(f"There is no check {check_id} that you may stop.")
    async with writing_to_dataset(tx, who, row.dataset_id, row.org_id):
        row.archived_at = datetime.now(UTC)
        await tx.flush()
        await publish(tx, CheckDropped(check_id=row.id, dataset_id=row.dataset_id))


async def start_check_run(tx: AsyncSession, who: Actor, org: str, name: str, number: int | None) -> CheckRun:
    """Have all checks of a dataset run on one of its versions, the latest for None; raises `NothingToCheck`."""
    async with writing_to(tx, who, org, name) as writer:
        return await _start_check_run(tx, writer, org, name, number)


async def _start_check_run(tx: AsyncSession, who: Actor, org: str, name: str, number: int | None) -> CheckRun:
    which = f"{org}/{name}" if number is None else f"{org}/{name}@{number}"
    table = await version_table_for(tx, who, which, need=Power.DATASETS_WRITE)
    run = await _ADD_RUN.row(
        tx,
        id=new_id(),
        org_id=table.org_id,
        version_id=table.version_id,
        job_id=new_id(),
        created_by=who.user_id,
        dataset_id=table.dataset_id,
    )
    if run is None:
        raise NothingToCheck(f"{table.address} has no checks yet; add one, or accept the suggested ones.")
    others = await _tables_looked_up(tx, who, run.looked_up or [])
    await enqueue(tx, RunChecks(check_run_id=run.id, others=others), job_id=run.job_id)
    return as_check_run(run, [], {})


async def _tables_looked_up(tx: AsyncSession, who: Actor, addresses: list[str]) -> dict[str, UUID]:
    """Return the latest versions of those datasets that `who` may read."""
    found: dict[str, UUID] = {}
    for address in addresses:
        try:
            found[address] = (await version_table_for(tx, who, address)).version_id
        except (Invalid, NotFound):
            # the check says so in its result
            continue
    return found


async def _checks_alone(tx: AsyncSession, dataset: DatasetRef) -> list[CheckRow]:
    """Return the dataset's checks; until `tx` ends, nobody else adds one."""
    await tx.execute(_ONE_AT_A_TIME, {"dataset_id": str(dataset.id)})
    return await check_rows(tx, dataset.id)


def _usable(definition: dict[str, Any], table_schema: dict[str, Any]) -> dict[str, Any]:
    from lyceum.data.quality.engine.public import InvalidCheck, TableSchema, checks_from_plain

    schema = msgspec.convert(table_schema, TableSchema)
    usable: dict[str, Any] = msgspec.to_builtins(checks_from_plain([definition], schema=schema)[0])
    try:
        orjson.dumps(usable)
    except TypeError:
        raise InvalidCheck(f"The check {usable['id']} holds a number beyond 64 bits; use one within.") from None
    return usable


def _suggestions(profile: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    from lyceum.data.quality.engine.public import TableProfile, suggest_checks

    suggested = suggest_checks(msgspec.convert(profile, TableProfile))
    return [(msgspec.to_builtins(found.check), found.reason) for found in suggested]


def _says(definition: dict[str, Any]) -> dict[str, Any]:
    """Return what a check asks, whatever it is called and whoever answers for it; what is left open is left out."""
    return {
        field: value
        for field, value in definition.items()
        if field not in {"id", "owner", "tags"} and value not in (None, "", [])
    }


def _free_id(own: str, *, taken: Iterable[str]) -> str:
    used, number, free = set(taken), 1, own
    while free in used:
        number += 1
        free = f"{own}-{number}"
    return free


def _refuse_too_many(wanted: int) -> None:
    if wanted > CHECKS_PER_DATASET_MAX:
        raise TooManyChecks(f"A dataset has at most {CHECKS_PER_DATASET_MAX:,} checks; drop some first.")


def _row(dataset: DatasetRef, who: Actor, definition: dict[str, Any], *, origin: str, reason: str) -> CheckRow:
    return CheckRow(
        org_id=dataset.org_id,
        dataset_id=dataset.id,
        definition=definition,
        origin=origin,
        reason=reason,
        created_by=who.user_id,
    )
