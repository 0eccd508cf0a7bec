"""Checksums that a client announces for what it sends: `X-Content-SHA256`, `Content-Digest`, `Repr-Digest`, `Content-MD5`."""

import base64
import binascii
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lyceum.files.errors import ContentDiffers, DigestUnreadable

SHA256_PATTERN = "^[0-9a-f]{64}$"
_SHA256_BYTES, _MD5_BYTES = 32, 16
_IN_DIGEST_FIELD = re.compile(r"(?:^|,)\s*sha-256=:([^:,]*):")


@dataclass(slots=True)
class Announced:
    """The checksums of content on its way, in hexadecimal; a single sending is read `through` it."""

    sha256: frozenset[str] = frozenset()
    md5: str | None = None
    _md5: Any = field(default=None, repr=False)

    async def through(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield what `chunks` yields, looked at on its way where that is needed."""
        if self.md5 is not None:
            self._md5 = hashlib.md5(usedforsecurity=False)
        async for chunk in chunks:
            if self._md5 is not None:
                self._md5.update(chunk)
            yield chunk

    def require(self, sha256: str, *, what: str) -> None:
        """Raise `ContentDiffers` unless what came is what was announced; `what` names it in the sentence."""
        for announced in self.sha256 - {sha256}:
            raise ContentDiffers(f"{what} has the SHA-256 {sha256} and {announced} was announced; send it again.")
        if self.md5 is not None and self._md5 is not None and self._md5.hexdigest() != self.md5:
            raise ContentDiffers(f"{what} has another MD5 than {self.md5}, which was announced; send it again.")


def announced_in(headers: Mapping[str, str]) -> Announced:
    """Return the checksums the headers of a request announce; raises `DigestUnreadable`.

    The digest fields are those of RFC 9530; algorithms in them other than SHA-256 are passed over.
    """
    sha256 = set()
    if (plain := headers.get("x-content-sha256")) is not None:
        if re.fullmatch(SHA256_PATTERN, plain.lower()) is None:
            raise DigestUnreadable("X-Content-SHA256 must be 64 hexadecimal digits.")
        sha256.add(plain.lower())
    for name in ("content-digest", "repr-digest"):
        if (found := _IN_DIGEST_FIELD.search(headers.get(name, ""))) is not None:
            sha256.add(_hexadecimal(found[1], name, _SHA256_BYTES))
    md5 = headers.get("content-md5")
    return Announced(frozenset(sha256), _hexadecimal(md5, "content-md5", _MD5_BYTES) if md5 is not None else None)


def _hexadecimal(text: str, header: str, byte_count: int) -> str:
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != byte_count:
        raise DigestUnreadable(f"The header {header} must hold {byte_count} bytes in Base64.")
    return digest.hex()
