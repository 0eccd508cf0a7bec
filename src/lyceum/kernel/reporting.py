"""Reports to somebody else's servers, traces and crashes, while a process runs; nobody waits for those servers."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lyceum.kernel.config import Settings
from lyceum.kernel.crash_reports import begin_crash_reports
from lyceum.kernel.stopping import LAST_REPORTS_SECONDS_MAX
from lyceum.kernel.tracing import begin_tracing

log = logging.getLogger(__name__)


@asynccontextmanager
async def reported(settings: Settings, *, process: str) -> AsyncIterator[None]:
    """Report what the settings ask for while the block runs; at its end, the last of it for a moment at most."""
    begun = (begin_tracing(settings, process=process), begin_crash_reports(settings, process=process))
    try:
        yield
    finally:
        await asyncio.gather(*(_end_in_time(end) for end in begun if end is not None))


async def _end_in_time(end: Callable[[], None]) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        end()
        # the loop may have gone on, and be closed
        if not loop.is_closed():
            loop.call_soon_threadsafe(ended.set)

    # not one of the loop's own threads, which are waited for
    threading.Thread(target=run, daemon=True).start()
    try:
        async with asyncio.timeout(LAST_REPORTS_SECONDS_MAX):
            await ended.wait()
    except TimeoutError:
        log.warning("the last reports could not be delivered in time")
