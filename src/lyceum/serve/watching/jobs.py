"""Jobs of watching: hand the log on, roll a model's part of it up, and judge what came."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.public import VersionThinned, version_table_by_id
from lyceum.data.quality.events import QualityJudged
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.events import publish
from lyceum.kernel.jobs.handlers import HeavyHandler, JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs, enqueue
from lyceum.kernel.jobs.schedules import Schedule
from lyceum.kernel.tx import transaction
from lyceum.serve.predictions.public import hand, models_not_handed, written_up_to
from lyceum.serve.registry.public import version_by_id
from lyceum.serve.watching.models import WatchedVersionRow
from lyceum.serve.watching.rolling import roll_up
from lyceum.serve.watching.work import Finding, Judging, Verdict

HAND_EVERY_SECONDS = 300
KIND = "predictions"
"""The kind of incidents that a model's predictions make."""


class HandPredictions(JobArgs, frozen=True, kw_only=True):
    """Have every model's part of the prediction log rolled up that has grown."""

    kind = "serve.hand_predictions"
    job_class = "background"
    attempts_max = 1
    seconds_max = HAND_EVERY_SECONDS


class RollUpPredictions(JobArgs, frozen=True, kw_only=True):
    """Put what a model predicted, up to an id of the log, into the dataset of its predictions."""

    kind = "serve.roll_up_predictions"
    job_class = "background"
    attempts_max = 3
    seconds_max = 1800
    model_id: UUID
    up_to: int


class JudgePredictions(JobArgs, frozen=True, kw_only=True):
    """Compare a model version's newest predictions with what it saw in training."""

    kind = "serve.judge_predictions"
    job_class = "background"
    lane = "short"
    attempts_max = 3
    seconds_max = 600
    model_version_id: UUID
    dataset_version_id: UUID


async def enqueue_roll_up(tx: AsyncSession, model_id: UUID, *, up_to: int) -> UUID:
    """Have a model's predictions rolled up, one such job of a model after the other; returns the job's id."""
    key = f"roll_up:{model_id}"
    return await enqueue(tx, RollUpPredictions(model_id=model_id, up_to=up_to), ordering_key=key)


async def _hand(run: JobRun, _args: HandPredictions) -> dict[str, int]:
    database = run.resources.database
    async with transaction(database, NOBODY) as tx:
        up_to = await written_up_to(tx)
    async with transaction(database, NOBODY) as tx:
        grown = await models_not_handed(tx, up_to=up_to)
    for org_id, model_id in grown:
        async with transaction(database, Scope(org_id=org_id)) as tx:
            await enqueue_roll_up(tx, model_id, up_to=up_to)
    # last: whoever is killed before has some models rolled up twice, which adds nothing
    async with transaction(database, NOBODY) as tx:
        await hand(tx, up_to=up_to)
    return {"models": len(grown)}


async def _roll_up(run: JobRun, args: RollUpPredictions) -> dict[str, int]:
    return {"rows": await roll_up(run, args.model_id, args.up_to)}


async def judge_new_version(tx: AsyncSession, version_id: UUID) -> None:
    """Have the model versions judged whose predictions a new version of a dataset holds; follows every version."""
    dataset_id = (await version_table_by_id(tx, version_id)).dataset_id
    watched = select(WatchedVersionRow.model_version_id).where(WatchedVersionRow.dataset_id == dataset_id)
    for model_version_id in (await tx.scalars(watched)).all():
        judging = JudgePredictions(model_version_id=model_version_id, dataset_version_id=version_id)
        await enqueue(tx, judging, ordering_key=f"predictions:{model_version_id}")


async def _prepare(run: JobRun, args: JudgePredictions) -> Judging:
    async with transaction(run.resources.database, run.scope) as tx:
        try:
            table = await version_table_by_id(tx, args.dataset_version_id)
            table_key, delta_version = table.table_key, table.delta_version
        except VersionThinned:
            # a newer one is judged instead
            table_key, delta_version = "", None
        version = await version_by_id(tx, args.model_version_id)
        if version is None:
            raise AssertionError("a watched version is there as long as its row")
        return Judging(
            table_key=table_key,
            delta_version=delta_version,
            version_number=version.number,
            signature=version.signature,
            reference_path=version.reference_path,
            masked=tuple(table.marks),
        )


async def _conclude(tx: AsyncSession, run: JobRun, args: JudgePredictions, verdict: Verdict) -> None:
    del run
    row = await tx.get(WatchedVersionRow, args.model_version_id, with_for_update=True)
    if row is None or not verdict.rows:
        return
    # ids go by time: what was judged of newer predictions stands
    if row.judged_version_id is not None and args.dataset_version_id < row.judged_version_id:
        return
    row.verdict = msgspec.to_builtins(verdict)
    row.judged_version_id = args.dataset_version_id
    row.judged_at = datetime.now(UTC)
    await tx.flush()
    for finding in verdict.findings:
        if finding.status != "skipped":
            await publish(tx, _judged(args, row, finding))


def _judged(args: JudgePredictions, row: WatchedVersionRow, finding: Finding) -> QualityJudged:
    return QualityJudged(
        dataset_id=row.dataset_id,
        kind=KIND,
        subject=f"{args.model_version_id}:{finding.aspect}",
        source=f"predictions:{args.dataset_version_id}:{args.model_version_id}:{finding.aspect}",
        judged_at=row.judged_at or datetime.now(UTC),
        holds=finding.status == "passed",
        severity="warning",
        title=finding.title,
        summary=finding.sentence,
        version_id=args.dataset_version_id,
        evidence={
            "model_version_id": str(args.model_version_id),
            "aspect": finding.aspect,
            "moved": {one.column: one.figure for one in finding.moved[:20]},
        },
    )


HANDLERS = (
    LightHandler(args_type=HandPredictions, run=_hand),
    LightHandler(args_type=RollUpPredictions, run=_roll_up),
    HeavyHandler(
        args_type=JudgePredictions,
        prepare=_prepare,
        compute="lyceum.serve.watching.judging:judge",
        output_type=Verdict,
        conclude=_conclude,
        preload=("lyceum.serve.watching.judging",),
    ),
)
SCHEDULES = (Schedule(every_seconds=HAND_EVERY_SECONDS, make=HandPredictions),)
