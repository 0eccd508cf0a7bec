"""Requests that an administrator makes as somebody else: `Lyceum-As` names an impersonation that they have open.

They sign in as themselves and nobody else does: what ends their own access ends this, too. What is a person's own (how they
sign in, their keys, their leaving) and what is the hub's stays closed meanwhile.
"""

from uuid import UUID

from sqlalchemy import text
from starlette.requests import Request

from lyceum.accounts.admin.errors import ImpersonationOver, NotWhileImpersonating
from lyceum.accounts.asking import ORGANISATION_HEADER
from lyceum.accounts.errors import OrganisationNotFound
from lyceum.accounts.policy import OBJECT_POWERS, POWERS, Actor, Power, Role
from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.tx import aside

AS_HEADER = "lyceum-as"
CLOSED_WORDS = frozenset(
    {
        "me",
        "sessions",
        "api-keys",
        "admin",
        "hub",
        "setup",
        "password-resets",
        "registrations",
        "email-confirmations",
        "guardian-consents",
        "organisations",
        "invitations",
        "grants",
        "access-requests",
        "inbox",
        "notification-preferences",
        "push-subscriptions",
        "unsubscribe",
        "authorizations",
        "sign-on",
    }
)
"""First words of the paths nobody changes anything at for somebody else."""
CLOSED_READS = ("me/exports", "me/deletion", "me/factors", "me/sign-ons", "sessions", "authorizations", "sign-on")
"""Where what is read, too, is a person's own: archives of their data, by what they sign in, and where they have."""

_LOOKUP = text("SELECT * FROM definer.impersonation_lookup(:id, :administrator, :organisation)")
_LEFT = OBJECT_POWERS | {Power.AUDIT_READ}
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_PREFIX = "/api/v1/"


async def acting_as_person(request: Request, database: Database, who: Actor) -> Actor:
    """Return the person an administrator acts as, or `who` where no header names anybody.

    Raises `ImpersonationOver`, and `NotWhileImpersonating` for a change of what is closed meanwhile.
    """
    named = request.headers.get(AS_HEADER)
    if named is None:
        return who
    if who.user_id is None or Power.HUB_OPERATE not in who.powers:
        raise _over()
    try:
        impersonation_id = UUID(named)
    except ValueError:
        raise _over() from None
    organisation = request.headers.get(ORGANISATION_HEADER)
    asked = {
        "id": impersonation_id,
        "administrator": who.user_id,
        "organisation": organisation,
    }
    async with aside(database, NOBODY, writes=False) as tx:
        row = (await tx.execute(_LOOKUP, asked)).one_or_none()
    if row is None:
        raise _over()
    if organisation is not None and row.org_id is None:
        raise OrganisationNotFound(f"They are in no organisation called {organisation[:64]!r}.")
    _refuse_closed(request)
    powers = POWERS[Role(row.role)] & _LEFT if row.role is not None else frozenset[Power]()
    return Actor(
        org_id=row.org_id,
        org_name=row.org_name or "",
        user_id=row.user_id,
        key_id=None,
        powers=frozenset(str(power) for power in powers),
        expires_at=row.ends_at,
        impersonator_id=who.user_id,
    )


def _refuse_closed(request: Request) -> None:
    path = request.url.path.removeprefix(request.scope.get("root_path", "")).removeprefix(_PREFIX)
    word = path.partition("/")[0]
    if request.method not in _READS and word in CLOSED_WORDS:
        raise NotWhileImpersonating("Only the person themselves can change this; end acting as them first.")
    if path.startswith(CLOSED_READS):
        raise NotWhileImpersonating("Only the person themselves may see this; end acting as them first.")


def _over() -> ImpersonationOver:
    return ImpersonationOver("You act as nobody else now: the time for it is over, or was ended.")
