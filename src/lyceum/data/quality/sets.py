"""Whole sets of checks: written as a file, replaced by one, and taken over from other tools."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit
from lyceum.accounts.public import Actor, Power
from lyceum.data.datasets.public import DatasetRef, VersionTable, dataset_ref_for, version_table_for, writing_to
from lyceum.data.quality.definitions import free_id, says, usable
from lyceum.data.quality.errors import TooManyOutsideResults
from lyceum.data.quality.masking import is_learned
from lyceum.data.quality.models import CheckResultRow, CheckRow, CheckRunRow
from lyceum.data.quality.queries import as_check_run, check_rows, marks_kept_from
from lyceum.data.quality.schemas import CheckRun
from lyceum.data.quality.service import checks_alone, new_row, refuse_too_many, stop
from lyceum.data.quality.set_schemas import ChangedCheck, Imported, NewImport, NewOutsideRun, NotTaken, SetPlan

OUTSIDE_RESULTS_MAX = 2_000
_FROM_FILE = "Came with a file of checks."


@dataclass(frozen=True, slots=True)
class _Plan:
    added: list[dict[str, Any]]
    changed: list[tuple[CheckRow, dict[str, Any]]]
    dropped: list[CheckRow]
    unchanged_count: int


async def checks_as_file(tx: AsyncSession, who: Actor, org: str, name: str) -> str:
    """Return a dataset's checks as YAML that `replace_checks` takes; raises `DatasetNotFound`.

    To who may not change it, without those that were suggested of columns that are masked.
    """
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_READ)
    rows = await _rows_shown(tx, who, dataset.id, dataset.org_id)
    kept = [(row.definition, row.reason if row.enabled else f"(does not run) {row.reason}") for row in rows]
    return await asyncio.to_thread(_as_yaml, dataset.address, kept)


async def _rows_shown(tx: AsyncSession, who: Actor, dataset_id: UUID, org_id: UUID) -> list[CheckRow]:
    """Return the rows of a dataset's checks, without those suggested of columns that the caller is told nothing of."""
    marks = await marks_kept_from(tx, who, dataset_id, org_id)
    rows = await check_rows(tx, dataset_id)
    return [row for row in rows if not is_learned(row.definition, marks, origin=row.origin)]


async def contract_of(tx: AsyncSession, who: Actor, org: str, name: str) -> str:
    """Return a dataset's columns and checks as a contract of the open standard (ODCS); raises `VersionNotFound`."""
    table = await version_table_for(tx, who, f"{org}/{name}")
    definitions = [row.definition for row in await _rows_shown(tx, who, table.dataset_id, table.org_id)]
    return await asyncio.to_thread(_as_contract, table, definitions)


async def replace_checks(tx: AsyncSession, who: Actor, org: str, name: str, text: str, *, dry_run: bool) -> SetPlan:
    """Have a dataset's checks be those of a YAML file, and return what that changes; only that for a dry run.

    A check is known by what it is called: it keeps what it found, its schedule and whether it runs. Raises `InvalidCheck`
    with the line, and `TooManyChecks`.
    """
    async with writing_to(tx, who, org, name) as writer:
        dataset = await dataset_ref_for(tx, writer, org, name, need=Power.DATASETS_WRITE)
        table = await version_table_for(tx, writer, dataset.address)
        wanted = await asyncio.to_thread(_definitions_in, text, table.table_schema.model_dump())
        plan = _plan(wanted, await checks_alone(tx, dataset))
        refuse_too_many(len(wanted))
        answer = SetPlan(
            added=plan.added,
            changed=[
                ChangedCheck(id=row.definition["id"], before=row.definition, after=after) for row, after in plan.changed
            ],
            dropped=[row.definition for row in plan.dropped],
            unchanged_count=plan.unchanged_count,
            is_applied=not dry_run,
        )
        if not dry_run:
            await _carry_out(tx, writer, dataset, plan)
        return answer


async def _carry_out(tx: AsyncSession, who: Actor, dataset: DatasetRef, plan: _Plan) -> None:
    told = {
        "added": [each["id"] for each in plan.added],
        "changed": [after["id"] for _, after in plan.changed],
        "dropped": [row.definition["id"] for row in plan.dropped],
    }
    note_audit(after=told)
    for row, after in plan.changed:
        row.definition = after
        row.revision += 1
    for row in plan.dropped:
        await stop(tx, row)
    tx.add_all(new_row(dataset, who, each, origin="file", reason=_FROM_FILE) for each in plan.added)
    await tx.flush()


def _plan(wanted: Sequence[dict[str, Any]], rows: Sequence[CheckRow]) -> _Plan:
    known = {row.definition["id"]: row for row in rows}
    named = {each["id"] for each in wanted}
    changed = [
        (known[each["id"]], each)
        for each in wanted
        if each["id"] in known and _told(known[each["id"]].definition) != _told(each)
    ]
    added = [each for each in wanted if each["id"] not in known]
    dropped = [row for row in rows if row.definition["id"] not in named]
    return _Plan(added, changed, dropped, len(wanted) - len(added) - len(changed))


def _told(definition: dict[str, Any]) -> dict[str, Any]:
    """Return a definition without what it leaves open, which older ones do not hold."""
    return {field: value for field, value in definition.items() if value not in (None, "", [])}


async def import_checks(tx: AsyncSession, who: Actor, org: str, name: str, wanted: NewImport) -> Imported:
    """Keep the checks of another tool's file beside a dataset's own, and say what could not be taken over.

    Raises `InvalidCheck` for a file of no tool that is known, and `TooManyChecks`.
    """
    async with writing_to(tx, who, org, name) as writer:
        dataset = await dataset_ref_for(tx, writer, org, name, need=Power.DATASETS_WRITE)
        table = await version_table_for(tx, writer, dataset.address)
        tool, found, left_out = await asyncio.to_thread(_foreign, wanted, table.table_schema.model_dump())
        kept = [row.definition for row in await checks_alone(tx, dataset)]
        known: list[str] = []
        new: list[dict[str, Any]] = []
        taken = {each["id"] for each in kept}
        for each in found:
            twin = next((other["id"] for other in (*kept, *new) if says(other) == says(each)), None)
            if twin is not None:
                known.append(twin)
                continue
            new.append({**each, "id": free_id(each["id"], taken=taken)})
            taken.add(new[-1]["id"])
        refuse_too_many(len(kept) + len(new))
        if not wanted.dry_run:
            reason = f"From {wanted.file_name}, written for {tool}."
            tx.add_all(new_row(dataset, writer, each, origin="file", reason=reason) for each in new)
            await tx.flush()
        return Imported(tool=tool, added=new, known=known, left_out=left_out, is_applied=not wanted.dry_run)


async def keep_outside_run(
    tx: AsyncSession, who: Actor, org: str, name: str, number: int | None, wanted: NewOutsideRun
) -> CheckRun:
    """Keep what another tool found in a version, with its messages, among the version's runs.

    It opens no incident and changes no score: the hub has not seen what it says. Raises `InvalidCheck` for a file that is
    none of the tool's, `VersionNotFound` and `TooManyOutsideResults`.
    """
    async with writing_to(tx, who, org, name) as writer:
        which = f"{org}/{name}" if number is None else f"{org}/{name}@{number}"
        table = await version_table_for(tx, writer, which, need=Power.DATASETS_WRITE)
        found = await asyncio.to_thread(_outside, wanted.text)
        if len(found) > OUTSIDE_RESULTS_MAX:
            raise TooManyOutsideResults(
                f"The file holds {len(found):,} tests; send at most {OUTSIDE_RESULTS_MAX:,}, those of this dataset."
            )
        fails = any(each["status"] != "passed" and each["check"]["severity"] == "error" for each in found)
        run = CheckRunRow(
            org_id=table.org_id,
            version_id=table.version_id,
            origin=wanted.tool,
            state="failed" if fails else "passed",
            created_by=who.user_id,
            finished_at=datetime.now(UTC),
        )
        tx.add(run)
        await tx.flush()
        results = [CheckResultRow(org_id=table.org_id, check_run_id=run.id, result=each) for each in found]
        tx.add_all(results)
        await tx.flush()
        await tx.refresh(run)
        return as_check_run(run, results, table.marks, {})


def _as_yaml(address: str, kept: list[tuple[dict[str, Any], str]]) -> str:
    from lyceum.data.quality.ascode.public import reasoned_checks_as_yaml
    from lyceum.data.quality.engine.public import checks_from_plain

    pairs = [(checks_from_plain([definition])[0], reason) for definition, reason in kept]
    return reasoned_checks_as_yaml(pairs, heading=[f"Checks of {address}"])


def _as_contract(table: VersionTable, definitions: list[dict[str, Any]]) -> str:
    from lyceum.data.quality.ascode.public import to_odcs
    from lyceum.data.quality.engine.public import TableSchema, checks_from_plain

    schema = msgspec.convert(table.table_schema.model_dump(), TableSchema)
    checks = checks_from_plain(definitions)
    return to_odcs(table.address, version=f"{table.number}.0.0", columns=schema.columns, checks=checks)


def _definitions_in(text: str, schema: dict[str, Any]) -> list[dict[str, Any]]:
    from lyceum.data.quality.ascode.public import checks_in

    return [usable(msgspec.to_builtins(check), schema) for check in checks_in(text, file_name="checks.yaml")]


def _foreign(wanted: NewImport, schema: dict[str, Any]) -> tuple[str, list[dict[str, Any]], list[NotTaken]]:
    """Return whose file it is, the checks that this table can be asked, and what is left out."""
    from lyceum.data.quality.ascode.public import from_other_tool
    from lyceum.data.quality.ascode.public import usable as usable_of
    from lyceum.data.quality.engine.public import InvalidCheck

    tool, imported = from_other_tool(wanted.text, file_name=wanted.file_name, table=wanted.table)
    checks, unusable = usable_of(imported)
    left_out = [NotTaken(what=each.what, why=each.why) for each in unusable]
    found = []
    for check in checks:
        try:
            found.append(usable(msgspec.to_builtins(check), schema))
        except InvalidCheck as misfit:
            left_out.append(NotTaken(what=check.id, why=misfit.detail))
    return tool, found, left_out


def _outside(text: str) -> list[dict[str, Any]]:
    """Return what dbt found as results are kept."""
    from lyceum.data.quality.ascode.public import from_dbt

    return [
        {
            "check": {"kind": "outside", "id": each.name, "severity": each.severity},
            "status": each.status,
            "sentence": each.message or ("It passed." if each.status == "passed" else "It says no more."),
            "rows_checked": 0,
            "failing": each.failing or 0,
            "failing_fraction": 0.0,
            "rows_involved": None,
            "observed": None,
            "sample": [],
            "metrics": {} if each.failing is None else {"failing": each.failing},
            "partitions": [],
        }
        for each in from_dbt(text)
    ]
