"""Web push: messages that only one browser can read (RFC 8291), from a hub that push services know by its key (RFC 8292)."""

import os
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lyceum.kernel.security import base64url, from_base64url
from lyceum.notify.errors import SubscriptionInvalid

AUTH_BYTES = 16
POINT_BYTES = 65
RECORD_BYTES = 4096
PLAIN_BYTES_MAX = 3000
"""Below what every push service takes, with all that encryption adds."""
TOKEN_SECONDS = 12 * 3600
_SALT_BYTES = 16
_LAST_RECORD = b"\x02"


@dataclass(frozen=True, slots=True)
class BrowserKeys:
    """What a browser gave for messages to it: a point on P-256, and a secret."""

    point: bytes = field(repr=False)
    auth: bytes = field(repr=False)

    @classmethod
    def of_text(cls, p256dh: str, auth: str) -> "BrowserKeys":
        """Return the keys as `PushSubscription.toJSON()` writes them; raises `SubscriptionInvalid`."""
        keys = cls(from_base64(p256dh), from_base64(auth))
        if len(keys.auth) != AUTH_BYTES or len(keys.point) != POINT_BYTES:
            raise SubscriptionInvalid("The keys are not those of a browser's push subscription.")
        _point(keys.point)
        return keys


class HubKey:
    """The key by which push services know this hub (VAPID)."""

    def __init__(self, secret: bytes) -> None:
        self._private = derive_private_key(int.from_bytes(secret, "big"), SECP256R1())
        self.public = base64url(_point_bytes(self._private.public_key()))

    @staticmethod
    def new_secret() -> bytes:
        """Return what a fresh key is made of."""
        return generate_private_key(SECP256R1()).private_numbers().private_value.to_bytes(32, "big")

    def authorization(self, endpoint: str, *, contact: str) -> str:
        """Return the header for a push service. `contact` is whom its makers may write to: `mailto:` or `https:`."""
        parts = urlsplit(endpoint)
        claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": int(time.time()) + TOKEN_SECONDS, "sub": contact}
        return f"vapid t={jwt.encode(claims, self._private, algorithm='ES256')}, k={self.public}"


def encrypted(
    plain: bytes, keys: BrowserKeys, *, own: EllipticCurvePrivateKey | None = None, salt: bytes | None = None
) -> bytes:
    """Return a message of one record that only the browser reads (RFC 8291, with the content coding of RFC 8188).

    `own` and `salt` are made anew for each message, unless a test gives those of the RFC.
    """
    own = own or generate_private_key(SECP256R1())
    salt = salt or os.urandom(_SALT_BYTES)
    own_point = _point_bytes(own.public_key())
    shared = own.exchange(ECDH(), _point(keys.point))
    secret = _derived(shared, keys.auth, b"WebPush: info\0" + keys.point + own_point, 32)
    key = _derived(secret, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\0", 12)
    head = salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(own_point)]) + own_point
    return head + AESGCM(key).encrypt(nonce, plain + _LAST_RECORD, None)


def from_base64(text: str) -> bytes:
    """Return the bytes a browser wrote; raises `SubscriptionInvalid`."""
    try:
        return from_base64url(text)
    except ValueError:
        raise SubscriptionInvalid("The keys of the push subscription are not in base64.") from None


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


def _point(raw: bytes) -> EllipticCurvePublicKey:
    try:
        return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), raw)
    except ValueError:
        raise SubscriptionInvalid("The key of the push subscription is no point on the curve P-256.") from None


def _point_bytes(key: EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
