"""What a worker gathers and writes now and then, and once more as it ends."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress


async def write_now_and_then(
    write: Callable[[], Awaitable[None]], *, every_seconds: float, last_seconds_max: float
) -> None:
    """Call `write` again and again until cancelled, and then a last time, for so long at most.

    A call is never cut short: one whose commit went through as it was would be made again.
    """
    under_way: asyncio.Future[None] | None = None
    try:
        while True:
            await asyncio.sleep(every_seconds)
            under_way = asyncio.ensure_future(write())
            await asyncio.shield(under_way)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(last_seconds_max):
                if under_way is not None:
                    await under_way
                await write()
