"""A sign-on under way: what the hub must know again when the browser comes back from the provider.

It lies sealed in a cookie of that browser, so that beginning one costs the hub nothing and another browser's answer is
nobody's. The answer's `state` names the cookie; each state is taken once.
"""

import re
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from urllib.parse import unquote
from uuid import UUID

import msgspec
from sqlalchemy import text

from lyceum.accounts.openid import code_challenge
from lyceum.accounts.signon.errors import ReturnPathRefused, SignOnStale
from lyceum.kernel.db import NOBODY
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import Sealer, digest_of
from lyceum.kernel.tx import aside

ATTEMPT_SECONDS = 600
COOKIE = "lyceum_sign_on"
RETURN_CHARACTERS_MAX = 1_500
_PURPOSE = "sign-ons under way"
_STATE_FORM = re.compile(r"[A-Za-z0-9_-]{43}")
_RETURN_FORM = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_STALE = "This sign-in was begun in another browser or too long ago, or has been used already; begin it again."
_USE = text("SELECT definer.sign_on_use(:digest, :keep)")


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-on under way at one provider; `connects` is who wants it connected to their account."""

    provider_id: UUID
    state: str
    nonce: str
    verifier: str
    return_to: str
    expires_at: float
    connects: UUID | None = None

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier (RFC 7636, S256)."""
        return code_challenge(self.verifier)


def new_attempt(provider_id: UUID, *, return_to: str, connects: UUID | None = None) -> Attempt:
    """Return a fresh attempt; raises `ReturnPathRefused`."""
    return Attempt(
        provider_id=provider_id,
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        return_to=checked_return(return_to),
        expires_at=time.time() + ATTEMPT_SECONDS,
        connects=connects,
    )


def checked_return(path: str) -> str:
    """Return a path when it leads to a page of this hub; raises `ReturnPathRefused` for any other place."""
    # browsers take a backslash for a slash, and leave out what is no character
    plain = unquote(path)
    if len(path) > RETURN_CHARACTERS_MAX or not _RETURN_FORM.fullmatch(path) or plain.startswith(("//", "/\\")):
        raise ReturnPathRefused("The page to come back to must be a path on this hub, such as /datasets.")
    return path


def sealed(sealer: Sealer, attempt: Attempt) -> str:
    """Return what the browser keeps of an attempt."""
    return urlsafe_b64encode(sealer.seal(_PURPOSE, attempt.state, msgspec.json.encode(attempt))).decode()


def cookie_name(state: str, *, secure: bool) -> str:
    """Return the cookie of one attempt; several tabs each have their own."""
    return f"{'__Secure-' if secure else ''}{COOKIE}_{digest_of(state).hex()[:16]}"


def opened(sealer: Sealer, state: str, cookie: str | None, *, provider_id: UUID) -> Attempt:
    """Return the attempt that an answer with this state ends; raises `SignOnStale`."""
    try:
        blob = sealer.opened(_PURPOSE, state, urlsafe_b64decode(cookie or "")) if has_state_form(state) else None
        attempt = msgspec.json.decode(blob or b"", type=Attempt)
    except (msgspec.DecodeError, ValueError):
        raise SignOnStale(_STALE) from None
    if attempt.provider_id != provider_id or attempt.expires_at < time.time():
        raise SignOnStale(_STALE)
    return attempt


async def use(resources: Resources, attempt: Attempt) -> None:
    """Take an attempt's state, which is done once; raises `SignOnStale`."""
    asked = {"digest": digest_of(attempt.state), "keep": timedelta(seconds=2 * ATTEMPT_SECONDS)}
    async with aside(resources.database, NOBODY) as tx:
        if not await tx.scalar(_USE, asked):
            raise SignOnStale(_STALE)


def has_state_form(state: str) -> bool:
    """Say whether a text could be a state of this hub."""
    return _STATE_FORM.fullmatch(state) is not None
