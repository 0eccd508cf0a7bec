"""The door of notify."""

from lyceum.notify.kinds import (
    AccessAsked,
    AccessGranted,
    AccessRefused,
    Incident,
    JobsDied,
    NewSignIn,
    Notice,
    RunFailed,
    RunFinished,
    SecurityWasChanged,
    VersionRejected,
)
from lyceum.notify.leaving import ERASER, EXPORTERS
from lyceum.notify.service import notify, notify_administrators
from lyceum.notify.status import mail_status

__all__ = [
    "ERASER",
    "EXPORTERS",
    "AccessAsked",
    "AccessGranted",
    "AccessRefused",
    "Incident",
    "JobsDied",
    "NewSignIn",
    "Notice",
    "RunFailed",
    "RunFinished",
    "SecurityWasChanged",
    "VersionRejected",
    "mail_status",
    "notify",
    "notify_administrators",
]
