"""What an identity provider says of itself (OpenID Connect Discovery 1.0), and its keys; remembered for a while in each process."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import jwt
import orjson

from lyceum.accounts.signon.errors import SignOnProviderAway, SignOnProviderUnusable
from lyceum.kernel.outward import AddressAway, AddressRefused, Answer, AnswerTooLarge, Outward

WELL_KNOWN = "/.well-known/openid-configuration"
REMEMBERED_SECONDS = 3600.0
UNKNOWN_KEY_SECONDS = 30.0
"""How often made-up key ids may have a provider's keys fetched again."""
PROVIDERS_MAX = 100
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Signatures by a key of the provider's own; none that its clients could make, and never `none`."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is needed of a provider's discovery document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    algorithms: frozenset[str]
    token_auth_methods: frozenset[str]
    names_issuer: bool
    """Whether it says in its answers to the browser who answers (RFC 9207)."""


@dataclass(slots=True)
class _Remembered:
    metadata: Metadata
    fetched_at: float
    keys: list[Mapping[str, Any]] = field(default_factory=list)
    keys_fetched_at: float = float("-inf")
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)


class IdentityProviders:
    """The providers a process has asked about themselves; one a process."""

    def __init__(self, outward: Outward) -> None:
        self.outward = outward
        self._remembered: dict[str, _Remembered] = {}

    async def metadata(self, discovery_url: str, *, anew: bool = False) -> Metadata:
        """Return what a provider says of itself; raises `SignOnProviderAway` and `SignOnProviderUnusable`."""
        return (await self._of(discovery_url, anew=anew)).metadata

    async def keys(self, discovery_url: str, *, algorithm: str, key_id: str | None) -> list[jwt.PyJWK]:
        """Return the provider's keys that may have made a signature; fetched again for a key id that is not among them.

        Raises `SignOnProviderAway` and `SignOnProviderUnusable`.
        """
        known = await self._of(discovery_url)
        found = _matching(known.keys, algorithm, key_id)
        age = time.monotonic() - known.keys_fetched_at
        if age > REMEMBERED_SECONDS or (not found and age > UNKNOWN_KEY_SECONDS):
            await self._fetch_keys(known)
            found = _matching(known.keys, algorithm, key_id)
        return found

    async def document(self, what: str, answer: Answer) -> dict[str, Any]:
        """Return the JSON object of an answer with status 200; raises `SignOnProviderAway`."""
        host = urlsplit(answer.url).hostname
        if answer.status != 200:
            raise SignOnProviderAway(f"{host} answers {answer.status} when asked for {what}.")
        try:
            read = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            read = None
        if not isinstance(read, dict):
            raise SignOnProviderAway(f"{host} gives something else than JSON when asked for {what}.")
        return read

    async def fetch(self, what: str, url: str, *, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the JSON object at an address; raises `SignOnProviderAway` and `SignOnProviderUnusable`."""
        try:
            answer = await self.outward.ask("GET", url, headers={"accept": "application/json", **(headers or {})})
        except AddressAway as away:
            raise SignOnProviderAway(away.detail) from None
        except (AddressRefused, AnswerTooLarge) as refused:
            raise SignOnProviderUnusable(refused.detail) from None
        return await self.document(what, answer)

    async def _of(self, discovery_url: str, *, anew: bool = False) -> _Remembered:
        known = self._remembered.get(discovery_url)
        if known is not None and not anew and time.monotonic() - known.fetched_at < REMEMBERED_SECONDS:
            return known
        metadata = metadata_in(discovery_url, await self.fetch("its discovery document", document_url(discovery_url)))
        known = self._remembered[discovery_url] = _Remembered(metadata, time.monotonic())
        if len(self._remembered) > PROVIDERS_MAX:
            del self._remembered[next(iter(self._remembered))]
        return known

    async def _fetch_keys(self, known: _Remembered) -> None:
        wanted_at = time.monotonic()
        async with known.fetching:
            if known.keys_fetched_at > wanted_at:
                return
            keys = (await self.fetch("its keys", known.metadata.jwks_uri)).get("keys")
            known.keys = [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []
            known.keys_fetched_at = time.monotonic()


def document_url(discovery_url: str) -> str:
    """Return where the discovery document lies, whether the issuer or the document's own address was given."""
    return discovery_url if discovery_url.endswith(WELL_KNOWN) else discovery_url.rstrip("/") + WELL_KNOWN


def require_tls(url: str, what: str) -> None:
    """Raise `SignOnProviderUnusable` for an address that anybody on the way could read; this machine's own is not."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise SignOnProviderUnusable(f"{what} must start with https://, and is {url[:200]!r}.")


def metadata_in(discovery_url: str, document: Mapping[str, Any]) -> Metadata:
    """Return what a discovery document says; raises `SignOnProviderUnusable` where it cannot be worked with."""
    issuer = _text(document, "issuer")
    expected = document_url(discovery_url).removesuffix(WELL_KNOWN)
    if issuer.rstrip("/") != expected:
        raise SignOnProviderUnusable(
            f"The document at {document_url(discovery_url)} is that of {issuer[:200]!r}; give the discovery URL of that issuer."
        )
    algorithms = _texts(document, "id_token_signing_alg_values_supported") or frozenset({"RS256"})
    if not algorithms & ALGORITHMS:
        raise SignOnProviderUnusable(
            "The provider signs its tokens in no way that can be checked with its public keys."
        )
    userinfo = document.get("userinfo_endpoint")
    metadata = Metadata(
        issuer=issuer,
        authorization_endpoint=_text(document, "authorization_endpoint"),
        token_endpoint=_text(document, "token_endpoint"),
        jwks_uri=_text(document, "jwks_uri"),
        userinfo_endpoint=userinfo if isinstance(userinfo, str) and userinfo else None,
        algorithms=algorithms & ALGORITHMS,
        token_auth_methods=_texts(document, "token_endpoint_auth_methods_supported"),
        names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
    )
    for what in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
        if (url := getattr(metadata, what)) is not None:
            require_tls(url, f"The provider's {what}")
    return metadata


def _matching(keys: list[Mapping[str, Any]], algorithm: str, key_id: str | None) -> list[jwt.PyJWK]:
    found = []
    for key in keys:
        if key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm or key.get("kty") == "oct":
            continue
        if key_id is not None and key.get("kid") != key_id:
            continue
        try:
            found.append(jwt.PyJWK(dict(key), algorithm=algorithm))
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            # a key of a kind that does not make such signatures
            continue
    return found


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise SignOnProviderUnusable(f"The provider's discovery document names no {name}.")
    return value


def _texts(document: Mapping[str, Any], name: str) -> frozenset[str]:
    value = document.get(name)
    return frozenset(one for one in value if isinstance(one, str)) if isinstance(value, list) else frozenset()
