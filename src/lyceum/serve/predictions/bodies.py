"""Request bodies: small ones at once, large ones within a size, a time and a share of memory."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.types import Receive

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
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            body: bytes = message.get("body", b"")
            if len(body) > self._bytes_max:
                raise self._too_large()
            self.held_bytes += len(body)
            return body
        try:
            async with asyncio.timeout(BODY_SECONDS_MAX):
                return await self._read_on(message, receive)
        except TimeoutError:
            raise BodyTooSlow(
                f"The request body did not arrive within {BODY_SECONDS_MAX:.0f} seconds; send fewer rows at once."
            ) from None

    def release(self, body: bytes) -> None:
        """Say that the body is no longer held."""
        self.held_bytes -= len(body)

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
