"""Access tokens: JSON Web Tokens (RFC 7519, RFC 9068) that say whose session a request belongs to, for a quarter of an hour.

What a session may do is not written in them: that is looked up, so that a revoked one opens nothing.
"""

import asyncio
import hashlib
import time
from dataclasses import dataclass
from uuid import UUID

import jwt

from lyceum.accounts.sessions.signing_keys import SigningKeys

ACCESS_SECONDS = 900
ALGORITHM = "RS256"
AUDIENCE = "lyceum"
TYPE = "at+jwt"
TOKEN_CHARACTERS_MAX = 2_048
KNOWN_TOKENS_MAX = 10_000
LEEWAY_SECONDS = 5
"""By how much the clocks of a hub's machines may differ."""
_CLAIMS = ["iss", "aud", "sub", "sid", "iat", "exp"]


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a token says: whose session, until when (seconds since 1970)."""

    session_id: UUID
    user_id: UUID
    expires_at: float


class AccessTokens:
    """Makes tokens and reads them; one whose signature was found right once is not checked again while it lasts."""

    def __init__(self, keys: SigningKeys, *, issuer: str) -> None:
        self.keys = keys
        self._issuer = issuer
        self._known: dict[bytes, AccessClaims] = {}

    async def issue(self, *, session_id: UUID, user_id: UUID) -> str:
        """Return a token for a session, good for `ACCESS_SECONDS`."""
        key_id, private = await self.keys.signing()
        now = int(time.time())
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "sid": str(session_id),
            "iat": now,
            "exp": now + ACCESS_SECONDS,
        }
        # signing takes about a millisecond
        return await asyncio.to_thread(
            jwt.encode, claims, private, algorithm=ALGORITHM, headers={"kid": key_id, "typ": TYPE}
        )

    async def claims_of(self, token: str) -> AccessClaims | None:
        """Return what a token of this hub says; None for any other, and for one that has run out."""
        if len(token) > TOKEN_CHARACTERS_MAX:
            return None
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        known = self._known.get(digest)
        if known is None:
            known = await self._read(token)
            if known is None:
                return None
            self._known[digest] = known
            if len(self._known) > KNOWN_TOKENS_MAX:
                del self._known[next(iter(self._known))]
        if known.expires_at + LEEWAY_SECONDS <= time.time():
            self._known.pop(digest, None)
            return None
        return known

    async def _read(self, token: str) -> AccessClaims | None:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != TYPE or header.get("alg") != ALGORITHM or not isinstance(header.get("kid"), str):
                return None
            public = await self.keys.public(header["kid"])
            if public is None:
                return None
            claims = jwt.decode(
                token,
                public,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": _CLAIMS},
            )
            return AccessClaims(UUID(claims["sid"]), UUID(claims["sub"]), float(claims["exp"]))
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
            return None


def has_token_form(text: str) -> bool:
    """Say whether a text could be an access token: three parts between dots, the first of which opens an object."""
    return text.startswith("eyJ") and text.count(".") == 2
