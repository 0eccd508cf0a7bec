"""People who sign out at their provider, or leave it: their sessions end, and who has left loses keys and what groups gave."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.events import SecurityChanged
from lyceum.accounts.sessions.public import list_session_ids, revoke_session
from lyceum.accounts.signon.discovery import IdentityProviders
from lyceum.accounts.signon.errors import LogoutTokenRefused
from lyceum.accounts.signon.giving import give_roles, revoke_keys
from lyceum.accounts.signon.joining import signed_in_with
from lyceum.accounts.signon.models import SignOnIdentityRow, SignOnSessionRow
from lyceum.accounts.signon.queries import Provider
from lyceum.accounts.signon.tokens import logout_claims
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.events import publish
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import digest_of
from lyceum.kernel.tx import aside

_USE = text("SELECT definer.sign_on_use(:digest, :keep)")
_PEOPLE = text("SELECT identity_id, user_id FROM definer.sign_on_identities_of(:provider, :issuer, :subject, :session)")
TOKEN_IDS_KEPT = timedelta(days=2)


async def sign_out_by_provider(
    providers: IdentityProviders, resources: Resources, provider: Provider, *, token: str
) -> None:
    """Do what a logout token says: with a session, that one ends; without, the person has left.

    Raises `LogoutTokenRefused`, `SignOnProviderAway` and `SignOnProviderUnusable`. Somebody unknown has nothing to end.
    """
    claims = await logout_claims(providers, provider.discovery_url, token=token, client_id=provider.client_id)
    subject, session = _text(claims.get("sub")), _text(claims.get("sid"))
    asked = {"provider": provider.id, "issuer": claims["iss"], "subject": subject, "session": session}
    used = {"digest": digest_of(f"{provider.id.hex} {claims['jti']}"), "keep": TOKEN_IDS_KEPT}
    async with aside(resources.database, NOBODY) as tx:
        if not await tx.scalar(_USE, used):
            raise LogoutTokenRefused("The logout token has been used already.")
        people = list(await tx.execute(_PEOPLE, asked))
    for person in people:
        async with aside(resources.database, Scope(user_id=person.user_id)) as tx:
            if session is None:
                await leave(tx, person.user_id, provider, identity_id=person.identity_id)
            else:
                await end_sessions(
                    tx, person.user_id, provider.name, identity_id=person.identity_id, provider_session=session
                )


async def leave(tx: AsyncSession, user_id: UUID, provider: Provider, *, identity_id: UUID) -> None:
    """End the sessions of somebody who has left, revoke their keys, and take back what their groups gave.

    `tx` works for them. When they come back through the provider, they are given again what their groups give; keys stay
    revoked.
    """
    await end_sessions(tx, user_id, provider.name, identity_id=identity_id, provider_session=None)
    await revoke_keys(tx, user_id, provider.id)
    await give_roles(tx, user_id, provider.id, ())
    gone: dict[str, Any] = {
        "ended_at": datetime.now(UTC),
        "refresh_token_sealed": None,
        "refresh_after": None,
        "groups": [],
    }
    await tx.execute(update(SignOnIdentityRow).where(SignOnIdentityRow.id == identity_id).values(**gone))
    await publish(tx, SecurityChanged(user_id=user_id, what="sign_on_ended"))


async def end_sessions(
    tx: AsyncSession, user_id: UUID, provider_name: str, *, identity_id: UUID, provider_session: str | None
) -> int:
    """End the sessions that began by a sign-on; of those known to be of a provider's session, only of this one where it is named.

    Return how many. `tx` works for the person.
    """
    rows = await tx.execute(
        select(SignOnSessionRow.session_id, SignOnSessionRow.provider_session).where(
            SignOnSessionRow.identity_id == identity_id
        )
    )
    known = {row.session_id: row.provider_session for row in rows}
    ended = 0
    for session_id in await list_session_ids(tx, user_id, signed_in_with=signed_in_with(provider_name)):
        # one that went through a second factor is not known to be of any
        if provider_session is None or known.get(session_id) in {None, provider_session}:
            await revoke_session(tx, user_id, session_id)
            ended += 1
    return ended


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and len(value) <= 255 else None
