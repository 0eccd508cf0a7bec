"""Reads of uploads: of the organisation the transaction works for."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.files.errors import UploadFinished, UploadNotFound, UploadNotWhole
from lyceum.files.models import UploadPartRow, UploadRow
from lyceum.files.schemas import UploadState, UploadWhole


async def upload_row_for(tx: AsyncSession, upload_id: UUID, *, lock: bool = False) -> UploadRow:
    """Return an upload, locked against every other change if wanted; raises `UploadNotFound`."""
    query = select(UploadRow).where(UploadRow.id == upload_id)
    row = await tx.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise upload_not_found(upload_id)
    return row


def upload_not_found(upload_id: UUID) -> UploadNotFound:
    """Return the refusal of an upload that is not there for whoever asks."""
    return UploadNotFound(f"There is no upload {upload_id} in this organisation; it may have run out.")


async def content_key_for(tx: AsyncSession, upload_id: UUID) -> str:
    """Return where the content of a taken upload lies in the storage; raises `UploadNotFound`, `UploadNotWhole`."""
    upload = await upload_row_for(tx, upload_id)
    if upload.content_key is None:
        raise not_arrived(upload)
    return upload.content_key


async def list_part_rows(
    tx: AsyncSession, upload_id: UUID, *, after: int = 0, limit: int | None = None
) -> list[UploadPartRow]:
    """Return the parts the hub was sent, by number; at most as many as an upload may have."""
    query = select(UploadPartRow).where(UploadPartRow.upload_id == upload_id, UploadPartRow.number > after)
    return list(await tx.scalars(query.order_by(UploadPartRow.number).limit(limit)))


async def count_parts(tx: AsyncSession, upload_id: UUID) -> int:
    """Return how many parts the hub was sent."""
    count = select(func.count()).select_from(UploadPartRow).where(UploadPartRow.upload_id == upload_id)
    return int(await tx.scalar(count) or 0)


def refuse_finished(upload: UploadRow) -> None:
    """Raise `UploadFinished` unless content may still arrive."""
    if upload.state != "open":
        raise UploadFinished(f"{upload.file_name} has arrived already.")


def not_arrived(upload: UploadRow) -> UploadNotWhole:
    """Return the refusal of content that is not there."""
    return UploadNotWhole(f"The content of {upload.file_name} has not arrived yet.")


def as_whole(row: UploadRow) -> UploadWhole:
    """Return an upload that is whole as its readers see it."""
    return UploadWhole(id=row.id, file_name=row.file_name, byte_count=row.bytes_received or 0, sha256=row.sha256)


def as_state(row: UploadRow, *, parts_there: int | None) -> UploadState:
    """Return an upload in any state as its readers see it."""
    return UploadState(
        id=row.id,
        file_name=row.file_name,
        state=row.state,
        byte_count=row.bytes_received if row.bytes_received is not None else row.bytes_declared,
        sha256=row.sha256,
        part_bytes=row.part_bytes,
        part_count=row.part_count,
        parts_there=parts_there,
        expires_at=row.expires_at,
    )
