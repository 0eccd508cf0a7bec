"""Writes of training runs: start, cancel, and register what came of one."""

from difflib import get_close_matches
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power, require
from lyceum.data.datasets.public import VersionTable, version_table_for
from lyceum.kernel.config import Settings
from lyceum.kernel.jobs import queue
from lyceum.kernel.usage import refuse_past_quota
from lyceum.serve.registry.public import ModelVersion, NewModelVersion, register_version
from lyceum.train.runs.errors import ColumnUnknown, RunNotFinished, TargetMissing
from lyceum.train.runs.jobs import FitModel, attempt_seconds_max, call_off
from lyceum.train.runs.models import TrainingRunRow
from lyceum.train.runs.queries import report_for, run_for, run_row_for, writing_to
from lyceum.train.runs.schemas import NewRun, Registration, Run


async def start(tx: AsyncSession, who: Actor, settings: Settings, wanted: NewRun) -> Run:
    """Put a training on the queue.

    Raises `TargetMissing`, `ColumnUnknown`, `StorageQuotaExceeded` and what finding the dataset raises.
    """
    org_id = require(who, Power.RUNS_WRITE)
    await refuse_past_quota(tx, settings)
    table = await version_table_for(tx, who, wanted.dataset)
    _require_columns(table, wanted)
    row = TrainingRunRow(
        org_id=org_id,
        dataset_version_id=table.version_id,
        target=wanted.target,
        time_limit_seconds=wanted.time_limit_seconds,
        seed=wanted.seed,
        leave_out=wanted.leave_out,
        created_by=who.user_id,
    )
    tx.add(row)
    await tx.flush()
    row.job_id = await queue.enqueue(
        tx, FitModel(run_id=row.id), seconds_max=attempt_seconds_max(wanted.time_limit_seconds)
    )
    await tx.flush()
    await tx.refresh(row)
    return await run_for(tx, who, row.id, None)


async def cancel(tx: AsyncSession, who: Actor, run_id: UUID) -> Run:
    """Call a run off; one that has ended stays as it is. Raises `RunNotFound`."""
    async with writing_to(tx, who, run_id) as writer:
        return await _cancel(tx, writer, run_id)


async def _cancel(tx: AsyncSession, who: Actor, run_id: UUID) -> Run:
    row = await run_row_for(tx, who, run_id, need=Power.RUNS_WRITE)
    if row.job_id is not None and row.state in {"queued", "running"}:
        job = await queue.cancel(tx, row.job_id)
        if job.state == "cancelled":
            # It had not begun, so there is no worker to wait for.
            call_off(row)
            await tx.flush()
    return await run_for(tx, who, run_id, None)


async def register(tx: AsyncSession, who: Actor, run_id: UUID, wanted: Registration) -> ModelVersion:
    """Register a finished run's model; doing it again returns the same version. Raises `RunNotFinished`."""
    row = await run_row_for(tx, who, run_id, need=Power.RUNS_WRITE)
    if row.artifact is None:
        raise RunNotFinished(f"The run is {row.state}; only a finished run has a model to register.")
    version = NewModelVersion(
        operation_id=row.id,
        artifact_path=row.artifact["path"],
        artifact_sha256=row.artifact["sha256"],
        artifact_bytes=row.artifact["byte_count"],
        reference_path=row.artifact.get("reference_path"),
        signature=row.artifact["signature"],
        parity=(await report_for(tx, who, run_id))["parity"],
        origin={
            "kind": "training_run",
            "run_id": str(row.id),
            "dataset_version_id": str(row.dataset_version_id),
            "target": row.target,
            "metric": row.metric,
            "score": row.score,
        },
    )
    return await register_version(tx, who, wanted.name, version, alias=wanted.alias)


def _require_columns(table: VersionTable, wanted: NewRun) -> None:
    names = [column.name for column in table.table_schema.columns]
    where = f"{table.address} version {table.number}"
    if wanted.target not in names:
        raise TargetMissing(f"{where} has no column {wanted.target!r} to predict{_closest(wanted.target, names)}")
    if wanted.target in wanted.leave_out:
        raise ColumnUnknown(f"{wanted.target!r} is to be predicted, so it cannot be left out; leave out other columns.")
    for column in wanted.leave_out:
        if column not in names:
            raise ColumnUnknown(f"{where} has no column {column!r} to leave out{_closest(column, names)}")


def _closest(name: str, names: list[str]) -> str:
    by_folded = {known.casefold(): known for known in names}
    close = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {by_folded[close[0]]!r}?"
    return f"; it has {', '.join(names[:12])}{' …' if len(names) > 12 else '.'}"
