"""The jobs of incidents, what comes round, and what they hear of."""

from lyceum.data.incidents.hearing import SUBSCRIPTIONS
from lyceum.data.incidents.rounds import forget_incidents, look_at_incidents
from lyceum.data.incidents.telling import escalate, send_alert, tell
from lyceum.data.incidents.weeks import tell_of_week
from lyceum.data.incidents.work import (
    EscalateAlert,
    ForgetIncidents,
    LookAtIncidents,
    SendAlert,
    TellOfIncident,
    TellOfWeek,
)
from lyceum.kernel.jobs.handlers import LightHandler
from lyceum.kernel.jobs.schedules import Schedule

__all__ = ["HANDLERS", "SCHEDULES", "SUBSCRIPTIONS"]

LOOK_EVERY_SECONDS = 60
FORGET_EVERY_SECONDS = 3600

HANDLERS = (
    LightHandler(args_type=TellOfIncident, run=tell),
    LightHandler(args_type=SendAlert, run=send_alert),
    LightHandler(args_type=EscalateAlert, run=escalate),
    LightHandler(args_type=TellOfWeek, run=tell_of_week),
    LightHandler(args_type=LookAtIncidents, run=look_at_incidents),
    LightHandler(args_type=ForgetIncidents, run=forget_incidents),
)
SCHEDULES = (
    Schedule(every_seconds=LOOK_EVERY_SECONDS, make=LookAtIncidents),
    Schedule(every_seconds=FORGET_EVERY_SECONDS, make=ForgetIncidents),
)
