"""One-time links: a token is the link's id and the hub's mark below it, made again to check it, so that it stands nowhere."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.ids import new_id
from lyceum.kernel.security import Signer, base64url, from_base64url

LinkKind = Literal[
    "verify_email",
    "change_email",
    "reset_password",
    "invitation",
    "guardian_consent",
    "email_change_asked",
    "account_deletion",
    "account_kept",
]
PAGES: dict[LinkKind, str] = {
    "verify_email": "verify",
    "change_email": "verify",
    "reset_password": "reset",
    "invitation": "join",
    "guardian_consent": "consent",
    "email_change_asked": "settings?tab=security",
    "account_deletion": "settings?tab=data",
    "account_kept": "settings?tab=data",
}
WITHOUT_TOKEN: frozenset[LinkKind] = frozenset({"email_change_asked", "account_deletion", "account_kept"})
"""Letters that tell something and open nothing: their links lead to a page one has to be signed in for."""
LIFETIMES: dict[LinkKind, timedelta] = {
    "verify_email": timedelta(days=3),
    "change_email": timedelta(days=1),
    "reset_password": timedelta(hours=2),
    "invitation": timedelta(days=14),
    "guardian_consent": timedelta(days=14),
    "email_change_asked": timedelta(days=1),
    "account_deletion": timedelta(days=1),
    "account_kept": timedelta(days=1),
}
_ID_BYTES = 16

_MAKE = text("SELECT definer.link_make(:id, :kind, :user_id, :email, :data, :until)").bindparams(
    bindparam("data", type_=JSONB)
)
_USE = text("SELECT user_id, email, data FROM definer.link_use(:id, :kind)")
_LOOK = text("SELECT user_id, email, data FROM definer.link_look(:id, :kind)")
_VOID = text("SELECT definer.links_void(:user_id, :kind)")


@dataclass(frozen=True, slots=True)
class OneTimeLink:
    """Whose link it is, to which address it went, and what else was noted with it."""

    user_id: UUID | None
    email: str
    data: dict[str, Any]


def token_of(signer: Signer, kind: LinkKind, link_id: UUID) -> str:
    """Return the token of a link: base64url of its id and the HMAC-SHA256 below kind and id, 64 characters."""
    mark = from_base64url(signer.mark(_purpose(kind), link_id.hex))
    return base64.urlsafe_b64encode(link_id.bytes + mark).decode()


def link_of_token(signer: Signer, kind: LinkKind, token: str) -> UUID | None:
    """Return the id of a link whose token this hub made for that kind, else None."""
    try:
        link_id = UUID(bytes=base64.urlsafe_b64decode(token.encode("ascii"))[:_ID_BYTES])
        mark = base64url(base64.urlsafe_b64decode(token)[_ID_BYTES:])
    except (ValueError, binascii.Error):
        return None
    return link_id if signer.marked(mark, _purpose(kind), link_id.hex) else None


def url_of(base_url: str, kind: LinkKind, token: str) -> str:
    """Return the address of the page that a link opens."""
    page = f"{base_url}/{PAGES[kind]}"
    return page if kind in WITHOUT_TOKEN else f"{page}?token={token}"


async def make_link(
    tx: AsyncSession,
    kind: LinkKind,
    *,
    email: str,
    user_id: UUID | None = None,
    data: dict[str, Any] | None = None,
    until: datetime | None = None,
) -> UUID:
    """Make a link for a person, or for whoever has the address; return its id, whether there is anybody or not.

    It works for as long as links of its kind do, or `until` then.
    """
    link_id = new_id()
    until = until or datetime.now(UTC) + LIFETIMES[kind]
    row = {"id": link_id, "kind": kind, "user_id": user_id, "email": email, "data": data or {}, "until": until}
    await tx.execute(_MAKE, row)
    return link_id


async def use_link(tx: AsyncSession, kind: LinkKind, link_id: UUID) -> OneTimeLink | None:
    """Use a link whose token was right; None when it was used before, or has run out."""
    return _as_link((await tx.execute(_USE, {"id": link_id, "kind": kind})).one_or_none())


async def find_link(tx: AsyncSession, kind: LinkKind, link_id: UUID) -> OneTimeLink | None:
    """Return a link that still works and whose token was right, without using it."""
    return _as_link((await tx.execute(_LOOK, {"id": link_id, "kind": kind})).one_or_none())


async def void_links(tx: AsyncSession, kind: LinkKind, user_id: UUID) -> None:
    """Have a person's unused links of a kind do nothing any more."""
    await tx.execute(_VOID, {"user_id": user_id, "kind": kind})


def _as_link(row: Any) -> OneTimeLink | None:
    return OneTimeLink(row.user_id, row.email, row.data) if row is not None else None


def _purpose(kind: LinkKind) -> str:
    return f"one-time link {kind}"
