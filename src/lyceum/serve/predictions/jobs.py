"""The prediction log in months, and its retention."""

from datetime import UTC, datetime, timedelta

from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.jobs.schedules import Schedule
from lyceum.kernel.partitions import keep_months

FORGET_EVERY_SECONDS = 3600
TABLE = "prediction_log"


class ForgetPredictions(JobArgs, frozen=True, kw_only=True):
    """Make the prediction log's next months, and remove what it has kept for longer than `prediction_log_days`."""

    kind = "predictions.forget_predictions"
    job_class = "background"
    attempts_max = 1
    seconds_max = FORGET_EVERY_SECONDS


async def forget_predictions(run: JobRun, _args: ForgetPredictions) -> dict[str, int]:
    """Return what was made and removed; with `prediction_log_days=0` nothing stays."""
    before = datetime.now(UTC) - timedelta(days=run.resources.settings.prediction_log_days)
    kept = await keep_months(run.resources.database, TABLE, before=before)
    return {
        "months_made": len(kept.made),
        "months_dropped": len(kept.dropped),
        "removed": kept.removed_rows,
        "beside_all_months": kept.fallen_rows,
    }


HANDLERS = (LightHandler(args_type=ForgetPredictions, run=forget_predictions),)
SCHEDULES = (Schedule(every_seconds=FORGET_EVERY_SECONDS, make=ForgetPredictions),)
