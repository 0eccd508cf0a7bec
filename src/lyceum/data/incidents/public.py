"""The door of incidents: whoever watches a dataset tells of trouble and of recovery."""

from lyceum.data.incidents.consumers import CONSUMERS_MAX, ConsumersOf, consumers_of
from lyceum.data.incidents.forgetting import forget_what_was_seen
from lyceum.data.incidents.leaving import ERASER, EXPORTERS
from lyceum.data.incidents.opening import see_recovery, see_trouble
from lyceum.data.incidents.queries import open_incidents_of
from lyceum.data.incidents.schemas import Consumer
from lyceum.data.incidents.seeing import Recovery, Severity, Subject, Trouble

__all__ = [
    "CONSUMERS_MAX",
    "ERASER",
    "EXPORTERS",
    "Consumer",
    "ConsumersOf",
    "Recovery",
    "Severity",
    "Subject",
    "Trouble",
    "consumers_of",
    "forget_what_was_seen",
    "open_incidents_of",
    "see_recovery",
    "see_trouble",
]
