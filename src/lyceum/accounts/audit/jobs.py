"""The audit log in months, and its retention."""

from datetime import UTC, datetime, timedelta

from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.jobs.schedules import Schedule
from lyceum.kernel.partitions import keep_months

FORGET_EVERY_SECONDS = 6 * 3600
TABLE = "audit_log"


class ForgetAudit(JobArgs, frozen=True, kw_only=True):
    """Make the audit log's next months, and remove what it has kept for longer than `audit_log_days`."""

    kind = "accounts.forget_audit"
    job_class = "background"
    attempts_max = 1
    seconds_max = FORGET_EVERY_SECONDS


async def forget_audit(run: JobRun, _args: ForgetAudit) -> dict[str, int]:
    """Return what was made and removed."""
    before = datetime.now(UTC) - timedelta(days=run.resources.settings.audit_log_days)
    kept = await keep_months(run.resources.database, TABLE, before=before)
    return {
        "months_made": len(kept.made),
        "months_dropped": len(kept.dropped),
        "removed": kept.removed_rows,
        "beside_all_months": kept.fallen_rows,
    }


HANDLERS = (LightHandler(args_type=ForgetAudit, run=forget_audit),)
SCHEDULES = (Schedule(every_seconds=FORGET_EVERY_SECONDS, make=ForgetAudit),)
