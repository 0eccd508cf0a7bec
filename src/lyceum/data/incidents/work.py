"""What incidents have done by jobs: their names and arguments."""

from typing import Literal
from uuid import UUID

from lyceum.kernel.jobs.queue import JobArgs

ROUND_SECONDS_MAX = 600
Change = Literal["opened", "reopened", "worsened", "acknowledged", "resolved", "overdue", "woken"]


class TellOfIncident(JobArgs, frozen=True, kw_only=True):
    """Have whom an organisation's rules name told of what became of an incident."""

    kind = "incidents.tell"
    job_class = "high"
    seconds_max = 120
    incident_id: UUID
    change: Change


class SendAlert(JobArgs, frozen=True, kw_only=True):
    """Tell of the incidents that an alert has gathered."""

    kind = "incidents.send_alert"
    job_class = "high"
    seconds_max = 120
    alert_id: UUID


class EscalateAlert(JobArgs, frozen=True, kw_only=True):
    """Tell others of incidents that nobody has acknowledged."""

    kind = "incidents.escalate"
    job_class = "high"
    seconds_max = 120
    alert_id: UUID


class TellOfWeek(JobArgs, frozen=True, kw_only=True):
    """Tell what became of an organisation's incidents in the week that has ended."""

    kind = "incidents.week"
    job_class = "background"
    seconds_max = 120


class LookAtIncidents(JobArgs, frozen=True, kw_only=True):
    """Mark the time limits of incidents that have passed, and end rests that are over."""

    kind = "incidents.look"
    job_class = "background"
    attempts_max = 1
    seconds_max = ROUND_SECONDS_MAX


class ForgetIncidents(JobArgs, frozen=True, kw_only=True):
    """Remove incidents that were resolved longer ago than `incidents_kept_days`."""

    kind = "incidents.forget"
    job_class = "background"
    attempts_max = 1
    seconds_max = ROUND_SECONDS_MAX
