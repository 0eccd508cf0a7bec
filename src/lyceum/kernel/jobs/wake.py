"""Waking the workers after a commit: one notification for however many jobs were added meanwhile.

A `NOTIFY` inside every commit would take a lock on the whole database, so it is sent on a connection of its own.
"""

import asyncio
import logging

import psycopg

from lyceum.kernel.db import connect_directly
from lyceum.kernel.jobs.queue import WAKE_CHANNEL
from lyceum.kernel.migrate import libpq_url
from lyceum.kernel.stopping import LAST_WAKE_SECONDS_MAX

log = logging.getLogger(__name__)


class WorkerWaker:
    """Sends the wake-up; workers poll every second besides, so a lost one delays a job and loses nothing."""

    def __init__(self, direct_url: str) -> None:
        self._url = libpq_url(direct_url)
        self._connection: psycopg.AsyncConnection | None = None
        self._pending: asyncio.Task[None] | None = None
        self._again = False

    async def wake(self) -> None:
        """Have a notification sent soon; returns at once."""
        if self._pending is not None and not self._pending.done():
            self._again = True
            return
        self._pending = asyncio.create_task(self._send())

    async def close(self) -> None:
        """Send what is pending, where that is quick, and close the connection."""
        if self._pending is not None:
            await asyncio.wait([self._pending], timeout=LAST_WAKE_SECONDS_MAX)
        # closed before the sending is called off, which would else wait for the server once more
        if self._connection is not None:
            await self._connection.close()
        if self._pending is not None:
            self._pending.cancel()

    async def _send(self) -> None:
        while True:
            self._again = False
            try:
                await self._notify()
            except (psycopg.Error, OSError) as error:
                log.warning("workers could not be woken; they will look within a second", extra={"cause": str(error)})
                self._connection = None
                return
            if not self._again:
                return

    async def _notify(self) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = await connect_directly(self._url)
        await self._connection.execute(f"NOTIFY {WAKE_CHANNEL}")
