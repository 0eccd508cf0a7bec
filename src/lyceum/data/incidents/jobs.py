"""The jobs of incidents, what comes round, and what they hear of."""

from lyceum.data.incidents.hearing import SUBSCRIPTIONS
from lyceum.data.incidents.rounds import forget_incidents, look_at_incidents
from lyceum.data.incidents.telling import tell
from lyceum.data.incidents.work import ForgetIncidents, LookAtIncidents, TellOfIncident
from lyceum.kernel.jobs.handlers import LightHandler
from lyceum.kernel.jobs.schedules import Schedule

__all__ = ["HANDLERS", "SCHEDULES", "SUBSCRIPTIONS"]

LOOK_EVERY_SECONDS = 60
FORGET_EVERY_SECONDS = 3600

HANDLERS = (
    LightHandler(args_type=TellOfIncident, run=tell),
    LightHandler(args_type=LookAtIncidents, run=look_at_incidents),
    LightHandler(args_type=ForgetIncidents, run=forget_incidents),
)
SCHEDULES = (
    Schedule(every_seconds=LOOK_EVERY_SECONDS, make=LookAtIncidents),
    Schedule(every_seconds=FORGET_EVERY_SECONDS, make=ForgetIncidents),
)
