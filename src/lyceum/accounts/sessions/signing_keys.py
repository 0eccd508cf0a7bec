"""The keys that access tokens are signed with: made by the hub, shared by its processes through PostgreSQL, and replaced
in time without anybody being signed out.

A key is published before it signs and after it has signed its last, so that no process and no client meets a token whose
key it cannot find.
"""

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from jwt.algorithms import RSAAlgorithm
from sqlalchemy import text

from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.security import Sealer
from lyceum.kernel.tx import aside, run_alone

KEY_BITS = 3072
PUBLIC_EXPONENT = 65_537
PUBLISHED_AHEAD = timedelta(minutes=10)
RELOAD_SECONDS = 60.0
RELOAD_FOR_UNKNOWN_SECONDS = 5.0
"""How often made-up key ids may have the keys read again."""
_PURPOSE = "signing keys"

_KEYS = text("SELECT id, public_key, private_key_sealed, signs_from FROM definer.signing_keys()")
_ADD = text("SELECT definer.signing_key_add(:id, :public, :sealed, :signs_from, :not_after)")
_FORGET = text("SELECT definer.signing_keys_forget(:replaced_before)")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key; `private` is missing where it was sealed with another secret key."""

    id: str
    public: RSAPublicKey
    signs_from: datetime
    private: RSAPrivateKey | None = field(repr=False)

    def as_jwk(self) -> dict[str, Any]:
        """Return the public half as a JSON Web Key (RFC 7517)."""
        numbers = RSAAlgorithm.to_jwk(self.public, as_dict=True)
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id, "n": numbers["n"], "e": numbers["e"]}


class SigningKeys:
    """The hub's keys as this process knows them, read again once a minute and for a key id it does not know."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer
        self._keys: dict[str, SigningKey] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def signing(self) -> tuple[str, RSAPrivateKey]:
        """Return the key that signs now, with its id; the hub's first is made at the first call."""
        await self._read_again(after_seconds=RELOAD_SECONDS)
        signing = self._signing_now()
        if signing is None:
            await self._make(signs_from=datetime.now(UTC), not_after=max(self._begins(), default=_NEVER))
            await self._read_again(after_seconds=0.0)
            signing = self._signing_now()
        if signing is None:
            raise RuntimeError("there is no key to sign with, although one was just made")
        return signing

    async def public(self, key_id: str) -> RSAPublicKey | None:
        """Return the public half of a key, None when the hub has none of that id."""
        await self._read_again(
            after_seconds=RELOAD_SECONDS if key_id in self._keys else RELOAD_FOR_UNKNOWN_SECONDS,
        )
        known = self._keys.get(key_id)
        return known.public if known is not None else None

    async def published(self) -> list[dict[str, Any]]:
        """Return every key as a JSON Web Key: those that sign, have signed, and will."""
        await self.signing()
        return [key.as_jwk() for key in self._keys.values()]

    async def rotate(self, *, every: timedelta, kept_for: timedelta) -> tuple[bool, int]:
        """Make the next key when the newest is old enough, and forget those replaced longer ago than `kept_for`.

        Return whether one was made and how many were forgotten.
        """
        await self._read_again(after_seconds=0.0)
        now = datetime.now(UTC)
        # a key that is published ahead of its time counts as old from when it begins to sign
        due = now + PUBLISHED_AHEAD - every
        made = max(self._begins(), default=now) <= due and await self._make(
            signs_from=now + PUBLISHED_AHEAD, not_after=due
        )
        async with aside(self._database, NOBODY) as tx:
            forgotten = int(await tx.scalar(_FORGET, {"replaced_before": now - kept_for}) or 0)
        return made, forgotten

    def _signing_now(self) -> tuple[str, RSAPrivateKey] | None:
        now = datetime.now(UTC)
        able = [(key.signs_from, key.id, key.private) for key in self._keys.values() if key.signs_from <= now]
        return next(((key_id, private) for _, key_id, private in reversed(able) if private is not None), None)

    def _begins(self) -> list[datetime]:
        return [key.signs_from for key in self._keys.values()]

    async def _make(self, *, signs_from: datetime, not_after: datetime) -> bool:
        key_id = secrets.token_urlsafe(12)
        private = await asyncio.to_thread(generate_private_key, PUBLIC_EXPONENT, KEY_BITS)
        public_form = serialization.PublicFormat.SubjectPublicKeyInfo
        private_form = serialization.PrivateFormat.PKCS8
        der = serialization.Encoding.DER
        sealed = self._sealer.seal(
            _PURPOSE, key_id, private.private_bytes(der, private_form, serialization.NoEncryption())
        )
        async with aside(self._database, NOBODY) as tx:
            row = {
                "id": key_id,
                "public": private.public_key().public_bytes(der, public_form),
                "sealed": sealed,
                "signs_from": signs_from,
                "not_after": not_after,
            }
            made = bool(await tx.scalar(_ADD, row))
        if made:
            log.info("a key for access tokens was made")
        return made

    async def _read_again(self, *, after_seconds: float) -> None:
        wanted_at = time.monotonic()
        if wanted_at - self._read_at < after_seconds:
            return
        async with self._reading:
            if self._read_at > wanted_at:
                return
            began = time.monotonic()
            rows = await run_alone(self._database, _KEYS, {})
            self._keys = {row.id: self._loaded(row) for row in rows}
            self._read_at = began

    def _loaded(self, row: Any) -> SigningKey:
        known = self._keys.get(row.id)
        if known is not None and known.signs_from == row.signs_from:
            return known
        public = serialization.load_der_public_key(row.public_key)
        if not isinstance(public, RSAPublicKey):
            raise TypeError(f"the signing key {row.id} is no RSA key")
        opened = self._sealer.opened(_PURPOSE, row.id, row.private_key_sealed)
        private = serialization.load_der_private_key(opened, password=None) if opened is not None else None
        return SigningKey(row.id, public, row.signs_from, private if isinstance(private, RSAPrivateKey) else None)


_NEVER = datetime.min.replace(tzinfo=UTC)
