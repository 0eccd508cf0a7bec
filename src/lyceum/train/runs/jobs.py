"""The job that trains: reads in a short transaction, fits in a process of its own, writes in a second one."""

import math
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import record
from lyceum.data.datasets.personal.public import is_erased_meanwhile
from lyceum.data.datasets.public import VersionNotFound, dataset_of_version, version_table_by_id
from lyceum.kernel.holding import remove_unless_held
from lyceum.kernel.jobs.ending import hold_in
from lyceum.kernel.jobs.handlers import HeavyHandler, JobRun
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.tx import after_commit, run_in_tx
from lyceum.kernel.usage import count_kept
from lyceum.train.runs.errors import RunNotFound
from lyceum.train.runs.models import TrainingRunRow, TrialRow
from lyceum.train.runs.notices import tell_of_failed, tell_of_finished
from lyceum.train.runs.schemas import TIME_LIMIT_SECONDS_MAX
from lyceum.train.runs.work import FitOutcome, FitWork

CALLED_OFF = {"code": "cancelled", "title": "Called off", "status": 409, "detail": "The training was called off."}
BESIDE_FITTING_SECONDS_MAX = 3600
"""For what comes before and after the search that the time limit is about: the table is read, a last model that had begun
is fitted to its end, the artifact is exported, tried and stored.
"""


def attempt_seconds_max(time_limit_seconds: float) -> int:
    """Return how long an attempt at a training with this time limit may take before it counts as one that hangs."""
    return math.ceil(2 * time_limit_seconds) + BESIDE_FITTING_SECONDS_MAX


class FitModel(JobArgs, frozen=True, kw_only=True):
    """Train the run's model."""

    kind = "train.fit_model"
    lane = "heavy"
    attempts_max = 3
    seconds_max = attempt_seconds_max(TIME_LIMIT_SECONDS_MAX)
    needs_room = True
    run_id: UUID


async def _prepare(run: JobRun, args: FitModel) -> FitWork:
    async def begin(tx: AsyncSession) -> FitWork:
        row = await _run_row(tx, args.run_id)
        # What an attempt before this one tried is not what this one found.
        await tx.execute(delete(TrialRow).where(TrialRow.run_id == row.id, TrialRow.attempt < run.attempt))
        table = await version_table_by_id(tx, row.dataset_version_id)
        row.state = "running"
        row.started_at = datetime.now(UTC)
        await tx.flush()
        await hold_in(tx, run)
        noted = {name: note for name, note in table.column_notes.items() if name in row.leave_out}
        return FitWork(
            table_key=table.table_key,
            delta_version=table.delta_version,
            artifact_folder=f"models/{row.org_id}/{row.id}",
            target=row.target,
            time_limit_seconds=row.time_limit_seconds,
            seed=row.seed,
            leave_out={name: reason or noted.get(name, "") for name, reason in row.leave_out.items()},
            marks=dict(table.marks),
        )

    return await run_in_tx(run.resources.database, run.scope, begin)


async def _record(run: JobRun, args: FitModel, event: dict[str, Any]) -> None:
    """Make what the child tells visible: members as rows, so that a flush of Valkey loses no leaderboard."""
    if event["kind"] == "progress":
        await run.report_progress(event["fraction"], event["note"])
        return

    async def write(tx: AsyncSession) -> None:
        if event["kind"] == "facts":
            await tx.execute(update(TrainingRunRow).where(TrainingRunRow.id == args.run_id).values(**event["facts"]))
        else:
            await tx.execute(_trial(run, args, event["member"]))
        await hold_in(tx, run)

    # Again after a deadlock, which must not cost an hour of training.
    await run_in_tx(run.resources.database, run.scope, write)


def _trial(run: JobRun, args: FitModel, member: dict[str, Any]) -> Insert:
    trial = insert(TrialRow).values(
        org_id=run.scope.org_id, run_id=args.run_id, attempt=run.attempt, name=member["name"], facts=member
    )
    return trial.on_conflict_do_nothing()


async def _conclude(tx: AsyncSession, run: JobRun, args: FitModel, outcome: FitOutcome) -> None:
    was_erased = await _is_erased_meanwhile(tx, run, args.run_id)
    row = await _run_row(tx, args.run_id)
    if was_erased:
        outcome = _without_rows(tx, run, outcome)
    report = outcome.report
    is_new = row.artifact is None
    row.state = "finished"
    row.finished_at = datetime.now(UTC)
    row.report = report
    row.artifact = outcome.artifact
    row.columns_left_out = report["columns_left_out"]
    row.score = report["score"]
    row.baseline = report["baseline"]
    row.fit_seconds = report["fit_seconds"]
    await tx.flush()
    record(tx, tx.info["scope"], "finish_run", "run", row.id)
    if is_new:
        await count_kept(tx, "models", byte_count=outcome.artifact["byte_count"], object_count=1)
        await tell_of_finished(tx, row)


async def _is_erased_meanwhile(tx: AsyncSession, run: JobRun, run_id: UUID) -> bool:
    row = await tx.get(TrainingRunRow, run_id)
    try:
        dataset = await dataset_of_version(tx, row.dataset_version_id) if row is not None else None
    except VersionNotFound:
        # another organisation's, which shows it no more
        return False
    return dataset is not None and await is_erased_meanwhile(tx, run, dataset.id)


def _without_rows(tx: AsyncSession, run: JobRun, outcome: FitOutcome) -> FitOutcome:
    """Return what was found with no row in it, nor what is kept beside the model of the values it has learned from."""
    path = outcome.artifact.get("reference_path")
    if path is not None:
        after_commit(tx, partial(remove_unless_held, run.resources.database, run.resources.storage, path))
    return FitOutcome(
        report={**outcome.report, "sample_rows": []}, artifact={**outcome.artifact, "reference_path": None}
    )


async def _gave_up(tx: AsyncSession, args: FitModel, error: dict[str, Any] | None, state: str) -> None:
    row = await _run_row(tx, args.run_id)
    if row.state not in {"queued", "running"}:
        return
    if state == "cancelled":
        call_off(row)
    else:
        row.state = "failed"
        row.error = error
        row.finished_at = datetime.now(UTC)
        await tell_of_failed(tx, row)
    await tx.flush()
    record(tx, tx.info["scope"], "end_run", "run", row.id)


def call_off(row: TrainingRunRow) -> None:
    """Say that a run that has not ended will not be finished."""
    row.state = "cancelled"
    row.error = CALLED_OFF
    row.finished_at = datetime.now(UTC)


async def _run_row(tx: AsyncSession, run_id: UUID) -> TrainingRunRow:
    row = await tx.get(TrainingRunRow, run_id, with_for_update=True)
    if row is None:
        raise RunNotFound(f"There is no training run {run_id}.")
    return row


HANDLERS = (
    HeavyHandler(
        args_type=FitModel,
        prepare=_prepare,
        compute="lyceum.train.runs.fitting:fit_table",
        output_type=FitOutcome,
        conclude=_conclude,
        on_event=_record,
        gave_up=_gave_up,
        preload=("lyceum.train.runs.fitting",),
    ),
)
