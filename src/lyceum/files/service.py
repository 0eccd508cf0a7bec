"""Uploads: begin, stream, and be whole or not be there; what nobody finished is swept away."""

import logging
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power, require
from lyceum.files.errors import (
    FileNameUnusable,
    UploadAddressInvalid,
    UploadFinished,
    UploadNotFound,
    UploadNotWhole,
    UploadTooLarge,
)
from lyceum.files.models import UploadRow
from lyceum.files.schemas import NewUpload, UploadBegun, UploadWhole
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.problems import Problem
from lyceum.kernel.resources import Resources
from lyceum.kernel.storage import FileMissing, arriving_key
from lyceum.kernel.tx import aside, transaction

SWEEP_AT_ONCE = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Expired:
    """An upload whose time is over."""

    id: UUID
    org_id: UUID
    expires_at: datetime


BEFORE_ALL = _Expired(UUID(int=0), UUID(int=0), datetime.min.replace(tzinfo=UTC))


def storage_key(org_id: UUID, upload_id: UUID) -> str:
    """Return where the content lies that the hub itself was sent; its other places begin with this."""
    return f"uploads/{org_id}/{upload_id}"


def sent_key(org_id: UUID, upload_id: UUID) -> str:
    """Return where a client sends the content in an object store: what is sent there later changes no whole upload."""
    return f"{storage_key(org_id, upload_id)}.sent"


def copies_folder(org_id: UUID, upload_id: UUID) -> str:
    """Return the folder of the copies of what was sent, one for each completion; one of them is the content."""
    return f"{storage_key(org_id, upload_id)}.whole"


async def begin(tx: AsyncSession, who: Actor, resources: Resources, wanted: NewUpload) -> UploadBegun:
    """Open an upload and say where its content goes.

    Raises `FileNameUnusable`, `UploadTooLarge`, and `NoSpace` before anything is sent.
    """
    org_id = require(who, Power.DATASETS_WRITE)
    _refuse_name(wanted.file_name)
    settings = resources.settings
    if (wanted.byte_count or 0) > settings.upload_bytes_max:
        raise UploadTooLarge(
            f"{wanted.file_name} has {wanted.byte_count:,} bytes and this hub takes {settings.upload_bytes_max:,}; "
            "send it in parts, or raise LYCEUM_UPLOAD_BYTES_MAX."
        )
    resources.storage.refuse_when_full(wanted_bytes=wanted.byte_count or 0)
    upload = UploadRow(
        id=new_id(),
        org_id=org_id,
        created_by=who.user_id,
        file_name=wanted.file_name,
        bytes_declared=wanted.byte_count,
        expires_at=datetime.now(UTC) + timedelta(seconds=settings.upload_ttl_seconds),
    )
    tx.add(upload)
    await tx.flush()
    presigned = await resources.storage.presigned_put(
        sent_key(org_id, upload.id), lifetime_seconds=settings.upload_ttl_seconds
    )
    signature = resources.signer.sign(_statement(org_id, upload.id), lifetime_seconds=settings.upload_ttl_seconds)
    own = f"/api/v1/uploads/{upload.id}/content?org={org_id}&signature={signature}"
    return UploadBegun(
        id=upload.id, put_url=presigned or own, complete_needed=presigned is not None, expires_at=upload.expires_at
    )


async def receive(
    resources: Resources, *, org_id: UUID, upload_id: UUID, signature: str, chunks: AsyncIterator[bytes]
) -> UploadWhole:
    """Store what a signed address is sent; no transaction is open while bytes arrive.

    Raises `UploadAddressInvalid`, `UploadNotFound`, `UploadFinished`, `UploadNotWhole` when bytes are missing.
    """
    if not resources.signer.vouches(signature, _statement(org_id, upload_id)):
        raise UploadAddressInvalid("This upload address was changed or has run out; begin the upload again.")
    scope = Scope(org_id=org_id)
    async with aside(resources.database, scope) as tx:
        upload = await _upload_for(tx, upload_id)
        _refuse_finished(upload)
    # Each sending has a place of its own until one of them wins: two at once must not mix, nor a late one replace.
    arriving = arriving_key(storage_key(org_id, upload_id))
    try:
        stored = await resources.storage.put_stream(arriving, chunks, bytes_max=resources.settings.upload_bytes_max)
        _refuse_other_size(upload, stored.byte_count)
        async with aside(resources.database, scope) as tx:
            upload = await _upload_for(tx, upload_id, lock=True)
            _refuse_finished(upload)
            key = storage_key(org_id, upload_id)
            await resources.storage.rename(arriving, key)
            return await _complete(tx, upload, key=key, byte_count=stored.byte_count, sha256=stored.sha256)
    except BaseException:
        await resources.storage.delete(arriving)
        raise


async def complete(who: Actor, resources: Resources, upload_id: UUID) -> UploadWhole:
    """Note that the content lies in the object store; raises `UploadNotWhole` when it does not."""
    org_id = require(who, Power.DATASETS_WRITE)
    async with aside(resources.database, who.scope) as tx:
        upload = await _upload_for(tx, upload_id)
        if upload.state != "open":
            return _as_whole(upload)
    # Copied while no transaction is open, for gigabytes take a while, and to a place of this completion's own: neither
    # another completion nor what is sent later changes what is noted below.
    sent = sent_key(org_id, upload_id)
    copy = f"{copies_folder(org_id, upload_id)}/{secrets.token_hex(8)}"
    byte_count = await _copied(resources, sent, to=copy)
    try:
        async with aside(resources.database, who.scope) as tx:
            upload = await _upload_for(tx, upload_id, lock=True)
            is_first = upload.state == "open"
            if is_first:
                size = _usable_size(upload, byte_count, bytes_max=resources.settings.upload_bytes_max)
                await _complete(tx, upload, key=copy, byte_count=size, sha256=None)
            whole = _as_whole(upload)
    except Problem:
        # After any other error the row may name the copy; the sweeper knows where copies lie.
        await resources.storage.delete(copy)
        raise
    await resources.storage.delete(sent if is_first else copy)
    return whole


async def content_key_for(tx: AsyncSession, upload_id: UUID) -> str:
    """Return where the content of a taken upload lies in the storage; raises `UploadNotFound`, `UploadNotWhole`."""
    upload = await _upload_for(tx, upload_id)
    if upload.content_key is None:
        raise _not_arrived(upload)
    return upload.content_key


async def take(tx: AsyncSession, who: Actor, upload_id: UUID) -> UploadWhole:
    """Hand a whole upload to what is made of it, once; the sweeper leaves it alone until that has been decided.

    Raises `UploadNotFound`, `UploadNotWhole`, `UploadFinished` when something was made of it before.
    """
    require(who, Power.DATASETS_WRITE)
    upload = await _upload_for(tx, upload_id, lock=True)
    if upload.state == "open":
        raise _not_arrived(upload)
    if upload.state in {"taken", "swept"}:
        raise UploadFinished(f"{upload.file_name} was used already; upload it again for another version.")
    upload.state = "taken"
    await tx.flush()
    return _as_whole(upload)


async def sweep(resources: Resources) -> int:
    """Remove the uploads nobody finished in time; return how many.

    Each is tried once: one that cannot be removed is logged and left for the next time, and younger ones have their turn.
    """
    swept = 0
    page = await _expired(resources, after=BEFORE_ALL)
    while page:
        for upload in page:
            try:
                swept += await _remove(resources, org_id=upload.org_id, upload_id=upload.id)
            except Exception:
                log.exception("an upload could not be swept", extra={"upload_id": str(upload.id)})
        page = await _expired(resources, after=page[-1])
    await resources.storage.remove_abandoned("uploads", older_than_seconds=resources.settings.upload_ttl_seconds)
    return swept


async def _expired(resources: Resources, *, after: _Expired) -> list[_Expired]:
    """Return the next uploads whose time is over, those that have waited longest first."""
    found = text("SELECT id, org_id, expires_at FROM definer.uploads_expired(:at_most, :after_expiry, :after_id)")
    page = {"at_most": SWEEP_AT_ONCE, "after_expiry": after.expires_at, "after_id": after.id}
    async with transaction(resources.database, NOBODY) as tx:
        return [_Expired(row.id, row.org_id, row.expires_at) for row in await tx.execute(found, page)]


async def _remove(resources: Resources, *, org_id: UUID, upload_id: UUID) -> bool:
    """Remove an upload's content and, unless something was made of it, its row; return False where it may not be."""
    async with transaction(resources.database, Scope(org_id=org_id)) as tx:
        # Asked again with the row locked: since the upload was listed, somebody may have taken it, or swept it.
        state = await tx.scalar(select(UploadRow.state).where(UploadRow.id == upload_id).with_for_update())
        if state in {None, "swept"}:
            return False
        if await tx.scalar(text("SELECT definer.upload_is_awaited(:id)"), {"id": upload_id}):
            return False
        # What was made of a taken upload still names it, so the row stays and says that the content is gone.
        await tx.execute(delete(UploadRow).where(UploadRow.id == upload_id, UploadRow.state != "taken"))
        await tx.execute(update(UploadRow).where(UploadRow.id == upload_id).values(state="swept"))
        # Last, and with the row still locked: whoever would take the upload waits, and then finds it gone.
        await resources.storage.delete(storage_key(org_id, upload_id))
        await resources.storage.delete(sent_key(org_id, upload_id))
        await resources.storage.delete_below(copies_folder(org_id, upload_id))
    return True


async def _copied(resources: Resources, sent: str, *, to: str) -> int | None:
    """Copy what was sent and return the copy's size; None, and no copy, when nothing the hub takes was sent."""
    try:
        sent_bytes = await resources.storage.byte_count(sent)
        if sent_bytes is None:
            return None
        if sent_bytes > resources.settings.upload_bytes_max:
            await resources.storage.delete(sent)
            return None
        await resources.storage.copy(sent, to)
    except FileMissing:
        return None
    return await resources.storage.byte_count(to)


async def _complete(
    tx: AsyncSession, upload: UploadRow, *, key: str, byte_count: int, sha256: str | None
) -> UploadWhole:
    upload.state = "complete"
    upload.content_key = key
    upload.bytes_received = byte_count
    upload.sha256 = sha256
    await tx.flush()
    return _as_whole(upload)


def _refuse_finished(upload: UploadRow) -> None:
    if upload.state != "open":
        raise UploadFinished(f"{upload.file_name} has arrived already.")


def _refuse_other_size(upload: UploadRow, byte_count: int) -> None:
    if upload.bytes_declared not in {None, byte_count}:
        raise UploadNotWhole(
            f"{upload.file_name} was announced with {upload.bytes_declared:,} bytes and {byte_count:,} arrived; "
            "send it again."
        )


def _usable_size(upload: UploadRow, byte_count: int | None, *, bytes_max: int) -> int:
    if byte_count is None or byte_count > bytes_max:
        raise UploadNotWhole(f"The content of {upload.file_name} has not arrived, or is larger than this hub takes.")
    _refuse_other_size(upload, byte_count)
    return byte_count


def _not_arrived(upload: UploadRow) -> UploadNotWhole:
    return UploadNotWhole(f"The content of {upload.file_name} has not arrived yet.")


async def _upload_for(tx: AsyncSession, upload_id: UUID, *, lock: bool = False) -> UploadRow:
    query = select(UploadRow).where(UploadRow.id == upload_id)
    row = await tx.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise UploadNotFound(f"There is no upload {upload_id} in this organisation; it may have run out.")
    return row


def _as_whole(row: UploadRow) -> UploadWhole:
    return UploadWhole(id=row.id, file_name=row.file_name, byte_count=row.bytes_received or 0, sha256=row.sha256)


def _statement(org_id: UUID, upload_id: UUID) -> str:
    return f"PUT upload {org_id}/{upload_id}"


def _refuse_name(name: str) -> None:
    if "/" in name or "\\" in name or name.strip(" .") == "" or not name.isprintable():
        raise FileNameUnusable(f"{name!r} cannot be a file name: send the name alone, without a folder.")
