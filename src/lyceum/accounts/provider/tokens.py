"""Tokens for programs: in exchange for a code or a refresh token, and what they say of the person."""

import asyncio
import hmac
import re
import secrets
import time
from base64 import b64decode
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import unquote_plus
from uuid import UUID

import jwt
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.openid import LOGOUT_EVENT, code_challenge, half_hash
from lyceum.accounts.provider.authorizing import Client, find_client
from lyceum.accounts.provider.errors import TokenRefused
from lyceum.accounts.sessions.public import AccessTokens
from lyceum.kernel.db import NOBODY
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import digest_of
from lyceum.kernel.tx import aside

TOKEN_SECONDS = 3600
ID_TOKEN_SECONDS = 600
LOGOUT_TOKEN_SECONDS = 120
ALGORITHM = "RS256"
ACCESS_MARK, REFRESH_MARK = "lyo", "lyor"
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_CODE = text(
    "SELECT grant_id, user_id, session_id, scopes, nonce, redirect_uri, code_challenge, signed_in_at "
    "FROM definer.oauth_code_use(:digest, :client)"
)
_REFRESH = text(
    "SELECT grant_id, user_id, session_id, scopes, nonce, signed_in_at FROM definer.oauth_refresh_use(:digest, :client)"
)
_ADD = text("SELECT definer.oauth_token_add(:digest, :grant_id, :kind, :lifetime)")
_LOOKUP = text("SELECT user_id, scopes FROM definer.oauth_token_lookup(:digest)")
_CLAIMS = text("SELECT email, email_confirmed, display_name, groups FROM definer.oauth_claims(:user_id)")
_GOOD_NO_LONGER = "The code or token is good no longer, or is another program's."


async def authenticated(resources: Resources, authorization: str | None, form: Mapping[str, str]) -> Client:
    """Return the program that asks, by its id and secret in the header or in the form; raises `TokenRefused`."""
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    if authorization is not None:
        if secret:
            raise TokenRefused("invalid_request", "Send the secret in one way only.")
        client_id, secret = _basic(authorization)
    client = await find_client(resources, client_id)
    right = hmac.compare_digest(digest_of(secret), client.secret_digest if client is not None else b"")
    if client is None or not right:
        headers = {"www-authenticate": 'Basic realm="Lyceum"'} if authorization is not None else {}
        raise TokenRefused("invalid_client", "The id or the secret is not right.", status=401, headers=headers)
    return client


async def tokens_for(
    resources: Resources, tokens: AccessTokens, client: Client, form: Mapping[str, str]
) -> dict[str, Any]:
    """Return the tokens for what a program brings, a code or a refresh token; raises `TokenRefused`."""
    kind = form.get("grant_type")
    if kind == "authorization_code":
        return await _tokens_for_code(resources, tokens, client, form)
    if kind == "refresh_token":
        return await _tokens_for_refresh(resources, tokens, client, form)
    raise TokenRefused("unsupported_grant_type", "Only codes and refresh tokens are exchanged.")


async def _tokens_for_code(
    resources: Resources, tokens: AccessTokens, client: Client, form: Mapping[str, str]
) -> dict[str, Any]:
    """Return the tokens for a code, which works once; raises `TokenRefused`.

    One that comes again has been taken by somebody: what came of it the first time works no longer.
    """
    asked = {"digest": digest_of(form.get("code", "")), "client": client.id}
    verifier = form.get("code_verifier", "")
    async with aside(resources.database, NOBODY) as tx:
        granted = (await tx.execute(_CODE, asked)).one_or_none()
    # the code is used up whoever comes with it
    if granted is None or granted.redirect_uri != form.get("redirect_uri"):
        raise TokenRefused("invalid_grant", _GOOD_NO_LONGER)
    if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(code_challenge(verifier), granted.code_challenge):
        raise TokenRefused("invalid_grant", "The code_verifier does not fit the code_challenge.")
    return await _issue(resources, tokens, client, granted)


async def _tokens_for_refresh(
    resources: Resources, tokens: AccessTokens, client: Client, form: Mapping[str, str]
) -> dict[str, Any]:
    """Return new tokens for a refresh token, which works once; raises `TokenRefused`."""
    asked = {"digest": digest_of(form.get("refresh_token", "")), "client": client.id}
    async with aside(resources.database, NOBODY) as tx:
        granted = (await tx.execute(_REFRESH, asked)).one_or_none()
    if granted is None:
        raise TokenRefused("invalid_grant", _GOOD_NO_LONGER)
    return await _issue(resources, tokens, client, granted)


async def userinfo(resources: Resources, authorization: str | None) -> dict[str, Any] | None:
    """Return what a program may know by its access token; None for one that is good no longer or never was."""
    kind, _, token = (authorization or "").partition(" ")
    if kind.lower() != "bearer" or not token.startswith(f"{ACCESS_MARK}_"):
        return None
    async with aside(resources.database, NOBODY, writes=False) as tx:
        row = (await tx.execute(_LOOKUP, {"digest": digest_of(token)})).one_or_none()
        return await _claims(tx, row.user_id, row.scopes) if row is not None else None


async def session_in_hint(resources: Resources, tokens: AccessTokens, hint: str) -> tuple[UUID, UUID, str] | None:
    """Return the person, session and program that an ID token of this hub names, also one that has run out; else None."""
    try:
        header = jwt.get_unverified_header(hint)
        public = await tokens.keys.public(str(header.get("kid")))
        if public is None or header.get("alg") != ALGORITHM or header.get("typ") != "JWT":
            return None
        claims = jwt.decode(
            hint,
            public,
            algorithms=[ALGORITHM],
            issuer=resources.settings.base_url,
            options={"verify_exp": False, "verify_aud": False, "require": ["iss", "sub", "aud", "sid"]},
        )
        return UUID(claims["sub"]), UUID(claims["sid"]), str(claims["aud"])
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        return None


async def logout_token(
    resources: Resources, tokens: AccessTokens, *, client_id: UUID, user_id: UUID, session_id: UUID
) -> str:
    """Return what tells a program that a session has ended (OpenID Connect Back-Channel Logout 1.0, 2.4)."""
    now = int(time.time())
    claims = {
        "iss": resources.settings.base_url,
        "aud": str(client_id),
        "sub": str(user_id),
        "sid": str(session_id),
        "iat": now,
        "exp": now + LOGOUT_TOKEN_SECONDS,
        "jti": secrets.token_urlsafe(16),
        "events": {LOGOUT_EVENT: {}},
    }
    return await _signed(tokens, claims, kind="logout+jwt")


async def _issue(resources: Resources, tokens: AccessTokens, client: Client, granted: Any) -> dict[str, Any]:
    access = f"{ACCESS_MARK}_{secrets.token_urlsafe(32)}"
    lifetimes = {"access": (access, timedelta(seconds=TOKEN_SECONDS))}
    if "offline_access" in granted.scopes:
        refresh = f"{REFRESH_MARK}_{secrets.token_urlsafe(32)}"
        # as long as the session at the longest, which is looked at each time
        lifetimes["refresh"] = refresh, timedelta(days=resources.settings.session_days_max)
    async with aside(resources.database, NOBODY) as tx:
        for kind, (token, lifetime) in lifetimes.items():
            row = {"digest": digest_of(token), "grant_id": granted.grant_id, "kind": kind, "lifetime": lifetime}
            await tx.execute(_ADD, row)
        told = await _claims(tx, granted.user_id, granted.scopes)
    now = int(time.time())
    claims = {
        **told,
        "iss": resources.settings.base_url,
        "aud": str(client.id),
        "azp": str(client.id),
        "iat": now,
        "exp": now + ID_TOKEN_SECONDS,
        "auth_time": int(granted.signed_in_at.timestamp()),
        "sid": str(granted.session_id),
        "at_hash": half_hash(access, ALGORITHM),
        **({"nonce": granted.nonce} if granted.nonce is not None else {}),
    }
    answer = {
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": TOKEN_SECONDS,
        "scope": " ".join(granted.scopes),
        "id_token": await _signed(tokens, claims, kind="JWT"),
    }
    return answer | ({"refresh_token": lifetimes["refresh"][0]} if "refresh" in lifetimes else {})


async def _claims(tx: AsyncSession, user_id: UUID, scopes: list[str]) -> dict[str, Any]:
    row = (await tx.execute(_CLAIMS, {"user_id": user_id})).one()
    claims: dict[str, Any] = {"sub": str(user_id)}
    if "profile" in scopes:
        claims |= {"name": row.display_name, "preferred_username": (row.email or str(user_id)).lower()}
    if "email" in scopes and row.email is not None:
        claims |= {"email": row.email, "email_verified": row.email_confirmed}
    if "groups" in scopes:
        claims["groups"] = row.groups
    return claims


async def _signed(tokens: AccessTokens, claims: Mapping[str, Any], *, kind: str) -> str:
    key_id, private = await tokens.keys.signing()
    headers = {"kid": key_id, "typ": kind}
    # signing takes about a millisecond
    return await asyncio.to_thread(jwt.encode, dict(claims), private, algorithm=ALGORITHM, headers=headers)


def _basic(authorization: str) -> tuple[str, str]:
    kind, _, encoded = authorization.partition(" ")
    try:
        joined = b64decode(encoded, validate=True).decode() if kind.lower() == "basic" else ""
    except ValueError:
        joined = ""
    client_id, _, secret = joined.partition(":")
    # RFC 6749, 2.3.1: both were encoded as in a form
    return unquote_plus(client_id), unquote_plus(secret)
