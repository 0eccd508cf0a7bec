"""When keys were last used: remembered by each process, and written once in a while for all of them together."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import text

from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.tx import aside

WRITE_EVERY_SECONDS = 30.0
KEYS_AT_ONCE = 1_000

_WRITE = text("SELECT definer.keys_used(:ids, :ats)")

log = logging.getLogger(__name__)


class KeyUses:
    """The keys that were used since they were last written; noting one costs an entry in a dictionary."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._used: dict[UUID, float] = {}

    def note(self, key_id: UUID) -> None:
        """Remember that a key is used now."""
        self._used[key_id] = time.time()

    async def write(self) -> None:
        """Write what was noted; what cannot be written now is tried again the next time."""
        while self._used:
            some = dict(list(self._used.items())[:KEYS_AT_ONCE])
            ats = [datetime.fromtimestamp(at, UTC) for at in some.values()]
            async with aside(self._database, NOBODY) as tx:
                await tx.execute(_WRITE, {"ids": list(some), "ats": ats})
            for key_id, at in some.items():
                if self._used.get(key_id) == at:
                    del self._used[key_id]

    @asynccontextmanager
    async def writing(self) -> AsyncIterator["KeyUses"]:
        """Yield these while they are written every half minute, and once more at the end."""
        task = asyncio.create_task(self._write_on())
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self._write_or_log()

    async def _write_on(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_SECONDS)
            await self._write_or_log()

    async def _write_or_log(self) -> None:
        try:
            await self.write()
        except Exception as error:  # noqa: BLE001 whatever keeps it from being written, requests go on
            log.warning("when keys were used was not written", extra={"cause": str(error)})
