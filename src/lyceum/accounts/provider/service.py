"""What administrators do with programs whose people sign in through the hub."""

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.policy import Actor, require_operator
from lyceum.accounts.provider.errors import OauthClientNotFound, RedirectUriUnusable, TooManyClients
from lyceum.accounts.provider.models import OauthClientRow
from lyceum.accounts.provider.schemas import OauthClient, OauthClientMade, OauthClientSettings
from lyceum.kernel.http.revisions import require_revision
from lyceum.kernel.ids import new_id
from lyceum.kernel.security import digest_of, new_token

CLIENTS_MAX = 100
URI_CHARACTERS_MAX = 2_000
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


async def list_clients(tx: AsyncSession, who: Actor) -> list[OauthClient]:
    """Return every program, newest first."""
    require_operator(who)
    rows = await tx.scalars(select(OauthClientRow).order_by(OauthClientRow.id.desc()).limit(CLIENTS_MAX))
    return [as_client(row) for row in rows]


async def client_for(tx: AsyncSession, who: Actor, client_id: UUID, *, lock: bool = False) -> OauthClientRow:
    """Return a program for an administrator; raises `OauthClientNotFound`."""
    require_operator(who)
    query = select(OauthClientRow).where(OauthClientRow.id == client_id)
    row = await tx.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise OauthClientNotFound(f"There is no program {client_id}.")
    return row


async def create_client(tx: AsyncSession, who: Actor, wanted: OauthClientSettings) -> OauthClientMade:
    """Let a program's people sign in through the hub; raises `RedirectUriUnusable` and `TooManyClients`."""
    require_operator(who)
    _check(wanted)
    if int(await tx.scalar(select(func.count()).select_from(OauthClientRow)) or 0) >= CLIENTS_MAX:
        raise TooManyClients(f"There are {CLIENTS_MAX} programs already; remove one that is not used.")
    secret = new_token()
    row = OauthClientRow(id=new_id(), secret_digest=digest_of(secret), **wanted.model_dump())
    tx.add(row)
    await tx.flush()
    await tx.refresh(row)
    return OauthClientMade(**as_client(row).model_dump(), client_secret=secret)


async def change_client(
    tx: AsyncSession, who: Actor, client_id: UUID, wanted: OauthClientSettings, *, if_match: str | None
) -> OauthClient:
    """Change a program; raises `OauthClientNotFound`, `RedirectUriUnusable` and what `require_revision` raises."""
    _check(wanted)
    row = await client_for(tx, who, client_id, lock=True)
    require_revision(if_match, row.revision, newest=as_client(row))
    for name, value in wanted.model_dump().items():
        setattr(row, name, value)
    row.revision += 1
    await tx.flush()
    return as_client(row)


async def replace_secret(tx: AsyncSession, who: Actor, client_id: UUID) -> OauthClientMade:
    """Give a program another secret; the one before works no longer. Raises `OauthClientNotFound`."""
    row = await client_for(tx, who, client_id, lock=True)
    secret = new_token()
    row.secret_digest = digest_of(secret)
    row.revision += 1
    await tx.flush()
    return OauthClientMade(**as_client(row).model_dump(), client_secret=secret)


async def remove_client(tx: AsyncSession, who: Actor, client_id: UUID) -> None:
    """Remove a program with all it was let know; raises `OauthClientNotFound`."""
    await client_for(tx, who, client_id, lock=True)
    await tx.execute(delete(OauthClientRow).where(OauthClientRow.id == client_id))


def as_client(row: Any) -> OauthClient:
    """Return a program as administrators see it."""
    return OauthClient(
        id=row.id,
        title=row.title,
        redirect_uris=row.redirect_uris,
        sign_out_uris=row.sign_out_uris,
        back_channel_logout_url=row.back_channel_logout_url,
        asks_consent=row.asks_consent,
        revision=row.revision,
        created_at=row.created_at,
    )


def _check(wanted: OauthClientSettings) -> None:
    more = [wanted.back_channel_logout_url] if wanted.back_channel_logout_url else []
    for uri in [*wanted.redirect_uris, *wanted.sign_out_uris, *more]:
        try:
            parts = urlsplit(uri)
            secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        except ValueError:
            secure, parts = False, urlsplit("")
        plain = uri.isascii() and uri.isprintable() and not set(uri) & set(" \\*#<>\"'")
        if not secure or not plain or not parts.hostname or "@" in parts.netloc or len(uri) > URI_CHARACTERS_MAX:
            raise RedirectUriUnusable(
                f"{uri[:200]!r} cannot be used: give a whole address with https:// (http:// on this machine only), without "
                "a fragment, a user or a wildcard."
            )
