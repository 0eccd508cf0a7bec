"""Whether people can sign on through an identity provider, for whoever looks at what of the hub is set up."""

from lyceum.accounts.admin.public import StatusItem
from lyceum.accounts.signon.queries import list_offered
from lyceum.kernel.db import NOBODY
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside


async def sign_on_status(resources: Resources) -> StatusItem:
    """Say through which identity providers people sign on."""
    async with aside(resources.database, NOBODY, writes=False) as tx:
        titles = [provider.title for provider in await list_offered(tx)]
    if not titles:
        says = "People have a password of their own here: add an identity provider to have them sign in as elsewhere."
        return StatusItem(name="sign_on", state="missing", says=says)
    return StatusItem(name="sign_on", state="ok", says=f"People sign on through {', '.join(titles)}.")
