"""Asking a provider's token and userinfo endpoints, and reading from what they say who somebody is."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import orjson

from lyceum.accounts.schemas import EMAIL_PATTERN
from lyceum.accounts.signon.discovery import IdentityProviders, Metadata
from lyceum.accounts.signon.errors import GrantRefused, SignOnProviderAway, SignOnProviderUnusable, SignOnRefused
from lyceum.accounts.signon.models import Claims
from lyceum.accounts.signon.queries import Provider
from lyceum.accounts.signon.tokens import id_claims
from lyceum.kernel.outward import AddressAway, AddressRefused, AnswerTooLarge

GROUPS_MAX = 1_000
GROUP_CHARACTERS_MAX = 256
NAME_CHARACTERS_MAX = 100
EMAIL_CHARACTERS_MAX = 254
SESSION_CHARACTERS_MAX = 255
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is by a provider's verified word. `groups` is None where it was not asked about them."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    display_name: str
    groups: tuple[str, ...] | None
    provider_session: str | None
    refresh_token: str | None = field(repr=False)


async def identity_by_code(
    providers: IdentityProviders, provider: Provider, *, code: str, verifier: str, nonce: str, redirect_uri: str
) -> Identity:
    """Return who signed in at the provider, in exchange for the code the browser brought.

    Raises `SignOnRefused`, `SignOnProviderAway` and `SignOnProviderUnusable`.
    """
    metadata = await providers.metadata(provider.discovery_url)
    asked = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    answer = await _ask_for_tokens(providers, provider, metadata, asked)
    id_token, access_token = answer.get("id_token"), answer.get("access_token")
    if not isinstance(id_token, str):
        raise SignOnRefused("The identity provider did not say who signed in; is `openid` among the scopes?")
    claims = await id_claims(
        providers,
        provider.discovery_url,
        token=id_token,
        client_id=provider.client_id,
        nonce=nonce,
        access_token=access_token if isinstance(access_token, str) else None,
    )
    told = await _with_userinfo(providers, provider, metadata, claims, access_token)
    return _identity(provider, told, issuer=metadata.issuer, refresh_token=answer.get("refresh_token"))


async def identity_by_refresh(
    providers: IdentityProviders, provider: Provider, *, refresh_token: str, issuer: str, subject: str
) -> Identity:
    """Return who somebody is by now, asked while they are away.

    Raises `GrantRefused` where the provider gives nothing for the token any more, `SignOnRefused`, `SignOnProviderAway` and
    `SignOnProviderUnusable`.
    """
    metadata = await providers.metadata(provider.discovery_url)
    asked = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    answer = await _ask_for_tokens(providers, provider, metadata, asked)
    id_token, access_token = answer.get("id_token"), answer.get("access_token")
    claims: Claims = {"sub": subject}
    if isinstance(id_token, str):
        claims = await id_claims(
            providers, provider.discovery_url, token=id_token, client_id=provider.client_id, nonce=None
        )
    if metadata.issuer != issuer or claims["sub"] != subject:
        raise SignOnRefused("The identity provider answered for somebody else.")
    told = await _with_userinfo(providers, provider, metadata, claims, access_token)
    heard = isinstance(id_token, str) or len(told) > 1
    fresh = answer.get("refresh_token") or refresh_token
    return _identity(provider, told, issuer=issuer, refresh_token=fresh, knows_groups=heard)


async def _ask_for_tokens(
    providers: IdentityProviders, provider: Provider, metadata: Metadata, asked: Mapping[str, str]
) -> dict[str, Any]:
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    form = dict(asked)
    if "client_secret_post" in metadata.token_auth_methods and "client_secret_basic" not in metadata.token_auth_methods:
        form |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
    else:
        # RFC 6749, 2.3.1: both are encoded as in a form before they are joined
        pair = f"{quote_plus(provider.client_id)}:{quote_plus(provider.client_secret)}"
        headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    try:
        answer = await providers.outward.ask(
            "POST", metadata.token_endpoint, headers=headers, content=urlencode(form).encode(), redirects_max=0
        )
    except AddressAway as away:
        raise SignOnProviderAway(away.detail) from None
    except (AddressRefused, AnswerTooLarge) as refused:
        raise SignOnProviderUnusable(refused.detail) from None
    if answer.status in {400, 401, 403}:
        raise _refusal(answer.content, urlsplit(answer.url).hostname or "")
    return await providers.document("tokens", answer)


def _refusal(content: bytes, host: str) -> SignOnRefused:
    try:
        read = orjson.loads(content)
        code = str(read["error"])[:100] if isinstance(read, dict) else ""
    except (orjson.JSONDecodeError, KeyError):
        code = ""
    if code == "invalid_grant":
        return GrantRefused(f"{host} says that this sign-in is good no longer; sign in again.")
    return SignOnRefused(
        f"{host} refuses this hub ({code or 'without a word why'}); its administrator has to look at it."
    )


async def _with_userinfo(
    providers: IdentityProviders, provider: Provider, metadata: Metadata, claims: Claims, access_token: object
) -> Claims:
    """Return the claims with those of the userinfo endpoint that the ID token leaves out."""
    wanted = (provider.groups_claim, provider.email_claim, provider.name_claim)
    complete = all(claim_at(claims, name) is not None for name in wanted)
    if complete or metadata.userinfo_endpoint is None or not isinstance(access_token, str):
        return claims
    headers = {"authorization": f"Bearer {access_token}"}
    told = await providers.fetch("whom a token is for", metadata.userinfo_endpoint, headers=headers)
    # OpenID Connect Core 1.0, 5.3.2: an answer about somebody else must not be used
    if told.get("sub") != claims["sub"]:
        raise SignOnRefused("The identity provider's userinfo is about somebody else than its token.")
    return {**told, **claims}


def claim_at(claims: Claims, name: str) -> object:
    """Return a claim by its name, or by a path of names with dots between them; None where there is none."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def groups_in(claims: Claims, name: str) -> tuple[str, ...]:
    """Return the names of groups that a claim holds, as a list or as one text."""
    told = claim_at(claims, name)
    listed = told if isinstance(told, list) else [told]
    groups = [one for one in listed if isinstance(one, str) and one and not _UNPRINTABLE.search(one)]
    return tuple(sorted({one for one in groups if len(one) <= GROUP_CHARACTERS_MAX})[:GROUPS_MAX])


def _identity(
    provider: Provider, claims: Claims, *, issuer: str, refresh_token: object, knows_groups: bool = True
) -> Identity:
    email = claim_at(claims, provider.email_claim)
    usable = isinstance(email, str) and len(email) <= EMAIL_CHARACTERS_MAX and re.fullmatch(EMAIL_PATTERN, email)
    address = str(email) if usable and not _UNPRINTABLE.search(str(email)) else None
    name = claim_at(claims, provider.name_claim)
    shown = _UNPRINTABLE.sub("", name).strip()[:NAME_CHARACTERS_MAX] if isinstance(name, str) else ""
    session = claims.get("sid")
    return Identity(
        issuer=issuer,
        subject=claims["sub"],
        email=address,
        email_verified=address is not None and claims.get("email_verified") in (True, "true"),
        display_name=shown or (address or "").partition("@")[0][:NAME_CHARACTERS_MAX] or "A member",
        groups=groups_in(claims, provider.groups_claim) if knows_groups else None,
        provider_session=session if isinstance(session, str) and len(session) <= SESSION_CHARACTERS_MAX else None,
        refresh_token=refresh_token if isinstance(refresh_token, str) else None,
    )
