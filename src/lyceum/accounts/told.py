"""What those who tell people of their accounts read by the id that an event carries."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.people.public import LinkKind, token_of, url_of
from lyceum.accounts.policy import POWERS, Power
from lyceum.kernel.resources import Resources

LetterKind = LinkKind


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter, mostly with a one-time link; `url` opens what it is for, so it is shown to nobody else."""

    kind: LetterKind
    to: str
    display_name: str
    url: str = field(repr=False)
    expires_at: datetime
    locale: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """Whose session it is, and where and with what it began."""

    user_id: UUID
    device: str
    place: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Who asks for access to what, who may decide, and what was decided.

    `org_id` is whose the object is; `role` is None unless the request was approved and the grant still stands.
    """

    org_id: UUID
    object_kind: str
    address: str
    asked_by: UUID
    asked_by_name: str
    reason: str
    deciders: tuple[UUID, ...]
    state: Literal["open", "approved", "refused"]
    role: str | None


async def letter_of(tx: AsyncSession, link_id: UUID, *, resources: Resources) -> Letter | None:
    """Return the letter of a link that still works, None when there is none to send; `tx` works for anybody."""
    row = (await tx.execute(_LETTER, {"link": link_id})).one_or_none()
    if row is None:
        return None
    kind = cast("LetterKind", row.kind)
    return Letter(
        kind=kind,
        to=row.email,
        display_name=row.display_name,
        url=_url_of(resources, kind, link_id, row.data),
        expires_at=row.expires_at,
        locale=row.locale or "en",
    )


async def sign_in_of(tx: AsyncSession, session_id: UUID) -> SignIn | None:
    """Return how a session began, None when there is none; `tx` works for anybody."""
    row = (await tx.execute(_SESSION, {"session": session_id})).one_or_none()
    return SignIn(row.user_id, row.device, row.address, row.created_at) if row is not None else None


async def access_request_of(tx: AsyncSession, request_id: UUID) -> AccessRequest | None:
    """Return a request for access, None when there is none or nothing stands at its address.

    `tx` works for whoever asked, or for the organisation that was asked, as the event does that names the request.
    """
    row = (await tx.execute(_REQUEST, {"request": request_id, "deciding_roles": _DECIDING_ROLES})).one_or_none()
    if row is None:
        return None
    return AccessRequest(
        org_id=row.org_id,
        object_kind=row.kind,
        address=row.address,
        asked_by=row.user_id,
        asked_by_name=row.display_name,
        reason=row.reason,
        deciders=tuple(row.deciders),
        state="open" if row.state == "pending" else row.state,
        role=row.role,
    )


_LETTER = text("SELECT kind, email, display_name, locale, data, expires_at FROM definer.link_letter(:link)")

_SESSION = text("SELECT user_id, device, address, created_at FROM definer.session_told(:session)")

_REQUEST = text("SELECT * FROM definer.access_request_told(:request, :deciding_roles)")
_DECIDING_ROLES = [role.value for role, powers in POWERS.items() if Power.GRANTS_MANAGE in powers]


def _url_of(resources: Resources, kind: LetterKind, link_id: UUID, data: dict[str, Any]) -> str:
    # a letter of an invitation brings the link that can also be copied
    of = UUID(data["invitation_id"]) if kind == "invitation" else link_id
    return url_of(resources.settings.base_url, kind, token_of(resources.signer, kind, of))
