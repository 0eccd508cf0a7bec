"""What whoever started a training run is told when it ends."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.public import addresses_of_versions
from lyceum.notify.public import RunFailed, RunFinished, notify
from lyceum.train.runs.models import TrainingRunRow


async def tell_of_finished(tx: AsyncSession, run: TrainingRunRow) -> None:
    """Tell whoever started a run, and the organisation's destinations, that there is a model."""
    score = "?" if run.score is None else f"{run.score:.4f}"
    dataset = await _dataset(tx, run)
    told = RunFinished(run_id=str(run.id), dataset=dataset, target=run.target, metric=run.metric or "?", score=score)
    await notify(tx, told, _starter(run), collapse_key=f"run:{run.id}")


async def tell_of_failed(tx: AsyncSession, run: TrainingRunRow) -> None:
    """Tell whoever started a run, and the organisation's destinations, why there is no model."""
    reason = str((run.error or {}).get("detail", "The hub's log has the cause."))
    told = RunFailed(run_id=str(run.id), dataset=await _dataset(tx, run), target=run.target, reason=reason)
    await notify(tx, told, _starter(run), collapse_key=f"run:{run.id}")


async def _dataset(tx: AsyncSession, run: TrainingRunRow) -> str:
    found = await addresses_of_versions(tx, [run.dataset_version_id])
    return found[run.dataset_version_id][0] if run.dataset_version_id in found else "?"


def _starter(run: TrainingRunRow) -> list[UUID]:
    return [run.created_by] if run.created_by is not None else []
