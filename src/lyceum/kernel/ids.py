"""Identifiers: UUID version 7, made here because PostgreSQL before 18 cannot make them."""

import os
import threading
import time
from uuid import UUID

_counting = threading.Lock()
_last = 0


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds since 1970, then 74 random bits.

    Ids of one process sort in the order they were made, those of several by the millisecond: new rows land on one end
    of an index, and rows added together are read in the order they were added. The first 12 of the random bits count up
    within a millisecond, and borrow from the next one when they run out (section 6.2, method 1).
    """
    global _last  # noqa: PLW0603 the order of this process's ids
    with _counting:
        _last = max(_last + 1, (time.time_ns() // 1_000_000 << 12) | int.from_bytes(os.urandom(1), "big"))
        milliseconds, counter = _last >> 12, _last & 0xFFF
    variant_and_rest = (0b10 << 62) | (int.from_bytes(os.urandom(8), "big") >> 2)
    return UUID(int=(milliseconds << 80) | ((0x7000 | counter) << 64) | variant_and_rest)
