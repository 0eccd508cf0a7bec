"""Request bodies: small ones at once, large ones within a size, a time and a share of memory."""

import asyncio
from collections.abc import Generator, Mapping
from functools import partial
from types import coroutine
from typing import Any

from starlette.types import Message, Receive

from lyceum.serve.predictions.errors import BodyEncoded, BodyTooLarge, BodyTooSlow, HubBusy

SMALL_BODY_BYTES = 64 * 1024
BODY_SECONDS_MAX = 30.0
HELD_BYTES_MAX = 128 * 1024**2


class ClientGone(Exception):
    """The client hung up before its request was whole; there is nobody to answer."""


class Bodies:
    """Reads bodies of at most `bytes_max`; large ones together hold at most `held_bytes_max` until released."""

    def __init__(self, *, bytes_max: int, held_bytes_max: int = HELD_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._held_bytes_max = max(held_bytes_max, bytes_max)
        self.held_bytes = 0

    async def read(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """Return the body, to be given to `release` when it is answered.

        Raises `BodyTooLarge`, `BodyTooSlow`, `BodyEncoded`, `HubBusy` and `ClientGone`.
        """
        if b"content-encoding" in headers:
            raise BodyEncoded("Send the JSON uncompressed; this path reads no Content-Encoding.")
        declared = headers.get(b"content-length")
        if declared is not None and (not declared.isdigit() or int(declared) > self._bytes_max):
            raise self._too_large()
        # a timer costs twenty times what it takes to fetch a body that is there, so only who has to wait sets one
        steps = receive().__await__()
        try:
            awaited = next(steps)
        except StopIteration as there:
            message: Message = there.value
            if message["type"] == "http.request" and not message.get("more_body"):
                return self._whole(message)
            arriving = self._read_on(message, receive)
        else:
            arriving = self._read_late(awaited, steps, receive)
        try:
            async with asyncio.timeout(BODY_SECONDS_MAX):
                return await arriving
        except TimeoutError:
            raise BodyTooSlow(
                f"The request body did not arrive within {BODY_SECONDS_MAX:.0f} seconds; send fewer rows at once."
            ) from None

    def release(self, body: bytes) -> None:
        """Say that the body is no longer held."""
        self.held_bytes -= len(body)

    def _whole(self, message: Message) -> bytes:
        body: bytes = message.get("body", b"")
        if len(body) > self._bytes_max:
            raise self._too_large()
        self.held_bytes += len(body)
        return body

    async def _read_late(self, awaited: object, steps: Generator[object, object, Message], receive: Receive) -> bytes:
        return await self._read_on(await _finish(awaited, steps), receive)

    async def _read_on(self, message: Mapping[str, Any], receive: Receive) -> bytes:
        parts = bytearray()
        try:
            while self._more_after(message, parts):
                message = await receive()
        except BaseException:
            self.held_bytes -= len(parts)
            raise
        return bytes(parts)

    def _more_after(self, message: Mapping[str, Any], parts: bytearray) -> bool:
        """Add what the message brings to `parts` and say whether more is to come."""
        if message["type"] != "http.request":
            raise ClientGone
        part: bytes = message.get("body", b"")
        parts += part
        self.held_bytes += len(part)
        if len(parts) > self._bytes_max:
            raise self._too_large()
        if len(parts) > SMALL_BODY_BYTES and self.held_bytes > self._held_bytes_max:
            raise HubBusy("Other large prediction requests fill the memory set aside for them; try again.")
        return bool(message.get("more_body"))

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"The request body is larger than {self._bytes_max:,} bytes; send the rows in several requests, "
            "or raise LYCEUM_REQUEST_BYTES_MAX."
        )


@coroutine
def _finish(awaited: object, steps: Generator[object, object, Message]) -> Generator[object, object, Message]:
    """Await the rest of what was begun by hand and stands still until the loop has dealt with `awaited`."""
    while True:
        try:
            step = partial(steps.send, (yield awaited))
        except BaseException as error:  # noqa: BLE001 a cancellation goes where it would have gone
            step = partial(steps.throw, error)
        try:
            awaited = step()
        except StopIteration as done:
            message: Message = done.value
            return message
