"""What shows whose session a request belongs to, once it has been checked, and forgetting a session everywhere."""

import re
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.sessions.access_tokens import AccessTokens, has_token_form
from lyceum.kernel.cache.shared import drop_after_commit

ORGANISATION_FORM = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class SessionProof:
    """A session by a token that was found right, and the name of the organisation it is to act in, if one was given."""

    session_id: UUID
    user_id: UUID
    organisation: str | None = None

    @property
    def name(self) -> str:
        """What it is remembered as."""
        return f"{self.session_id.hex}:{self.organisation or ''}"

    @property
    def tags(self) -> tuple[str, str]:
        """What has it forgotten: the session or the person."""
        return _session_tag(self.session_id), _person_tag(self.user_id)


async def proof_of(tokens: AccessTokens, token: str, *, organisation: str | None) -> SessionProof | None:
    """Return what an access token shows, None for one that is not this hub's or has run out."""
    if not has_token_form(token):
        return None
    claims = await tokens.claims_of(token)
    return SessionProof(claims.session_id, claims.user_id, organisation or None) if claims is not None else None


def forget_session_after_commit(tx: AsyncSession, session_id: UUID) -> None:
    """Have every process ask anew whose a session is, once `tx` has committed."""
    drop_after_commit(tx, _session_tag(session_id))


def forget_person_after_commit(tx: AsyncSession, user_id: UUID) -> None:
    """Have every process ask anew what a person's sessions may do, once `tx` has committed."""
    drop_after_commit(tx, _person_tag(user_id))


def _session_tag(session_id: UUID) -> str:
    return f"session:{session_id.hex}"


def _person_tag(user_id: UUID) -> str:
    return f"person:{user_id.hex}"
