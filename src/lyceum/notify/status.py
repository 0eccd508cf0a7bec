"""Whether letters go out, for whoever looks at what of the hub is set up."""

from sqlalchemy import text

from lyceum.accounts.admin.public import StatusItem
from lyceum.kernel.db import NOBODY
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside
from lyceum.notify.mailing import MailServer
from lyceum.notify.work import MailDigest, MailNotice, SendLetter

_FAILED = text(
    "SELECT count(*) FROM unnest(CAST(:kinds AS text[])) AS k, LATERAL definer.jobs_of_all(ARRAY['dead'], k, NULL, 100)"
)
_KINDS = [SendLetter.kind, MailNotice.kind, MailDigest.kind]


async def mail_status(resources: Resources) -> StatusItem:
    """Say whether the hub has a mail server, and whether letters failed for good."""
    if resources.settings.mail_url is None:
        says = "The hub sends no mail, so nobody gets links or notices by it: set LYCEUM_MAIL_URL and LYCEUM_MAIL_FROM."
        return StatusItem(name="mail", state="missing", says=says)
    server = MailServer.configured(resources.settings)
    async with aside(resources.database, NOBODY, writes=False) as tx:
        failed = int(await tx.scalar(_FAILED, {"kinds": _KINDS}) or 0)
    if failed:
        count = "100 letters or more" if failed >= 100 else f"{failed} letter{'' if failed == 1 else 's'}"
        says = f"{count} could not be sent by {server.host}: send one to try it, then try the failed jobs again."
        return StatusItem(name="mail", state="attention", says=says)
    return StatusItem(name="mail", state="ok", says=f"Letters go out by {server.host}.")
