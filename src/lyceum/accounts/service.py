"""Writes of accounts: the first administrator, set-up links, API keys."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.public import note_audit, record
from lyceum.accounts.errors import ExpiryPast, KeyNotFound, NameTaken, PasswordWeak, ScopeUnknown, SetupLinkUsed
from lyceum.accounts.known import forget_after_commit
from lyceum.accounts.models import ApiKeyRow, MembershipRow, OrganisationRow, UserRow
from lyceum.accounts.policy import ALL_SCOPES, WORK_SCOPES, Actor, Power, Role, require
from lyceum.accounts.queries import as_key, setup_link_works
from lyceum.accounts.schemas import ApiKey, ApiKeyMade, FirstAdministrator, NewApiKey
from lyceum.kernel.db import NOBODY, Database, Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import (
    PASSWORD_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MIN,
    digest_of,
    new_key,
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
        made = await _add_key(
            tx,
            administrator,
            name=LOCAL_KEY_NAME,
            scopes=list(ALL_SCOPES),
            expires_at=datetime.now(UTC) + timedelta(hours=LOCAL_KEY_HOURS),
        )
        record(tx, administrator, "admin_key", "api_key", made.id, after=as_shown(made))
        return made


async def set_up(resources: Resources, wanted: FirstAdministrator) -> tuple[str, ApiKeyMade]:
    """Use a set-up link: give the administrator an e-mail and a password; return their organisation and a key.

    Raises `SetupLinkUsed`, `PasswordWeak` and `NameTaken`; a refused link changes nothing.
    """
    _refuse_weak(wanted.password)
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
        key = await _add_key(tx, administrator, name="first key", scopes=list(ALL_SCOPES), expires_at=None)
        note_audit("user", administrator.user_id, org_id=administrator.org_id, actor_id=administrator.user_id)
    return str(organisation), key


async def create_key(tx: AsyncSession, who: Actor, wanted: NewApiKey) -> ApiKeyMade:
    """Make a key with some of the caller's own powers; raises `ScopeUnknown` for any other, and `ExpiryPast`."""
    require(who, Power.KEYS_MANAGE)
    scopes = wanted.scopes
    if scopes is None:
        scopes = [scope for scope in WORK_SCOPES if scope in who.powers]
    beyond = sorted(set(scopes) - who.powers)
    if beyond:
        raise ScopeUnknown(f"You cannot give {', '.join(beyond)}; yours are {', '.join(sorted(who.powers))}.")
    if wanted.expires_at is not None and wanted.expires_at <= datetime.now(UTC):
        raise ExpiryPast(f"The key would have run out at {wanted.expires_at.isoformat()}; give a time to come.")
    made = await _add_key(tx, who.scope, name=wanted.name, scopes=scopes, expires_at=wanted.expires_at)
    note_audit("api_key", made.id, after=as_shown(made))
    return made


async def revoke_key(tx: AsyncSession, who: Actor, key_id: UUID) -> ApiKey:
    """Revoke a key of the organisation; raises `KeyNotFound`. Revoking twice changes nothing."""
    org_id = require(who, Power.KEYS_MANAGE)
    key = await tx.scalar(select(ApiKeyRow).where(ApiKeyRow.id == key_id, ApiKeyRow.org_id == org_id))
    if key is None:
        raise KeyNotFound(f"There is no key {key_id} in {who.org_name}.")
    note_audit("api_key", key.id, before=as_key(key))
    if key.revoked_at is None:
        key.revoked_at = datetime.now(UTC)
        await tx.flush()
        forget_after_commit(tx, key.digest)
    return as_key(key)


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


async def _add_key(
    tx: AsyncSession, scope: Scope, *, name: str, scopes: list[str], expires_at: datetime | None
) -> ApiKeyMade:
    secret = new_key()
    row = ApiKeyRow(
        org_id=scope.org_id,
        user_id=scope.user_id,
        name=name,
        prefix=secret.prefix,
        digest=secret.digest,
        scopes=scopes,
        expires_at=expires_at,
    )
    tx.add(row)
    await tx.flush()
    await tx.refresh(row)
    return ApiKeyMade(**as_key(row).model_dump(), secret=secret.secret)


def as_shown(made: ApiKeyMade) -> ApiKey:
    """Return a fresh key as it is shown from then on, without its secret."""
    return ApiKey.model_validate(made.model_dump(exclude={"secret"}))


def _refuse_weak(password: str) -> None:
    if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
        raise PasswordWeak(
            f"A password has {PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters; this one has {len(password)}."
        )
