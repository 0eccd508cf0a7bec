"""Stored files read again, slowly, and compared with the SHA-256 they were stored with: damage is found before it is needed."""

import logging
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, require_operator
from lyceum.files.schemas import DamagedFile
from lyceum.kernel.db import NOBODY
from lyceum.kernel.problems import is_bad_disk
from lyceum.kernel.resources import Resources
from lyceum.kernel.storage import FileMissing
from lyceum.kernel.tx import transaction

LOOK_AT_ONCE = 200
LISTED_MAX = 100

_KNOWN = text("SELECT * FROM definer.files_known(:at_most, :after_key)")
_LOOKED_AT = text("SELECT definer.file_looked_at(:key, :found)")
_DAMAGED = text("SELECT * FROM definer.files_damaged(:at_most)")

log = logging.getLogger(__name__)


async def look_for_damage(resources: Resources) -> dict[str, int]:
    """Read every file whose checksum is known; return how many were read and how many of them are damaged.

    One that the storage does not give out just now is neither: what was found of it before stands until the next time.
    Rows of datasets have no checksum of their own: Parquet and Delta tell when one of their files is not whole.
    """
    read = damaged = 0
    after = ""
    while resources.settings.file_check_bytes_a_second:
        async with transaction(resources.database, NOBODY) as tx:
            files = (await tx.execute(_KNOWN, {"at_most": LOOK_AT_ONCE, "after_key": after})).all()
        for file in files:
            is_damaged = await _is_damaged(resources, file)
            read += is_damaged is not None
            damaged += bool(is_damaged)
        if len(files) < LOOK_AT_ONCE:
            break
        after = files[-1].content_key
    return {"read": read, "damaged": damaged}


async def list_damaged(tx: AsyncSession, who: Actor) -> list[DamagedFile]:
    """Return the files that were found damaged and are still kept, those found last first."""
    require_operator(who)
    rows = await tx.execute(_DAMAGED, {"at_most": LISTED_MAX})
    return [
        DamagedFile(organisation=row.org_name, key=row.content_key, problem=row.problem, found_at=row.found_at)
        for row in rows
    ]


async def _is_damaged(resources: Resources, file: Any) -> bool | None:
    """Note whether a file is as it was stored, and say it; None when that cannot be told."""
    found: str | None = None
    try:
        rate = resources.settings.file_check_bytes_a_second
        if await resources.storage.digest_slowly(file.content_key, bytes_a_second=rate) != file.sha256:
            found = "changed"
    except FileMissing:
        found = "missing"
    except Exception as error:
        # one file that cannot be read must not keep the others from being looked at
        log.exception("a stored file could not be read", extra={"key": file.content_key})
        if not is_bad_disk(error):
            return None
        found = "changed"
    async with transaction(resources.database, NOBODY) as tx:
        # what was removed meanwhile is not kept, and so not damaged
        is_damaged = bool(await tx.scalar(_LOOKED_AT, {"key": file.content_key, "found": found}))
    if is_damaged:
        log.error("a stored file is damaged", extra={"key": file.content_key, "problem": found, "sha256": file.sha256})
    return is_damaged
