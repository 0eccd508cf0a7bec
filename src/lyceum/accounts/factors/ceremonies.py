"""WebAuthn's two ceremonies: an authenticator makes a passkey for this hub, and signs with it what the hub has just made up.

Here stands what is asked and what is believed of an answer. A challenge is used once, and for what it was made for.
"""

import asyncio
import hashlib
import ipaddress
import json
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import text

from lyceum.accounts.errors import PasskeyRefused, PasskeysImpossible
from lyceum.accounts.factors.models import PasskeyRow
from lyceum.accounts.factors.schemas import CreatedCredential, SignedCredential
from lyceum.kernel.config import Settings
from lyceum.kernel.db import NOBODY
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import from_base64url
from lyceum.kernel.tx import aside

CHALLENGE_BYTES = 32
CHALLENGE_SECONDS = 300
SIGN_IN = "sign-in"
_SITE_NAME = "Lyceum"
_KEEP = text("SELECT definer.challenge_keep(:digest, :purpose, :seconds)")
_USE = text("SELECT definer.challenge_use(:digest, :purpose)")

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Site:
    """What passkeys are made for: the hub's name among hosts, and the one origin whose pages may ask for them."""

    rp_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class MadePasskey:
    """A passkey that was found to be made for this hub, for the challenge it gave."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True)
class KnownPasskey:
    """What the hub keeps of a passkey, as an answer is held against it."""

    id: UUID
    user_id: UUID
    public_key: bytes
    sign_count: int


def find_site(settings: Settings) -> Site | None:
    """Return what passkeys are made for; None where browsers make none: by an address of numbers, or without TLS.

    A hub without a public address is `localhost` to whoever sits at its machine.
    """
    if settings.public_url is None:
        return Site("localhost", f"http://localhost:{settings.port}")
    parts = urlsplit(settings.public_url.lower())
    host = parts.hostname or ""
    is_local = host == "localhost" or host.endswith(".localhost")
    if _is_numbers(host) or (parts.scheme != "https" and not is_local):
        return None
    usual = {"https": 443, "http": 80}[parts.scheme]
    port = "" if parts.port in {None, usual} else f":{parts.port}"
    return Site(host, f"{parts.scheme}://{host}{port}")


def are_passkeys_possible(settings: Settings) -> bool:
    """Say whether browsers make and use passkeys at the hub's address."""
    return find_site(settings) is not None


def site_of(settings: Settings) -> Site:
    """Return what passkeys are made for; raises `PasskeysImpossible`."""
    site = find_site(settings)
    if site is None:
        raise PasskeysImpossible(
            "Browsers make passkeys for https addresses with a name alone: set LYCEUM_PUBLIC_URL to one, and open the hub by it."
        )
    return site


def registering(session_id: UUID) -> str:
    """Return the purpose of a challenge for a new passkey in a session."""
    return f"register:{session_id.hex}"


def second_factor(ticket_id: UUID) -> str:
    """Return the purpose of a challenge for the second step of a sign-in."""
    return f"second-factor:{ticket_id.hex}"


def stepping_up(session_id: UUID) -> str:
    """Return the purpose of a challenge for a step-up in a session."""
    return f"step-up:{session_id.hex}"


async def ask_for_new(
    resources: Resources, purpose: str, *, user_id: UUID, account: str, display_name: str, present: Sequence[PasskeyRow]
) -> dict[str, Any]:
    """Return what a page hands to `navigator.credentials.create`; raises `PasskeysImpossible`."""
    site, challenge = site_of(resources.settings), await _new_challenge(resources, purpose)

    def made() -> dict[str, Any]:
        from webauthn import generate_registration_options
        from webauthn.helpers import options_to_json_dict
        from webauthn.helpers.structs import (
            AuthenticatorSelectionCriteria,
            ResidentKeyRequirement,
            UserVerificationRequirement,
        )

        options = generate_registration_options(
            rp_id=site.rp_id,
            rp_name=_SITE_NAME,
            user_id=user_id.bytes,
            user_name=account,
            user_display_name=display_name,
            challenge=challenge,
            timeout=CHALLENGE_SECONDS * 1000,
            # a passkey that can sign in alone: it knows whose it is, and asks its owner for a PIN or a finger
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=_described(present),
        )
        return options_to_json_dict(options)

    return await asyncio.to_thread(made)


async def ask_to_sign(
    resources: Resources, purpose: str, *, present: Sequence[PasskeyRow] = (), verifies_person: bool
) -> dict[str, Any]:
    """Return what a page hands to `navigator.credentials.get`, for some passkeys or for any; raises `PasskeysImpossible`."""
    site, challenge = site_of(resources.settings), await _new_challenge(resources, purpose)

    def made() -> dict[str, Any]:
        from webauthn import generate_authentication_options
        from webauthn.helpers import options_to_json_dict
        from webauthn.helpers.structs import UserVerificationRequirement as Wanted

        options = generate_authentication_options(
            rp_id=site.rp_id,
            challenge=challenge,
            timeout=CHALLENGE_SECONDS * 1000,
            allow_credentials=_described(present),
            user_verification=Wanted.REQUIRED if verifies_person else Wanted.PREFERRED,
        )
        return options_to_json_dict(options)

    return await asyncio.to_thread(made)


async def believe_new(resources: Resources, purpose: str, credential: CreatedCredential) -> MadePasskey:
    """Return a passkey that was made for this hub and for a challenge of this purpose, which is used up.

    Raises `PasskeyRefused` and `PasskeysImpossible`.
    """
    site = site_of(resources.settings)
    challenge = await _use_challenge(resources, purpose, credential.response.client_data_json)

    def verified() -> MadePasskey:
        from webauthn import verify_registration_response

        made = verify_registration_response(
            credential=credential.model_dump(by_alias=True),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
        )
        return MadePasskey(made.credential_id, made.credential_public_key, made.sign_count)

    return await _believed(verified)


async def believe_signed(
    resources: Resources,
    purpose: str,
    credential: SignedCredential,
    passkey: KnownPasskey | None,
    *,
    verifies_person: bool,
) -> int:
    """Return the passkey's new count of signatures; the challenge is used up whatever comes of it.

    Raises `PasskeyRefused`: where it signed something else, for another site, with another key, or is a copy whose count
    has fallen behind; and `PasskeysImpossible`.
    """
    site = site_of(resources.settings)
    challenge = await _use_challenge(resources, purpose, credential.response.client_data_json)
    if passkey is None:
        raise _refused("it is not known here")

    def verified() -> int:
        from webauthn import verify_authentication_response

        return verify_authentication_response(
            credential=credential.model_dump(by_alias=True),
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=verifies_person,
        ).new_sign_count

    handle = credential.response.user_handle
    if handle and _bytes_of(handle) != passkey.user_id.bytes:
        raise _refused("it names somebody else")
    return await _believed(verified)


def credential_id_of(credential: SignedCredential) -> bytes:
    """Return by what the hub knows a passkey; raises `PasskeyRefused`."""
    found = _bytes_of(credential.raw_id)
    if found is None:
        raise _refused("its id cannot be read")
    return found


async def _new_challenge(resources: Resources, purpose: str) -> bytes:
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    kept = {"digest": _digest(challenge), "purpose": purpose, "seconds": CHALLENGE_SECONDS}
    async with aside(resources.database, NOBODY) as tx:
        await tx.execute(_KEEP, kept)
    return challenge


async def _use_challenge(resources: Resources, purpose: str, client_data_json: str) -> bytes:
    try:
        named = json.loads(_bytes_of(client_data_json) or b"")["challenge"]
        challenge = _bytes_of(named)
    except (ValueError, TypeError, KeyError, RecursionError):
        challenge = None
    if challenge is None:
        raise _refused("it names no challenge")
    # in a transaction of its own: what was tried once is not tried again
    async with aside(resources.database, NOBODY) as tx:
        if not await tx.scalar(_USE, {"digest": _digest(challenge), "purpose": purpose}):
            raise _refused("it answers nothing that was just asked for this")
    return challenge


async def _believed(verified: Callable[[], T]) -> T:
    try:
        # a signature takes a fraction of a millisecond, reading the library for the first time half a second
        return await asyncio.to_thread(verified)
    except Exception as error:  # noqa: BLE001 a library reads hostile bytes: whatever it raises is a refusal
        raise _refused(f"{type(error).__name__}: {error}") from None


def _refused(why: str) -> PasskeyRefused:
    # for whoever runs the hub; whoever sent it may be anybody
    log.info("a passkey was refused", extra={"why": why[:300]})
    return PasskeyRefused("This passkey was not accepted; try again, or use another way to sign in.")


def _described(present: Sequence[PasskeyRow]) -> list[Any]:
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

    known = {transport.value for transport in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(
            id=passkey.credential_id,
            transports=[AuthenticatorTransport(one) for one in passkey.transports if one in known] or None,
        )
        for passkey in present
    ]


def _bytes_of(named: object) -> bytes | None:
    try:
        return from_base64url(named) if isinstance(named, str) and named else None
    except ValueError:
        return None


def _digest(challenge: bytes) -> bytes:
    return hashlib.sha256(challenge).digest()


def _is_numbers(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
