"""The jobs of notify, what comes round, and what it hears of."""

from datetime import timedelta

from sqlalchemy import text

from lyceum.kernel.forgetting import forget_in_batches
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.schedules import Schedule
from lyceum.notify.destinations import send_to_destination
from lyceum.notify.hearing import SUBSCRIPTIONS, tell_of_dead_jobs
from lyceum.notify.pushing import push_notice, push_to_browser
from lyceum.notify.sending import mail_digest, mail_notice, send_letter
from lyceum.notify.wishes import look_for_digests
from lyceum.notify.work import (
    ForgetNotices,
    LookForDeadJobs,
    LookForDigests,
    MailDigest,
    MailNotice,
    PushNotice,
    PushToBrowser,
    SendLetter,
    SendToDestination,
)

__all__ = ["HANDLERS", "SCHEDULES", "SUBSCRIPTIONS"]

FORGET_EVERY_SECONDS = 3600
FORGET_AT_ONCE = 5000
DIGESTS_EVERY_SECONDS = 300
DEAD_JOBS_EVERY_SECONDS = 60

_FORGET = text("SELECT definer.notices_forget(:read_for, :kept_for, :at_most)")


async def forget_notices(run: JobRun, _args: ForgetNotices) -> dict[str, int]:
    """Return how many notices were removed."""
    settings = run.resources.settings
    kept = {
        "read_for": timedelta(days=settings.notices_read_days),
        "kept_for": timedelta(days=settings.notices_kept_days),
    }
    return {"removed": await forget_in_batches(run.resources.database, _FORGET, kept, at_once=FORGET_AT_ONCE)}


HANDLERS = (
    LightHandler(args_type=SendLetter, run=send_letter),
    LightHandler(args_type=MailNotice, run=mail_notice),
    LightHandler(args_type=MailDigest, run=mail_digest),
    LightHandler(args_type=PushNotice, run=push_notice),
    LightHandler(args_type=PushToBrowser, run=push_to_browser),
    LightHandler(args_type=SendToDestination, run=send_to_destination),
    LightHandler(args_type=LookForDigests, run=look_for_digests),
    LightHandler(args_type=LookForDeadJobs, run=tell_of_dead_jobs),
    LightHandler(args_type=ForgetNotices, run=forget_notices),
)
SCHEDULES = (
    Schedule(every_seconds=DIGESTS_EVERY_SECONDS, make=LookForDigests),
    Schedule(every_seconds=DEAD_JOBS_EVERY_SECONDS, make=LookForDeadJobs),
    Schedule(every_seconds=FORGET_EVERY_SECONDS, make=ForgetNotices),
)
