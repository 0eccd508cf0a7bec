"""The door of notify."""

from lyceum.notify.kinds import (
    AccessAsked,
    AccessGranted,
    AccessRefused,
    Incident,
    IncidentOver,
    Incidents,
    IncidentWeek,
    JobsDied,
    NewSignIn,
    Notice,
    RunFailed,
    RunFinished,
    SecurityWasChanged,
    VersionRejected,
)
from lyceum.notify.leaving import ERASER, EXPORTERS
from lyceum.notify.service import destination_cards, destinations_wanting, notify, notify_administrators, send_to
from lyceum.notify.status import mail_status
from lyceum.notify.work import Action

__all__ = [
    "ERASER",
    "EXPORTERS",
    "AccessAsked",
    "AccessGranted",
    "AccessRefused",
    "Action",
    "Incident",
    "IncidentOver",
    "IncidentWeek",
    "Incidents",
    "JobsDied",
    "NewSignIn",
    "Notice",
    "RunFailed",
    "RunFinished",
    "SecurityWasChanged",
    "VersionRejected",
    "destination_cards",
    "destinations_wanting",
    "mail_status",
    "notify",
    "notify_administrators",
    "send_to",
]
