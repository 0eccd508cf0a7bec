"""Reads of training runs."""

from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy import and_, func, select, true, union
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import (
    Actor,
    GrantableKind,
    ObjectCard,
    ObjectRef,
    Power,
    acting_as,
    granted_ids,
    guest_for,
    organisation_names,
    require,
    require_to_see,
)
from lyceum.data.datasets.public import addresses_of_versions, marks_of_version, note_read_of_version
from lyceum.jobs.public import JobProgress
from lyceum.kernel.progress import read_progress
from lyceum.train.runs.errors import RunNotFinished, RunNotFound
from lyceum.train.runs.masking import masked_report
from lyceum.train.runs.models import TrainingRunRow, TrialRow
from lyceum.train.runs.schemas import LeaderboardEntry, LeakageWarningOut, Run

LEADERBOARD_ROWS_MAX = 200
KIND = "run"
"""What grants call them."""


async def run_row_for(tx: AsyncSession, who: Actor, run_id: UUID, *, need: Power) -> TrainingRunRow:
    """Return a run the caller may do `need` with; raises `RunNotFound`."""
    own_org = require(who, need) if need is Power.RUNS_WRITE else None
    require_to_see(who, need)
    row = await tx.get(TrainingRunRow, run_id)
    if row is None or (need is Power.RUNS_WRITE and row.org_id != own_org):
        raise RunNotFound(f"There is no training run {run_id} that you may {'change' if own_org else 'read'}.")
    return row


@asynccontextmanager
async def writing_to(tx: AsyncSession, who: Actor, run_id: UUID) -> AsyncIterator[Actor]:
    """Yield the caller as they may change a run: themselves in their own organisation, else a guest; raises `RunNotFound`.

    Until the block ends, `tx` works for the run's organisation.
    """
    row = await run_row_for(tx, who, run_id, need=Power.RUNS_READ)
    if row.org_id == who.org_id and Power.RUNS_WRITE in who.powers:
        yield who
        return
    name = (await organisation_names(tx, {row.org_id})).get(row.org_id, "?")
    need = Power.RUNS_WRITE
    guest = await guest_for(tx, who, kind=KIND, object_id=row.id, org_id=row.org_id, org_name=name, need=need)
    if guest is None:
        require(who, need)
        raise RunNotFound(f"There is no training run {run_id} that you may change.")
    # what was read as somebody else is read anew
    tx.expunge(row)
    async with acting_as(tx, guest):
        yield guest


async def run_for(tx: AsyncSession, who: Actor, run_id: UUID, valkey: Redis | None) -> Run:
    """Return a run with its leaderboard and how far it is; raises `RunNotFound`."""
    row = await run_row_for(tx, who, run_id, need=Power.RUNS_READ)
    run = (await _as_runs(tx, [row]))[0]
    running = row.state in {"queued", "running"} and row.job_id is not None
    progress = await read_progress(valkey, row.job_id) if running and row.job_id else None
    if progress is None:
        return run
    return run.model_copy(update={"progress": JobProgress(fraction=progress.fraction, note=progress.note)})


async def object_at(tx: AsyncSession, who: Actor, address: str) -> ObjectRef:
    """Return a run, whose address is its id, as something to grant; raises `RunNotFound`."""
    try:
        run_id = UUID(address)
    except ValueError:
        raise RunNotFound(f"{address[:100]!r} is no id of a training run.") from None
    row = await run_row_for(tx, who, run_id, need=Power.RUNS_READ)
    return ObjectRef(row.id, row.org_id, str(row.id))


async def cards_of(tx: AsyncSession, run_ids: Collection[UUID]) -> dict[UUID, ObjectCard]:
    """Return what a list says of runs, as far as they are seen: one query."""
    query = select(TrainingRunRow.id, TrainingRunRow.target).where(TrainingRunRow.id.in_(list(run_ids)))
    return {row.id: ObjectCard(str(row.id), row.target) for row in await tx.execute(query)}


GRANTABLE = GrantableKind(KIND, find=object_at, cards=cards_of)


async def list_runs(
    tx: AsyncSession, who: Actor, *, limit: int, before: UUID | None = None, named: str | None = None
) -> list[Run]:
    """Return the organisation's runs and those the caller was granted, newest first: five queries, however many there are."""
    require_to_see(who, Power.RUNS_READ)
    # each found by an index of its own
    page = true() if before is None else TrainingRunRow.id < before
    if named is not None:
        # a run is called what it learns to forecast
        page = and_(page, func.strpos(func.lower(TrainingRunRow.target), func.lower(named)) > 0)
    newest = (
        select(TrainingRunRow.id).where(part, page).order_by(TrainingRunRow.id.desc()).limit(limit).subquery()
        for part in (TrainingRunRow.org_id == who.org_id, TrainingRunRow.id == granted_ids(KIND))
    )
    seen = union(*(select(part.c.id) for part in newest)).subquery()
    query = (
        select(TrainingRunRow)
        .join(seen, seen.c.id == TrainingRunRow.id)
        .order_by(TrainingRunRow.id.desc())
        .limit(limit)
    )
    return await _as_runs(tx, (await tx.scalars(query)).all())


async def report_for(tx: AsyncSession, who: Actor, run_id: UUID) -> dict[str, Any]:
    """Return a finished run's report, marked columns masked; raises `RunNotFound`, `RunNotFinished`."""
    row = await run_row_for(tx, who, run_id, need=Power.RUNS_READ)
    await note_read_of_version(tx, row.dataset_version_id)
    report: dict[str, Any] | None = await tx.scalar(select(TrainingRunRow.report).where(TrainingRunRow.id == row.id))
    if report is None:
        raise RunNotFinished(f"The run is {row.state}; it has a report once it is finished.")
    return masked_report(report, await marks_of_version(tx, row.dataset_version_id))


async def _as_runs(tx: AsyncSession, rows: Iterable[TrainingRunRow]) -> list[Run]:
    found = list(rows)
    addresses = await addresses_of_versions(tx, {row.dataset_version_id for row in found})
    finished = await _findings(tx, [row.id for row in found if row.state == "finished"])
    trials = await _trials(tx, [row.id for row in found if row.state != "finished"])
    return [
        _as_run(
            row,
            addresses.get(row.dataset_version_id, ("?", 0)),
            finished.get(row.id) or _Findings(_best_first(row, trials.get(row.id, [])), []),
        )
        for row in found
    ]


@dataclass(frozen=True, slots=True)
class _Findings:
    """What a run has found so far."""

    leaderboard: list[LeaderboardEntry]
    leakage_warnings: list[LeakageWarningOut]


async def _findings(tx: AsyncSession, run_ids: list[UUID]) -> dict[UUID, _Findings]:
    """Return what finished runs found: two small parts of their reports."""
    report = TrainingRunRow.report
    query = select(
        TrainingRunRow.id,
        report["leaderboard"].label("leaderboard"),
        report["leakage_warnings"].label("leakage_warnings"),
    ).where(TrainingRunRow.id.in_(run_ids))
    return {
        row.id: _Findings(
            [LeaderboardEntry.model_validate(entry) for entry in row.leaderboard],
            [LeakageWarningOut.model_validate(warning) for warning in row.leakage_warnings],
        )
        for row in await tx.execute(query)
    }


def _best_first(row: TrainingRunRow, trials: list[LeaderboardEntry]) -> list[LeaderboardEntry]:
    return sorted(trials, key=lambda entry: entry.score, reverse=row.greater_is_better is not False)


async def _trials(tx: AsyncSession, run_ids: list[UUID]) -> dict[UUID, list[LeaderboardEntry]]:
    # A run that was tried again shows its last attempt alone.
    last = (
        select(TrialRow.run_id, func.max(TrialRow.attempt).label("attempt"))
        .where(TrialRow.run_id.in_(run_ids))
        .group_by(TrialRow.run_id)
        .subquery()
    )
    query = (
        select(TrialRow.run_id, TrialRow.facts)
        .join(last, (last.c.run_id == TrialRow.run_id) & (last.c.attempt == TrialRow.attempt))
        .order_by(TrialRow.run_id, TrialRow.recorded_at)
        .limit(LEADERBOARD_ROWS_MAX * max(1, len(run_ids)))
    )
    boards: dict[UUID, list[LeaderboardEntry]] = {}
    for row in await tx.execute(query):
        boards.setdefault(row.run_id, []).append(LeaderboardEntry.model_validate(row.facts))
    return boards


def _as_run(row: TrainingRunRow, address: tuple[str, int], found: _Findings) -> Run:
    return Run(
        id=row.id,
        state=row.state,
        job_id=row.job_id,
        dataset=address[0],
        dataset_version=address[1],
        target=row.target,
        task=row.task,
        metric=row.metric,
        greater_is_better=row.greater_is_better,
        score=row.score,
        baseline=row.baseline,
        time_limit_seconds=row.time_limit_seconds,
        fit_seconds=row.fit_seconds,
        progress=None,
        leaderboard=found.leaderboard,
        columns_left_out=row.columns_left_out,
        leakage_warnings=found.leakage_warnings,
        error=row.error,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
