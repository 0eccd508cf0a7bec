"""What of a hub is set up and what is not: each module says of its own part, `wiring` lists who is asked."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from sqlalchemy import text

from lyceum.accounts.admin.schemas import StatusItem
from lyceum.kernel.backup_note import last_backup
from lyceum.kernel.db import NOBODY
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside
from lyceum.kernel.usage import in_units

StatusCheck = Callable[[Resources], Awaitable[StatusItem]]

BACKUP_DAYS_MAX = 8
_SECONDS_A_DAY = 86_400
_DEAD = text("SELECT count(*) FROM definer.jobs_of_all(ARRAY['dead'], NULL, NULL, 100)")


async def public_url_status(resources: Resources) -> StatusItem:
    """Say whether people reach the hub by an address that is encrypted."""
    url = resources.settings.public_url
    if url is None:
        says = "The hub has no public address: set LYCEUM_PUBLIC_URL, so that links in letters lead here."
        return StatusItem(name="public_url", state="missing", says=says)
    if urlsplit(url).scheme != "https":
        says = f"{url} is not encrypted: put a proxy with a certificate before the hub and name its https address."
        return StatusItem(name="public_url", state="attention", says=says)
    return StatusItem(name="public_url", state="ok", says=f"People reach the hub at {url}.")


async def backup_status(resources: Resources) -> StatusItem:
    """Say how old the newest backup is."""
    note = last_backup(resources.settings.home)
    if note is None:
        says = (
            "No backup of this hub has been made from here: set LYCEUM_BACKUP_SCHEDULE, or run `lyceum backup create`."
        )
        return StatusItem(name="backup", state="missing", says=says)
    days = int(note.age_seconds // _SECONDS_A_DAY)
    state = "ok" if days < BACKUP_DAYS_MAX else "attention"
    says = f"The newest backup is {days} day{'' if days == 1 else 's'} old and lies in {note.to}."
    return StatusItem(name="backup", state=state, says=says)


async def disk_status(resources: Resources) -> StatusItem:
    """Say whether there is room to write."""
    disk = resources.disk.look()
    if disk.is_low:
        says = f"Only {in_units(disk.free_bytes)} are free, so nothing is written that grows; make room."
        return StatusItem(name="disk", state="attention", says=says)
    return StatusItem(name="disk", state="ok", says=f"{in_units(disk.free_bytes)} are free.")


async def queue_status(resources: Resources) -> StatusItem:
    """Say whether jobs have failed for good."""
    async with aside(resources.database, NOBODY, writes=False) as tx:
        dead = int(await tx.scalar(_DEAD) or 0)
    if dead:
        count = "100 jobs or more" if dead == 100 else f"{dead} job{'' if dead == 1 else 's'}"
        says = f"{count} failed for good; look at them and try them again."
        return StatusItem(name="queue", state="attention", says=says)
    return StatusItem(name="queue", state="ok", says="No job has failed for good.")
