"""Holding off the removal of files while a copy of all of them is made.

Whoever copies holds one lock of the database alone, from before its snapshot until the last file is copied; whoever would
remove a file that rows may name asks for a share of it first, and leaves the file for a later sweep when it gets none.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.problems import Unavailable
from lyceum.kernel.storage import Storage
from lyceum.kernel.tx import aside

FILES_LOCK = 7_201_973_415


class FilesHeld(Unavailable):
    """No file may be removed while all of them are copied."""

    title = "Files are being copied"
    code = "files_held"


_ASK = text(f"SELECT pg_try_advisory_xact_lock_shared({FILES_LOCK})")


async def may_remove_files(tx: AsyncSession) -> bool:
    """Say whether files may be removed until `tx` ends; nobody begins to copy them meanwhile."""
    return bool(await tx.scalar(_ASK))


async def remove_unless_held(database: Database, storage: Storage, key: str) -> None:
    """Remove a file, unless files are being copied just now or no turn is free: then a sweep removes it later."""
    await _unless_held(database, partial(storage.delete, key))


async def remove_below_unless_held(database: Database, storage: Storage, folder: str) -> None:
    """Remove a folder, unless files are being copied just now or no turn is free: then a sweep removes it later."""
    await _unless_held(database, partial(storage.delete_below, folder))


async def remove_below_or_wait(database: Database, storage: Storage, folder: str) -> None:
    """Remove a folder for good; raises `FilesHeld` while files are being copied, for a job that then tries again."""
    async with aside(database, NOBODY) as tx:
        if not await may_remove_files(tx):
            raise FilesHeld("All files of the hub are being copied just now; try again in a few minutes.")
        await storage.delete_below(folder)


async def _unless_held(database: Database, remove: Callable[[], Awaitable[None]]) -> None:
    with suppress(Unavailable):
        async with aside(database, NOBODY) as tx:
            if await may_remove_files(tx):
                await remove()
