"""The retention of the prediction log."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from lyceum.kernel.db import NOBODY
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.jobs.schedules import Schedule
from lyceum.kernel.tx import transaction

FORGET_EVERY_SECONDS = 3600

_FORGET = text("SELECT definer.predictions_forget(:before)")


class ForgetPredictions(JobArgs, frozen=True, kw_only=True):
    """Remove what the prediction log has kept for longer than `prediction_log_days`."""

    kind = "predictions.forget_predictions"
    job_class = "background"
    attempts_max = 1


async def forget_predictions(run: JobRun, _args: ForgetPredictions) -> dict[str, int]:
    """Return how many rows were removed; with `prediction_log_days=0` all are."""
    before = datetime.now(UTC) - timedelta(days=run.resources.settings.prediction_log_days)
    async with transaction(run.resources.database, NOBODY) as tx:
        removed = await tx.scalar(_FORGET, {"before": before})
    return {"removed": int(removed or 0)}


HANDLERS = (LightHandler(args_type=ForgetPredictions, run=forget_predictions),)
SCHEDULES = (Schedule(every_seconds=FORGET_EVERY_SECONDS, make=ForgetPredictions),)
