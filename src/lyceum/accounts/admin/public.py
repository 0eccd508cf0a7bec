"""The door of the administration."""

from lyceum.accounts.admin.errors import LastAdministrator, NotWhileImpersonating
from lyceum.accounts.admin.schemas import StatusItem
from lyceum.accounts.admin.status import StatusCheck, backup_status, disk_status, public_url_status, queue_status

__all__ = [
    "LastAdministrator",
    "NotWhileImpersonating",
    "StatusCheck",
    "StatusItem",
    "backup_status",
    "disk_status",
    "public_url_status",
    "queue_status",
]
