"""What an organisation keeps: a counter for each kind of thing, changed in the transaction that changes the thing.

Who changes several counters does so in the order of their kinds' names.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.config import Settings
from lyceum.kernel.models import StorageQuotaRow, StorageUsageRow
from lyceum.kernel.problems import TooLarge

KeptKind = Literal["models", "tables", "uploads"]
"""Models' files, the files of dataset versions, and uploads that are announced, there, or waiting to be read."""
KINDS: tuple[KeptKind, ...] = ("models", "tables", "uploads")
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('storage quota ' || :org, 0))")


class StorageQuotaExceeded(TooLarge):
    """The organisation would keep more than it may."""

    code = "storage_quota_exceeded"
    title = "More than the organisation may keep"


@dataclass(frozen=True, slots=True)
class Kept:
    """Bytes and objects of one kind."""

    byte_count: int
    object_count: int


async def count_kept(tx: AsyncSession, kind: KeptKind, *, byte_count: int, object_count: int) -> None:
    """Add to the counter of the organisation `tx` works for; what is removed is negative. Last in a transaction."""
    if not byte_count and not object_count:
        return
    new = insert(StorageUsageRow).values(
        org_id=tx.info["scope"].org_id, kind=kind, byte_count=byte_count, object_count=object_count
    )
    more = {
        "byte_count": StorageUsageRow.byte_count + new.excluded.byte_count,
        "object_count": StorageUsageRow.object_count + new.excluded.object_count,
    }
    await tx.execute(new.on_conflict_do_update(index_elements=["org_id", "kind"], set_=more))


async def count_within_quota(
    tx: AsyncSession, settings: Settings, kind: KeptKind, *, byte_count: int, object_count: int
) -> None:
    """Add to a counter as `count_kept` does; raises `StorageQuotaExceeded` where that is more than may be kept.

    Until `tx` ends nobody else of the organisation adds in this way, so together they do not pass the quota either.
    """
    if byte_count > 0:
        org_id = tx.info["scope"].org_id
        bytes_max = await quota_for(tx, settings, org_id)
        if bytes_max is not None:
            await tx.execute(_ALONE, {"org": str(org_id)})
            # in statements after the lock: they see what those committed who held it before
            await _require(tx, org_id, bytes_max, wanted_bytes=byte_count)
    await count_kept(tx, kind, byte_count=byte_count, object_count=object_count)


async def refuse_past_quota(tx: AsyncSession, settings: Settings) -> None:
    """Raise `StorageQuotaExceeded` when the organisation keeps more than it may: for what grows by nobody knows how much."""
    org_id = tx.info["scope"].org_id
    bytes_max = await quota_for(tx, settings, org_id)
    if bytes_max is not None:
        await _require(tx, org_id, bytes_max, wanted_bytes=0)


async def _require(tx: AsyncSession, org_id: UUID, bytes_max: int, *, wanted_bytes: int) -> None:
    total = select(func.coalesce(func.sum(StorageUsageRow.byte_count), 0)).where(StorageUsageRow.org_id == org_id)
    used = int(await tx.scalar(total) or 0)
    if used + wanted_bytes > bytes_max:
        raise StorageQuotaExceeded(
            f"Your organisation keeps {in_units(used)} of the {in_units(bytes_max)} it may, so {_wanted(wanted_bytes)}; "
            "remove uploads you do not need or ask the hub's administrator for more.",
            used_bytes=used,
            quota_bytes=bytes_max,
            wanted_bytes=wanted_bytes,
        )


async def quota_for(tx: AsyncSession, settings: Settings, org_id: UUID | None) -> int | None:
    """Return how many bytes an organisation may keep, None for any number."""
    own = await tx.scalar(select(StorageQuotaRow.bytes_max).where(StorageQuotaRow.org_id == org_id))
    bytes_max = settings.storage_bytes_max if own is None else own
    return bytes_max or None


async def kept_by(tx: AsyncSession) -> dict[KeptKind, Kept]:
    """Return what the organisation `tx` works for keeps, by kind."""
    query = select(StorageUsageRow).where(StorageUsageRow.org_id == tx.info["scope"].org_id)
    rows = {row.kind: Kept(row.byte_count, row.object_count) for row in await tx.scalars(query)}
    return {kind: rows.get(kind, Kept(0, 0)) for kind in KINDS}


def in_units(byte_count: int) -> str:
    """Return a number of bytes as a person reads it."""
    size = float(byte_count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _wanted(wanted_bytes: int) -> str:
    return f"{in_units(wanted_bytes)} more do not fit" if wanted_bytes else "nothing more fits"
