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
from lyceum.notify.service import notify, notify_administrators

__all__ = [
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
    "notify",
    "notify_administrators",
]
