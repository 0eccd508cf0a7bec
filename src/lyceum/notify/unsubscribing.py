"""Links that say "no more of these letters", and take that back: signed for one person and one kind, good without signing in."""

import hashlib
import hmac
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.config import Settings
from lyceum.kernel.security import base64url, derived_key, from_base64url
from lyceum.notify.errors import UnsubscribeLinkInvalid
from lyceum.notify.kinds import KINDS
from lyceum.notify.schemas import PreferenceChange, ResubscribeWish, Unsubscribed
from lyceum.notify.wishes import next_digest

EVERY_KIND = "*"
"""Stands for all letters that may be left out; it is what a digest's link says."""
_MARK_BYTES = 20
_ID_BYTES = 16
_UNWANTED = text("SELECT definer.letters_unwanted(:person, :kind)")
_WANTED = text("SELECT definer.letters_wanted(:person, :kind, :pace)")
_NEXT_DIGEST = text("SELECT definer.digest_begin(:person, :pace, :at)")


@dataclass(frozen=True, slots=True)
class UnsubscribeLinks:
    """The page where a reader says so, and the address their mail program posts to (RFC 8058)."""

    page: str
    one_click: str


def links_for(settings: Settings, user_id: UUID, kind: str) -> UnsubscribeLinks:
    """Return the links that end letters of a kind for a person."""
    token = token_for(settings, user_id, kind)
    hub = settings.base_url
    return UnsubscribeLinks(f"{hub}/unsubscribe?token={token}", f"{hub}/api/v1/unsubscribe/one-click?token={token}")


def token_for(settings: Settings, user_id: UUID, kind: str) -> str:
    """Return what vouches for a person's wish; it does not run out, since letters are kept for years."""
    wish = user_id.bytes + kind.encode()
    return base64url(_mark(settings, wish) + wish)


async def unsubscribe(tx: AsyncSession, settings: Settings, token: str) -> Unsubscribed:
    """End letters as a link says and return of which kind; doing it again changes nothing.

    Raises `UnsubscribeLinkInvalid`.
    """
    user_id, kind = _read(settings, token)
    pace = await tx.scalar(_UNWANTED, {"person": user_id, "kind": kind})
    return Unsubscribed(kind=kind, mail_pace=pace)


async def resubscribe(tx: AsyncSession, settings: Settings, wanted: ResubscribeWish) -> None:
    """Have letters come again that a link has ended, all of them as often as is wanted; what was not ended stays as it is.

    Raises `UnsubscribeLinkInvalid`.
    """
    user_id, kind = _read(settings, wanted.token)
    pace = wanted.mail_pace or "at_once"
    zone = await tx.scalar(_WANTED, {"person": user_id, "kind": kind, "pace": pace})
    if zone is not None:
        again = next_digest(PreferenceChange(mail_pace=pace, zone=zone))
        await tx.execute(_NEXT_DIGEST, {"person": user_id, "pace": pace, "at": again})


def _read(settings: Settings, token: str) -> tuple[UUID, str]:
    try:
        raw = from_base64url(token)
    except ValueError:
        raise _invalid() from None
    mark, wish = raw[:_MARK_BYTES], raw[_MARK_BYTES:]
    if len(wish) <= _ID_BYTES or not hmac.compare_digest(mark, _mark(settings, wish)):
        raise _invalid()
    kind = wish[_ID_BYTES:].decode()
    if kind != EVERY_KIND and kind not in KINDS:
        raise _invalid()
    return UUID(bytes=wish[:_ID_BYTES]), kind


def _mark(settings: Settings, wish: bytes) -> bytes:
    secret = settings.secret_key.get_secret_value().encode() if settings.secret_key else b""
    return hmac.new(derived_key(secret, "unsubscribe"), wish, hashlib.sha256).digest()[:_MARK_BYTES]


def _invalid() -> UnsubscribeLinkInvalid:
    return UnsubscribeLinkInvalid(
        "This link is not whole or not from this hub; change your notification settings instead."
    )
