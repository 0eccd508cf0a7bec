"""Attempts that were refused: gathered for a second and written together, so that nobody has the hub write without end.

The same attempt again within the second is counted and not written again, and of different ones a few a second are written;
what goes beyond stands in one line for each kind of refusal, with their number.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace

from sqlalchemy.exc import SQLAlchemyError

from lyceum.accounts.audit.recording import Entry, ObjectRef, add_with_commit
from lyceum.accounts.policy import ANYONE
from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.tx import transaction

FLUSH_SECONDS = 1.0
WRITTEN_AT_ONCE_MAX = 20
KINDS_MAX = 200
LAST_FLUSH_SECONDS_MAX = 5.0

log = logging.getLogger(__name__)


class Refusals:
    """The refused attempts of one process that are still to be written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[tuple[object, ...], Entry] = {}
        self._some = asyncio.Event()
        self._stop = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._writer = asyncio.create_task(self._write_until_stopped())

    def add(self, entry: Entry) -> None:
        """Keep a refused attempt until it is written."""
        key: tuple[object, ...] = (*(entry.action, entry.reason, entry.who, entry.address, entry.object),)
        if key not in self._waiting and len(self._waiting) >= WRITTEN_AT_ONCE_MAX:
            entry = replace(entry, who=ANYONE, object=ObjectRef(), address=None, request_id=None)
            key = (entry.action, entry.reason)
            if key not in self._waiting and len(self._waiting) >= WRITTEN_AT_ONCE_MAX + KINDS_MAX:
                return
        same = self._waiting.get(key)
        self._waiting[key] = entry if same is None else replace(same, times=same.times + 1)
        self._some.set()

    async def close(self) -> None:
        """Write what is left, for a few seconds at most, and end."""
        self._stop.set()
        self._some.set()
        if self._writer is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_FLUSH_SECONDS_MAX):
                    await self._writer

    async def _write_until_stopped(self) -> None:
        while not self._stop.is_set():
            await self._some.wait()
            self._some.clear()
            await self._write()
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._stop.wait()
        await self._write()

    async def _write(self) -> None:
        if not self._waiting:
            return
        entries, self._waiting = list(self._waiting.values()), {}
        try:
            async with transaction(self._database, NOBODY) as tx:
                for entry in entries:
                    add_with_commit(tx, entry)
        except (SQLAlchemyError, OSError) as error:
            # kept in the process's own log where the database has no place for them
            facts = {"cause": str(error), "attempts": sum(entry.times for entry in entries)}
            log.warning("refused attempts could not be recorded", extra=facts)
