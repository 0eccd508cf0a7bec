"""Reading a provider's tokens: ID tokens (OpenID Connect Core 1.0, 3.1.3.7) and logout tokens (Back-Channel Logout 1.0, 2.6)."""

import hmac
from collections.abc import Sequence
from typing import Any

import jwt

from lyceum.accounts.openid import LOGOUT_EVENT, half_hash
from lyceum.accounts.signon.discovery import IdentityProviders, Metadata
from lyceum.accounts.signon.errors import LogoutTokenRefused, SignOnRefused
from lyceum.accounts.signon.models import Claims

LEEWAY_SECONDS = 60
TOKEN_CHARACTERS_MAX = 50_000
SUBJECT_CHARACTERS_MAX = 255
_UNBELIEVABLE = "What the identity provider sent cannot be believed ({}); sign in again, and tell the hub's administrator if it stays so."


async def id_claims(
    providers: IdentityProviders,
    discovery_url: str,
    *,
    token: str,
    client_id: str,
    nonce: str | None,
    access_token: str | None = None,
) -> Claims:
    """Return what an ID token says once all of it is verified; `nonce` is None for one that came of a refresh.

    Raises `SignOnRefused`, `SignOnProviderAway` and `SignOnProviderUnusable`.
    """
    metadata = await providers.metadata(discovery_url)
    try:
        algorithm, claims = await _verified(
            providers, discovery_url, metadata, token, client_id, required=("iss", "aud", "sub", "exp", "iat")
        )
        _refuse_other_party(claims, client_id)
        _refuse_bad_subject(claims)
        if nonce is not None and not _same(claims.get("nonce"), nonce):
            raise jwt.InvalidTokenError("its nonce is of another sign-in")
        at_hash = claims.get("at_hash")
        if access_token is not None and at_hash is not None and not _same(at_hash, half_hash(access_token, algorithm)):
            raise jwt.InvalidTokenError("it came with another access token")
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise SignOnRefused(_UNBELIEVABLE.format(str(error)[:200])) from None
    return claims


async def logout_claims(providers: IdentityProviders, discovery_url: str, *, token: str, client_id: str) -> Claims:
    """Return what a logout token says once all of it is verified.

    Raises `LogoutTokenRefused`, `SignOnProviderAway` and `SignOnProviderUnusable`.
    """
    metadata = await providers.metadata(discovery_url)
    try:
        _, claims = await _verified(
            providers, discovery_url, metadata, token, client_id, required=("iss", "aud", "iat", "exp", "jti", "events")
        )
        if not isinstance(claims["events"], dict) or LOGOUT_EVENT not in claims["events"]:
            raise jwt.InvalidTokenError("it tells of no logout")
        # an ID token of the same provider is no logout token
        if "nonce" in claims:
            raise jwt.InvalidTokenError("it has a nonce")
        if not isinstance(claims["jti"], str) or float(claims["exp"]) - float(claims["iat"]) > 24 * 3600:
            raise jwt.InvalidTokenError("it is good for too long")
        if not any(isinstance(claims.get(name), str) for name in ("sub", "sid")):
            raise jwt.InvalidTokenError("it names neither a person nor a session")
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise LogoutTokenRefused(f"The logout token is refused: {str(error)[:200]}.") from None
    return claims


async def _verified(
    providers: IdentityProviders,
    discovery_url: str,
    metadata: Metadata,
    token: str,
    client_id: str,
    *,
    required: Sequence[str],
) -> tuple[str, Claims]:
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise jwt.InvalidTokenError("it is too long")
    header = jwt.get_unverified_header(token)
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm not in metadata.algorithms:
        raise jwt.InvalidTokenError(f"it is signed by {str(algorithm)[:20]!r}, which the provider does not announce")
    keys = await providers.keys(discovery_url, algorithm=algorithm, key_id=key_id if isinstance(key_id, str) else None)
    # without a key id, several keys would be tried in turn
    if len(keys) != 1:
        raise jwt.InvalidTokenError("it names no key of the provider")
    claims: dict[str, Any] = jwt.decode(
        token,
        keys[0],
        algorithms=[algorithm],
        audience=client_id,
        issuer=metadata.issuer,
        leeway=LEEWAY_SECONDS,
        options={"require": list(required)},
    )
    return algorithm, claims


def _refuse_other_party(claims: Claims, client_id: str) -> None:
    party = claims.get("azp")
    if party is not None and party != client_id:
        raise jwt.InvalidTokenError("it was made for another program")
    if party is None and isinstance(claims["aud"], list) and len(claims["aud"]) > 1:
        raise jwt.InvalidTokenError("it is for several programs and does not say which asked for it")


def _refuse_bad_subject(claims: Claims) -> None:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARACTERS_MAX or "\0" in subject:
        raise jwt.InvalidTokenError("it names nobody")


def _same(given: object, expected: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())
