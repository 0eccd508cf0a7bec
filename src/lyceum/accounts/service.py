"""Writes of accounts: the first administrator and set-up links."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit, record, record_here
from lyceum.accounts.errors import NameTaken, SetupLinkUsed
from lyceum.accounts.keys.service import add_key, as_shown
from lyceum.accounts.models import MembershipRow, OrganisationRow, UserRow
from lyceum.accounts.passwords import refuse_weak
from lyceum.accounts.policy import ALL_SCOPES, Role
from lyceum.accounts.queries import setup_link_works
from lyceum.accounts.schemas import ApiKeyMade, FirstAdministrator
from lyceum.accounts.sessions.public import BegunSession, RequestFacts, begin_session
from lyceum.kernel.db import NOBODY, Database, Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import (
    digest_of,
    new_token,
)
from lyceum.kernel.tx import aside, transaction

FIRST_ORGANISATION = "main"
LOCAL_KEY_NAME = "local administrator"
LOCAL_KEY_HOURS = 12

_LINK_USED = "This set-up link was used or has run out; `lyceum admin link` makes another."
_ADMINISTRATOR = text("SELECT user_id, org_id, org_name FROM definer.first_administrator()")
_USE_SETUP_LINK = text("SELECT definer.setup_link_use(:digest)")
_SETUP_LOCK = text("SELECT pg_advisory_xact_lock(7201973415)")


async def create_setup_link(owner_tx: AsyncSession, *, lifetime_minutes: int) -> str:
    """Return the token of a fresh link that makes its user the administrator. `owner_tx` works as the tables' owner."""
    token = new_token()
    await owner_tx.execute(
        text("INSERT INTO setup_links (digest, expires_at) VALUES (:digest, :expires_at)"),
        {"digest": digest_of(token), "expires_at": datetime.now(UTC) + timedelta(minutes=lifetime_minutes)},
    )
    return token


async def local_administrator_key(database: Database) -> ApiKeyMade:
    """Return a key for whoever sits at the hub's own machine; it runs out after half a day.

    The administrator and the first organisation are made when nobody has used the set-up link yet.
    """
    administrator = await _first_administrator(database)
    async with transaction(database, administrator) as tx:
        made = await add_key(
            tx,
            administrator,
            name=LOCAL_KEY_NAME,
            scopes=list(ALL_SCOPES),
            expires_at=datetime.now(UTC) + timedelta(hours=LOCAL_KEY_HOURS),
        )
        record(tx, administrator, "admin_key", "api_key", made.id, after=as_shown(made))
        return made


@dataclass(frozen=True, slots=True)
class SetUp:
    """The administrator's organisation and first key, and their session where a browser asked."""

    organisation: str
    key: ApiKeyMade
    begun: BegunSession | None


async def set_up(resources: Resources, wanted: FirstAdministrator, *, facts: RequestFacts | None = None) -> SetUp:
    """Use a set-up link: give the administrator an e-mail and a password, and with `facts` a session.

    Raises `SetupLinkUsed`, `PasswordWeak` and `NameTaken`; a refused link changes nothing.
    """
    refuse_weak(wanted.password, email=wanted.email, display_name=wanted.display_name)
    database = resources.database
    async with aside(database, NOBODY) as tx:
        if not await setup_link_works(tx, wanted.token):
            raise SetupLinkUsed(_LINK_USED)
    # after the link, so that nobody without one has the hub compute
    password_hash = await resources.passwords.hash(wanted.password)
    administrator = await _first_administrator(database)
    async with aside(database, administrator) as tx:
        if not await tx.scalar(_USE_SETUP_LINK, {"digest": digest_of(wanted.token)}):
            raise SetupLinkUsed(_LINK_USED)
        await _name_administrator(tx, administrator, wanted, password_hash)
        organisation = await tx.scalar(select(OrganisationRow.name).where(OrganisationRow.id == administrator.org_id))
        key = await add_key(tx, administrator, name="first key", scopes=list(ALL_SCOPES), expires_at=None)
        note_audit("user", administrator.user_id)
        record_here(tx, administrator)
        begun = None
        if facts is not None and administrator.user_id is not None:
            begun = await begin_session(
                tx, administrator.user_id, settings=resources.settings, facts=facts, signed_in_with="set-up link"
            )
    return SetUp(str(organisation), key, begun)


async def _first_administrator(database: Database) -> Scope:
    async with aside(database, NOBODY) as tx:
        found = (await tx.execute(_ADMINISTRATOR)).one_or_none()
    if found is not None:
        return Scope(org_id=found.org_id, user_id=found.user_id)
    fresh = Scope(org_id=new_id(), user_id=new_id())
    async with aside(database, fresh) as tx:
        # Two first callers at once would make two administrators.
        await tx.execute(_SETUP_LOCK)
        found = (await tx.execute(_ADMINISTRATOR)).one_or_none()
        if found is not None:
            return Scope(org_id=found.org_id, user_id=found.user_id)
        tx.add(OrganisationRow(id=fresh.org_id, name=FIRST_ORGANISATION, title="Main"))
        tx.add(UserRow(id=fresh.user_id, display_name="Administrator", instance_admin=True))
        await tx.flush()
        tx.add(MembershipRow(org_id=fresh.org_id, user_id=fresh.user_id, role=Role.OWNER))
        await tx.flush()
    return fresh


async def _name_administrator(
    tx: AsyncSession, administrator: Scope, wanted: FirstAdministrator, password_hash: str
) -> None:
    named = update(UserRow).where(UserRow.id == administrator.user_id)
    values = {"email": wanted.email, "display_name": wanted.display_name, "password_hash": password_hash}
    try:
        await tx.execute(named.values(values))
    except IntegrityError:
        raise NameTaken(f"Somebody else on this hub has the address {wanted.email}; give another one.") from None
