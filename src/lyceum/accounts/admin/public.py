"""The door of the administration."""

from lyceum.accounts.admin.errors import NotWhileImpersonating
from lyceum.accounts.admin.schemas import StatusItem
from lyceum.accounts.admin.status import StatusCheck, backup_status, disk_status, public_url_status, queue_status

__all__ = [
    "NotWhileImpersonating",
    "StatusCheck",
    "StatusItem",
    "backup_status",
    "disk_status",
    "public_url_status",
    "queue_status",
]
