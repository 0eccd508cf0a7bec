"""Erasing a person from records that were pushed and are in no table."""

import asyncio
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.pushes.public import PushedBatchRow


async def erase_pushed(tx: AsyncSession, dataset_id: UUID, *, column: str, value: str) -> None:
    """Take the person's records out of what waits, or was held back; a batch that has no others goes."""
    batch = PushedBatchRow
    ids = list(await tx.scalars(select(batch.id).where(batch.dataset_id == dataset_id).order_by(batch.id)))
    for batch_id in ids:
        query = select(batch.form, batch.records).where(batch.id == batch_id).with_for_update()
        row = (await tx.execute(query)).one_or_none()
        if row is None:
            continue
        kept = await asyncio.to_thread(_without, bytes(row.records), row.form, column, value)
        if kept is None:
            continue
        body, count = kept
        if count == 0:
            await tx.execute(delete(batch).where(batch.id == batch_id))
            continue
        anew = {"records": body, "record_count": count, "byte_count": len(body)}
        await tx.execute(update(batch).where(batch.id == batch_id).values(anew))


def _without(body: bytes, form: str, column: str, value: str) -> tuple[bytes, int] | None:
    """Return the body without their records, and how many it has left; None where it has none of theirs."""
    records: list[dict[str, Any]] = (
        msgspec.json.decode(body)
        if form == "json"
        else [msgspec.json.decode(line) for line in body.splitlines() if line.strip()]
    )
    kept = [record for record in records if _text(record.get(column)) != value]
    if len(kept) == len(records):
        return None
    encoded = [msgspec.json.encode(record) for record in kept]
    return (b"[" + b",".join(encoded) + b"]" if form == "json" else b"\n".join(encoded)), len(kept)


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)
