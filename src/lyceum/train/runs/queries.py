"""Reads of training runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power, require
from lyceum.data.datasets.public import addresses_of_versions, note_read_of_version
from lyceum.jobs.public import JobProgress
from lyceum.kernel.progress import read_progress
from lyceum.train.runs.errors import RunNotFinished, RunNotFound
from lyceum.train.runs.models import TrainingRunRow, TrialRow
from lyceum.train.runs.schemas import LeaderboardEntry, LeakageWarningOut, Run

LEADERBOARD_ROWS_MAX = 200


async def run_row_for(tx: AsyncSession, who: Actor, run_id: UUID, *, need: Power) -> TrainingRunRow:
    """Return a run the caller may do `need` with; raises `RunNotFound`."""
    require(who, need)
    row = await tx.get(TrainingRunRow, run_id)
    if row is None:
        raise RunNotFound(f"There is no training run {run_id} in {who.org_name}.")
    return row


async def run_for(tx: AsyncSession, who: Actor, run_id: UUID, valkey: Redis | None) -> Run:
    """Return a run with its leaderboard and how far it is; raises `RunNotFound`."""
    row = await run_row_for(tx, who, run_id, need=Power.RUNS_READ)
    run = (await _as_runs(tx, [row]))[0]
    running = row.state in {"queued", "running"} and row.job_id is not None
    progress = await read_progress(valkey, row.job_id) if running and row.job_id else None
    if progress is None:
        return run
    return run.model_copy(update={"progress": JobProgress(fraction=progress.fraction, note=progress.note)})


async def list_runs(tx: AsyncSession, who: Actor, *, limit: int, before: UUID | None = None) -> list[Run]:
    """Return the organisation's runs, newest first: five queries, however many there are."""
    require(who, Power.RUNS_READ)
    query = select(TrainingRunRow).order_by(TrainingRunRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(TrainingRunRow.id < before)
    return await _as_runs(tx, (await tx.scalars(query)).all())


async def report_for(tx: AsyncSession, who: Actor, run_id: UUID) -> dict[str, Any]:
    """Return a finished run's report; raises `RunNotFound`, `RunNotFinished`."""
    row = await run_row_for(tx, who, run_id, need=Power.RUNS_READ)
    await note_read_of_version(tx, row.dataset_version_id)
    report: dict[str, Any] | None = await tx.scalar(select(TrainingRunRow.report).where(TrainingRunRow.id == row.id))
    if report is None:
        raise RunNotFinished(f"The run is {row.state}; it has a report once it is finished.")
    return report


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
