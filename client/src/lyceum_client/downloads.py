"""Files on their way from a hub: gone on with where the connection broke, and compared with their checksum."""

import base64
import hashlib
from pathlib import Path

from lyceum_client.errors import HubUnavailable
from lyceum_client.transport import Transport

ATTEMPTS_MAX = 5
_PARTIAL = 206


def fetch(transport: Transport, place: str, path: Path) -> bool:
    """Write what lies at a path below `/api/v1` to a file; return whether it is what the hub says it is.

    Raises `HubUnavailable` when the connection breaks too often, or where the hub does not let one go on.
    """
    digest = hashlib.sha256()
    written = 0
    etag = told = None
    with path.open("wb") as file:
        for attempt in range(1, ATTEMPTS_MAX + 1):
            headers: dict[str, str] = {"range": f"bytes={written}-", "if-range": etag} if written and etag else {}
            try:
                with transport.stream(place, headers=headers) as response:
                    if response.status_code != _PARTIAL:
                        # another file than the one begun, or a hub that knows no ranges: all of it comes
                        file.seek(0)
                        file.truncate()
                        digest, written = hashlib.sha256(), 0
                    is_plain = "content-encoding" not in response.headers
                    etag = response.headers.get("etag") if is_plain else None
                    told = response.headers.get("repr-digest")
                    for chunk in response.iter_bytes():
                        digest.update(chunk)
                        written += file.write(chunk)
                break
            except HubUnavailable:
                if attempt == ATTEMPTS_MAX or not written or etag is None:
                    raise
    return told is None or f"sha-256=:{base64.b64encode(digest.digest()).decode()}:" in told
