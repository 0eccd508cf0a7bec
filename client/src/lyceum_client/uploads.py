"""Files on their way to a hub: small ones in one piece, large ones in parts that are sent at once and again."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

from lyceum_client.errors import Conflict, InvalidRequest
from lyceum_client.transport import Transport, segment

CHUNK_BYTES = 1024**2
IN_PARTS_FROM_BYTES = 32 * 1024**2
PARTS_AT_ONCE = 4
COMPLETION_SECONDS_MAX = 1800.0

OnProgress = Callable[[int, int], None]
"""Called with the bytes sent so far and the bytes in all."""
OnBegun = Callable[[str], None]
"""Called with the upload's id once it is begun: what is needed to go on with it later."""


class Uploads:
    """Sends files; what it returns is an upload's id."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def send(self, path: Path, *, on_progress: OnProgress | None = None, on_begun: OnBegun | None = None) -> str:
        """Send a file and return the upload's id; one of 32 MiB and more goes in parts."""
        byte_count = path.stat().st_size
        in_parts = byte_count >= IN_PARTS_FROM_BYTES
        body = {"file_name": path.name, "byte_count": byte_count}
        begun = self._transport.post("/uploads", {**body, "in_parts": True} if in_parts else body)
        upload_id: str = begun["id"]
        if on_begun is not None:
            on_begun(upload_id)
        if in_parts:
            return self.resume(path, upload_id, on_progress=on_progress)
        with path.open("rb") as content:
            chunks = _chunks(content, byte_count, on_progress)
            self._transport.put_content(begun["put_url"], chunks, byte_count=byte_count)
        if begun["complete_needed"]:
            self._transport.post(f"/uploads/{segment(upload_id)}/complete")
        return upload_id

    def resume(self, path: Path, upload_id: str, *, on_progress: OnProgress | None = None) -> str:
        """Send what is missing of an upload in parts, and return its id; one that is whole already is left as it is.

        Raises `NotFound` when its time is over, and `Conflict` when the file has another size than was announced.
        """
        place = f"/uploads/{segment(upload_id)}"
        state = self._transport.get(place)
        byte_count = path.stat().st_size
        if state["byte_count"] != byte_count:
            raise Conflict(
                None, "other_file", f"{path.name} has {byte_count:,} bytes, the upload {state['byte_count'] or 0:,}."
            )
        if state["state"] != "open":
            return upload_id
        if state["part_bytes"] is None:
            raise Conflict(None, "upload_not_in_parts", "The upload was begun in one piece; send the file again.")
        sending = _PartsSending(self._transport, path, byte_count, state["part_bytes"], on_progress)
        part_sha256 = sending.send(self._parts(place))
        self._transport.post_again(
            f"{place}/complete", {"part_sha256": part_sha256}, timeout_seconds=COMPLETION_SECONDS_MAX
        )
        return upload_id

    def _parts(self, place: str) -> Iterator[dict[str, Any]]:
        after: int | None = 0
        while after is not None:
            page = self._transport.get(f"{place}/parts", params={"after": after, "limit": 100})
            yield from page["items"]
            after = page["next"]


class _PartsSending:
    """The parts of one file on their way, a few at once; each is in memory while it is sent."""

    def __init__(
        self, transport: Transport, path: Path, byte_count: int, part_bytes: int, on_progress: OnProgress | None
    ) -> None:
        self._transport = transport
        self._path = path
        self._byte_count = byte_count
        self._part_bytes = part_bytes
        self._on_progress = on_progress
        self._done_bytes = 0
        self._lock = Lock()

    def send(self, parts: Iterator[dict[str, Any]]) -> list[str]:
        """Send the parts that are not there as they are here; return the SHA-256 of all, in order.

        Raises what the first that failed raised; those that had begun come to their end before.
        """
        with ThreadPoolExecutor(PARTS_AT_ONCE, thread_name_prefix="lyceum-upload") as threads:
            sending = [threads.submit(self._send_one, part) for part in parts]
            ended, left = wait(sending, return_when=FIRST_EXCEPTION)
            for future in left:
                future.cancel()
            for future in ended:
                future.result()
        return [future.result() for future in sending]

    def _send_one(self, part: dict[str, Any]) -> str:
        content = self._read(part)
        sha256 = hashlib.sha256(content).hexdigest()
        # an object store does not tell: the completion finds out whether what lies there is this
        is_there = part["is_there"] and part["sha256"] in {None, sha256}
        if not is_there:
            self._transport.put_part(part["put_url"], content, sha256=sha256)
        with self._lock:
            self._done_bytes += len(content)
            if self._on_progress is not None:
                self._on_progress(self._done_bytes, self._byte_count)
        return sha256

    def _read(self, part: dict[str, Any]) -> bytes:
        with self._path.open("rb") as file:
            file.seek((part["number"] - 1) * self._part_bytes)
            content = file.read(part["byte_count"])
        if len(content) != part["byte_count"]:
            raise InvalidRequest(None, "unsendable", f"{self._path.name} became shorter while it was sent.")
        return content


def _chunks(content: BinaryIO, byte_count: int, on_progress: OnProgress | None) -> Iterator[bytes]:
    """Yield the first `byte_count` bytes: a file that grows meanwhile is sent as it was announced."""
    left = byte_count
    while left and (chunk := content.read(min(CHUNK_BYTES, left))):
        left -= len(chunk)
        yield chunk
        if on_progress is not None:
            on_progress(byte_count - left, byte_count)
