"""A program asks who somebody is: reading its request, asking the person, and answering with a code (OpenID Connect Core 1.0, 3.1)."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.policy import Actor, SignInNeeded
from lyceum.accounts.provider.errors import AuthorizationDenied, AuthorizationRefused
from lyceum.accounts.provider.models import OauthConsentRow, OauthGrantRow
from lyceum.accounts.sessions.public import session_for
from lyceum.kernel.db import NOBODY
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import digest_of
from lyceum.kernel.tx import aside

SCOPES = ("openid", "profile", "email", "groups", "offline_access")
CODE_SECONDS = 60
FRESH_SECONDS = 60
"""How long ago somebody may have signed in for a program that wants them to do it now."""
PARAMETER_CHARACTERS_MAX = 2_000
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_CLIENT = text("SELECT * FROM definer.oauth_client(:id)")

Step = Literal["sign_in", "consent", "ready"]


@dataclass(frozen=True, slots=True)
class Client:
    """A program as it asks; its secret as a digest."""

    id: UUID
    title: str
    secret_digest: bytes
    redirect_uris: tuple[str, ...]
    sign_out_uris: tuple[str, ...]
    asks_consent: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose program and address to go back to are known to be right."""

    client: Client
    redirect_uri: str
    state: str | None
    scopes: tuple[str, ...]
    nonce: str | None
    code_challenge: str
    silent: bool
    asks_again: bool
    signed_in_within: timedelta | None


async def find_client(resources: Resources, client_id: str) -> Client | None:
    """Return a program by its `client_id`."""
    try:
        known_as = UUID(client_id)
    except ValueError:
        return None
    async with aside(resources.database, NOBODY, writes=False) as tx:
        row = (await tx.execute(_CLIENT, {"id": known_as})).one_or_none()
    if row is None:
        return None
    uris, sign_out_uris = tuple(row.redirect_uris), tuple(row.sign_out_uris)
    return Client(row.id, row.title, bytes(row.secret_digest), uris, sign_out_uris, row.asks_consent)


def parameters_in(query: str) -> dict[str, str]:
    """Return a request's parameters; raises `AuthorizationRefused` where one comes twice (RFC 6749, 3.1)."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if len({name for name, _ in pairs}) != len(pairs):
        raise AuthorizationRefused("The address holds a parameter twice; go back to the program and begin again.")
    return dict(pairs)


async def read_request(resources: Resources, parameters: Mapping[str, str]) -> Asked | str:
    """Return what a program asks, or where the browser goes with the reason why it gets no answer.

    Raises `AuthorizationRefused` for one whose program or address is not known to be right.
    """
    client = await find_client(resources, parameters.get("client_id", ""))
    if client is None:
        raise AuthorizationRefused("No program of this hub asks here; go back to it, and tell its administrator.")
    redirect_uri = parameters.get("redirect_uri", "")
    if redirect_uri not in client.redirect_uris:
        raise AuthorizationRefused(
            f"{client.title} asks for an answer at an address that is not among its own; tell its administrator."
        )
    try:
        return _asked(client, redirect_uri, parameters)
    except AuthorizationDenied as denied:
        return denied_url(resources, redirect_uri, parameters.get("state"), denied)


async def step_of(tx: AsyncSession, who: Actor, asked: Asked) -> Step:
    """Return what is to be done next; raises `AuthorizationDenied` where the program wants nobody to be asked.

    `tx` works for the person. Whoever acts as somebody else does not sign in elsewhere as them.
    """
    if who.user_id is None or who.session_id is None or await _too_long_ago(tx, who.user_id, who.session_id, asked):
        if asked.silent:
            raise AuthorizationDenied("login_required", "Nobody is signed in.")
        return "sign_in"
    if who.impersonator_id is not None:
        raise AuthorizationDenied("access_denied", "Whoever acts as somebody else does not sign in elsewhere as them.")
    if not asked.client.asks_consent:
        return "ready"
    given = await tx.scalar(
        select(OauthConsentRow.scopes).where(
            OauthConsentRow.user_id == who.user_id, OauthConsentRow.client_id == asked.client.id
        )
    )
    if given is not None and set(asked.scopes) <= set(given) and not asked.asks_again:
        return "ready"
    if asked.silent:
        raise AuthorizationDenied("consent_required", "The person has not been asked yet.")
    return "consent"


async def decide(tx: AsyncSession, resources: Resources, who: Actor, asked: Asked, *, allow: bool) -> str:
    """Return where the browser goes once the person has decided; raises `SignInNeeded` where they have to sign in first.

    `tx` works for the person.
    """
    denied = AuthorizationDenied("access_denied", "The person has not let the program know.")
    try:
        step = await step_of(tx, who, asked)
    except AuthorizationDenied as refused:
        step, allow, denied = "ready", False, refused
    if step == "sign_in":
        raise SignInNeeded(f"Sign in to go on to {asked.client.title}.")
    if not allow:
        return denied_url(resources, asked.redirect_uri, asked.state, denied)
    return await _answer(tx, resources, who, asked)


async def _answer(tx: AsyncSession, resources: Resources, who: Actor, asked: Asked) -> str:
    code = secrets.token_urlsafe(32)
    noted = insert(OauthConsentRow).values(
        user_id=who.user_id, client_id=asked.client.id, scopes=list(asked.scopes), given_at=func.now()
    )
    await tx.execute(
        noted.on_conflict_do_update(
            index_elements=["user_id", "client_id"],
            set_={"scopes": noted.excluded.scopes, "given_at": noted.excluded.given_at},
        )
    )
    tx.add(
        OauthGrantRow(
            id=new_id(),
            client_id=asked.client.id,
            user_id=who.user_id,
            session_id=who.session_id,
            scopes=list(asked.scopes),
            redirect_uri=asked.redirect_uri,
            nonce=asked.nonce,
            code_digest=digest_of(code),
            code_challenge=asked.code_challenge,
            code_expires_at=datetime.now(UTC) + timedelta(seconds=CODE_SECONDS),
        )
    )
    await tx.flush()
    return _back(resources, asked.redirect_uri, {"code": code, "state": asked.state})


def denied_url(resources: Resources, redirect_uri: str, state: str | None, denied: AuthorizationDenied) -> str:
    """Return where the browser goes with a refusal."""
    told = {"error": denied.error, "error_description": denied.description, "state": state}
    return _back(resources, redirect_uri, told)


def _asked(client: Client, redirect_uri: str, parameters: Mapping[str, str]) -> Asked:
    if any(len(value) > PARAMETER_CHARACTERS_MAX or "\0" in value for value in parameters.values()):
        raise AuthorizationDenied("invalid_request", "A parameter is too long.")
    for name in ("request", "request_uri"):
        if name in parameters:
            raise AuthorizationDenied(f"{name}_not_supported", f"{name} is not taken here.")
    if parameters.get("response_type") != "code" or parameters.get("response_mode", "query") != "query":
        raise AuthorizationDenied("unsupported_response_type", "Only response_type=code is answered, in the query.")
    scopes = tuple(scope for scope in SCOPES if scope in parameters.get("scope", "").split())
    if "openid" not in scopes:
        raise AuthorizationDenied("invalid_scope", "The scope must hold openid.")
    challenge = parameters.get("code_challenge", "")
    # RFC 9700, 2.1.1: without, a code that is caught could be used by whoever has it
    if parameters.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise AuthorizationDenied("invalid_request", "Send code_challenge with code_challenge_method=S256 (PKCE).")
    prompts = set(parameters.get("prompt", "").split())
    if "none" in prompts and len(prompts) > 1:
        raise AuthorizationDenied("invalid_request", "prompt=none goes with no other.")
    age = parameters.get("max_age")
    if age is not None and not (age.isascii() and age.isdigit() and len(age) < 10):
        raise AuthorizationDenied("invalid_request", "max_age must be a number of seconds.")
    within = [int(age)] if age is not None else []
    within += [FRESH_SECONDS] if "login" in prompts else []
    return Asked(
        client=client,
        redirect_uri=redirect_uri,
        state=parameters.get("state"),
        scopes=scopes,
        nonce=parameters.get("nonce"),
        code_challenge=challenge,
        silent="none" in prompts,
        asks_again="consent" in prompts,
        signed_in_within=timedelta(seconds=max(min(within), 1)) if within else None,
    )


async def _too_long_ago(tx: AsyncSession, user_id: UUID, session_id: UUID, asked: Asked) -> bool:
    if asked.signed_in_within is None:
        return False
    session = await session_for(tx, user_id, session_id)
    return datetime.now(UTC) - session.created_at > asked.signed_in_within


def _back(resources: Resources, redirect_uri: str, told: Mapping[str, str | None]) -> str:
    given = {name: value for name, value in told.items() if value is not None}
    joint = "&" if urlsplit(redirect_uri).query else "?"
    return f"{redirect_uri}{joint}{urlencode({**given, 'iss': resources.settings.base_url})}"
