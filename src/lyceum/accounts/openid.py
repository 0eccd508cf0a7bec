"""What both sides of OpenID Connect compute the same way: the hub where it asks a provider, and where it is one."""

import hashlib

from lyceum.kernel.security import base64url

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
"""What a logout token says has happened (OpenID Connect Back-Channel Logout 1.0, 2.4)."""
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


def code_challenge(verifier: str) -> str:
    """Return what is told of a code verifier before it is shown (RFC 7636, 4.2, S256)."""
    return base64url(hashlib.sha256(verifier.encode()).digest())


def half_hash(access_token: str, algorithm: str) -> str:
    """Return the left half of an access token's hash, as `at_hash` has it (OpenID Connect Core 1.0, 3.1.3.6).

    The hash is that of the ID token's `algorithm`; EdDSA, which names none, goes with SHA-512.
    """
    digest = _HASHES.get(algorithm[-3:], hashlib.sha512)(access_token.encode()).digest()
    return base64url(digest[: len(digest) // 2])
