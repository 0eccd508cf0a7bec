"""What notify has done by jobs: their names and arguments."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from lyceum.kernel.jobs.queue import JobArgs

Action = Literal["trigger", "acknowledge", "resolve"]
ATTEMPTS_MAX = 16
"""With the queue's back-off some six hours: a mail server or a webhook that is down overnight is another day's matter."""
SEND_SECONDS_MAX = 180
ROUND_SECONDS_MAX = 600


class SendLetter(JobArgs, frozen=True, kw_only=True):
    """Send the letter of a one-time link."""

    kind = "notify.send_letter"
    job_class = "high"
    attempts_max = ATTEMPTS_MAX
    seconds_max = SEND_SECONDS_MAX
    link_id: UUID


class MailNotice(JobArgs, frozen=True, kw_only=True):
    """Send a notice by mail."""

    kind = "notify.mail_notice"
    attempts_max = ATTEMPTS_MAX
    seconds_max = SEND_SECONDS_MAX
    notice_id: UUID


class MailDigest(JobArgs, frozen=True, kw_only=True):
    """Send a person what has gathered since their last digest."""

    kind = "notify.mail_digest"
    job_class = "background"
    attempts_max = ATTEMPTS_MAX
    seconds_max = SEND_SECONDS_MAX
    user_id: UUID
    pace: str


class PushNotice(JobArgs, frozen=True, kw_only=True):
    """Have a notice pushed to each of its reader's browsers."""

    kind = "notify.push_notice"
    seconds_max = SEND_SECONDS_MAX
    notice_id: UUID


class PushToBrowser(JobArgs, frozen=True, kw_only=True):
    """Push a notice to one browser."""

    kind = "notify.push_to_browser"
    attempts_max = 8
    seconds_max = SEND_SECONDS_MAX
    notice_id: UUID
    subscription_id: UUID


class SendToDestination(JobArgs, frozen=True, kw_only=True):
    """Send a notice to a destination of the organisation."""

    kind = "notify.send_to_destination"
    attempts_max = ATTEMPTS_MAX
    seconds_max = SEND_SECONDS_MAX
    destination_id: UUID
    notice_id: UUID
    notice_kind: str
    facts: dict[str, str | int]
    at: datetime
    action: Action = "trigger"
    """What becomes of it where there are alerts, as PagerDuty has them; others are told nothing of an acknowledgement."""
    dedup_key: str | None = None


class LookForDigests(JobArgs, frozen=True, kw_only=True):
    """Have the digests sent that are due."""

    kind = "notify.look_for_digests"
    job_class = "background"
    attempts_max = 1
    seconds_max = ROUND_SECONDS_MAX


class LookForDeadJobs(JobArgs, frozen=True, kw_only=True):
    """Tell administrators of jobs that died."""

    kind = "notify.look_for_dead_jobs"
    job_class = "background"
    attempts_max = 1
    seconds_max = ROUND_SECONDS_MAX


class ForgetNotices(JobArgs, frozen=True, kw_only=True):
    """Remove notices that were read long ago, or that nobody reads."""

    kind = "notify.forget_notices"
    job_class = "background"
    attempts_max = 1
    seconds_max = ROUND_SECONDS_MAX
