"""Secrets: passwords, API keys, one-time tokens and signed links. Nothing here is stored as it is sent."""

import asyncio
import base64
import hashlib
import hmac
import os
import re
import secrets
import string
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from lyceum.kernel.problems import Unavailable

T = TypeVar("T")

PASSWORD_CHARACTERS_MIN = 10
PASSWORD_CHARACTERS_MAX = 256
KEY_MARK = "lyk"
_NONCE_BYTES = 12
_KEY_ALPHABET = string.ascii_letters + string.digits
_KEY_PREFIX_CHARACTERS = 8
_KEY_BODY_CHARACTERS = 32
_KEY_FORM = re.compile(
    rf"{KEY_MARK}_[{_KEY_ALPHABET}]{{{_KEY_PREFIX_CHARACTERS}}}_[{_KEY_ALPHABET}]{{{_KEY_BODY_CHARACTERS}}}"
)
PASSWORD_MEMORY_KIB = 47_104
PASSWORD_SECONDS_MAX = 120.0
_TURNS_BESIDE = 2

_PASSES = ((47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4))
_PASSES_MAX = 5
"""Argon2id with less memory goes over it more often: the pairs of OWASP's Password Storage Cheat Sheet."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """An API key as its owner sees it once: `secret` is sent, `digest` is stored, `prefix` is shown."""

    secret: str = field(repr=False)
    prefix: str
    digest: bytes


class PasswordsBusy(Unavailable):
    """So many passwords are being looked at that one more has to wait."""

    code = "busy"


class Passwords:
    """Argon2id, off the loop since it takes tens of milliseconds by design, and as many at once as there are cores."""

    def __init__(self, *, memory_kib: int = PASSWORD_MEMORY_KIB) -> None:
        passes = next((passes for least_kib, passes in _PASSES if memory_kib >= least_kib), _PASSES_MAX)
        self._argon = PasswordHash((Argon2Hasher(time_cost=passes, memory_cost=memory_kib, parallelism=1),))
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._cores = asyncio.Semaphore(cores)
        self._turns = asyncio.Semaphore(cores + _TURNS_BESIDE)
        self._of_nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash of a password; raises `PasswordsBusy`."""
        return await self._computed(self._argon.hash, password)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Let a few at once do what goes with a password; however many come, nobody waits anywhere but here.

        Raises `PasswordsBusy` when the turn does not come within `PASSWORD_SECONDS_MAX`.
        """
        async with _taken(self._turns):
            yield

    async def verify(self, password: str, password_hash: str | None) -> tuple[bool, str | None]:
        """Say whether a password fits a hash, and return a new hash where that was made with other settings.

        Without a hash nothing fits, and to find that out takes as long. Raises `PasswordsBusy`.
        """
        if self._of_nobody is None:
            self._of_nobody = await self._computed(self._argon.hash, secrets.token_urlsafe(32))
        if password_hash is None:
            await self._computed(self._argon.verify, password, self._of_nobody)
            return False, None
        try:
            return await self._computed(self._argon.verify_and_update, password, password_hash)
        except UnknownHashError:
            return False, None

    async def _computed(self, work: Callable[..., T], *arguments: str) -> T:
        async with _taken(self._cores):
            return await asyncio.to_thread(work, *arguments)


@asynccontextmanager
async def _taken(turns: asyncio.Semaphore) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(PASSWORD_SECONDS_MAX):
            await turns.acquire()
    except TimeoutError:
        raise PasswordsBusy("Many people are signing in just now; try again in a moment.") from None
    try:
        yield
    finally:
        turns.release()


def new_key() -> NewKey:
    """Return a fresh API key of 190 random bits."""
    prefix = "".join(secrets.choice(_KEY_ALPHABET) for _ in range(_KEY_PREFIX_CHARACTERS))
    body = "".join(secrets.choice(_KEY_ALPHABET) for _ in range(_KEY_BODY_CHARACTERS))
    secret = f"{KEY_MARK}_{prefix}_{body}"
    return NewKey(secret=secret, prefix=prefix, digest=digest_of(secret))


def has_key_form(text: str) -> bool:
    """Say whether a text could be an API key; what could not is nobody's, without asking."""
    return _KEY_FORM.fullmatch(text) is not None


def new_token() -> str:
    """Return a one-time token for a link, 256 random bits."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> bytes:
    """Return what is stored of a key or token: its SHA-256. They are random and long, so a slow hash adds nothing."""
    return hashlib.sha256(secret.encode()).digest()


def base64url(raw: bytes) -> str:
    """Return bytes in the base64 for addresses and file names, without padding (RFC 4648, 5)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(written: str) -> bytes:
    """Return the bytes that stand in base64 for addresses, padded or not; raises `ValueError` for anything else."""
    stripped = written.rstrip("=")
    return base64.b64decode(stripped + "=" * (-len(stripped) % 4), altchars=b"-_", validate=True)


def repr_digest(sha256: str) -> str:
    """Return the value of a `Repr-Digest` header (RFC 9530) for a SHA-256 in hexadecimal."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


def derived_key(secret_key: bytes, purpose: str) -> bytes:
    """Return a key of 256 bits for one purpose, from which neither the hub's secret nor another purpose's key follows."""
    return hmac.new(secret_key, f"lyceum {purpose}".encode(), hashlib.sha256).digest()


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals what stands in the database and only the hub may read, with AES-256-GCM.

    What is sealed for one place (`about`, such as a row's id) opens in no other.
    """

    secret_key: bytes = field(repr=False)

    def seal(self, purpose: str, about: str, secret: bytes) -> bytes:
        """Return the sealed secret: a nonce of 96 bits, then the text with its tag."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(derived_key(self.secret_key, purpose)).encrypt(nonce, secret, about.encode())

    def opened(self, purpose: str, about: str, sealed: bytes) -> bytes | None:
        """Return the secret; None where another hub, or this one with another secret key, has sealed it."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(derived_key(self.secret_key, purpose)).decrypt(nonce, text, about.encode())
        except (InvalidTag, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs statements of the hub to itself, such as "may write upload X until T"."""

    secret_key: bytes = field(repr=False)

    def sign(self, statement: str, *, lifetime_seconds: int) -> str:
        """Return a token that vouches for `statement` for so long."""
        expires = int(time.time()) + lifetime_seconds
        return f"{expires}.{self._mark(statement, expires)}"

    def vouches(self, token: str, statement: str) -> bool:
        """Say whether `token` was signed for `statement` and has not expired."""
        expires_text, _, mark = token.partition(".")
        if not expires_text.isascii() or not expires_text.isdigit() or len(expires_text) > 12:
            return False
        expires = int(expires_text)
        right = hmac.compare_digest(mark.encode(), self._mark(statement, expires).encode())
        return right and expires >= time.time()

    def mark(self, purpose: str, statement: str) -> str:
        """Return what only this hub can write below a statement made for a purpose; it never runs out."""
        mark = hmac.new(derived_key(self.secret_key, purpose), statement.encode(), hashlib.sha256).digest()
        return base64url(mark)

    def marked(self, mark: str, purpose: str, statement: str) -> bool:
        """Say whether `mark` is the hub's own below a statement."""
        return hmac.compare_digest(mark.encode(), self.mark(purpose, statement).encode())

    def _mark(self, statement: str, expires: int) -> str:
        mark = hmac.new(self.secret_key, f"{expires}\n{statement}".encode(), hashlib.sha256).digest()
        return base64url(mark)
