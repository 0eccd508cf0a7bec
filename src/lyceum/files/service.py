"""Uploads: begin, stream, and be whole or not be there; what nobody finished is swept away."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power, require
from lyceum.files import parts, places
from lyceum.files.digests import Announced
from lyceum.files.errors import (
    FileNameUnusable,
    UploadAddressInvalid,
    UploadContentGone,
    UploadFinished,
    UploadNotWhole,
    UploadSizeNeeded,
    UploadTooLarge,
)
from lyceum.files.models import UploadRow
from lyceum.files.queries import (
    as_state,
    as_whole,
    count_parts,
    list_part_rows,
    not_arrived,
    refuse_finished,
    upload_row_for,
)
from lyceum.files.schemas import Completion, NewUpload, UploadBegun, UploadPartPage, UploadState, UploadWhole
from lyceum.files.sharing import require_sender, upload_row_of
from lyceum.kernel.config import Settings
from lyceum.kernel.db import Scope
from lyceum.kernel.holding import remove_below_unless_held, remove_unless_held
from lyceum.kernel.http.downloads import Download
from lyceum.kernel.ids import new_id
from lyceum.kernel.problems import Problem
from lyceum.kernel.resources import Resources
from lyceum.kernel.storage import FileMissing, arriving_key
from lyceum.kernel.tx import aside
from lyceum.kernel.usage import count_kept, count_within_quota, refuse_past_quota

_HAND_OVER = text("SELECT definer.upload_hand_over(:id, :dataset_id)")


async def begin(tx: AsyncSession, who: Actor, resources: Resources, wanted: NewUpload) -> UploadBegun:
    """Open an upload and say where its content goes.

    Raises `FileNameUnusable`, `UploadTooLarge`, and `NoSpace` before anything is sent.
    """
    org_id = await require_sender(tx, who)
    _refuse_name(wanted.file_name)
    settings = resources.settings
    if (wanted.byte_count or 0) > settings.upload_bytes_max:
        raise UploadTooLarge(
            f"{wanted.file_name} has {wanted.byte_count:,} bytes and this hub takes {settings.upload_bytes_max:,}; "
            "divide it into several files, or raise LYCEUM_UPLOAD_BYTES_MAX."
        )
    if wanted.in_parts and wanted.byte_count is None:
        raise UploadSizeNeeded(f"Say how many bytes {wanted.file_name} has, so that it can be sent in parts.")
    resources.storage.refuse_when_full(wanted_bytes=wanted.byte_count or 0)
    upload = UploadRow(
        id=new_id(),
        org_id=org_id,
        created_by=who.user_id,
        file_name=wanted.file_name,
        bytes_declared=wanted.byte_count,
        sha256_declared=wanted.sha256,
        expires_at=datetime.now(UTC) + timedelta(seconds=settings.upload_ttl_seconds),
    )
    if wanted.in_parts and wanted.byte_count is not None:
        upload.part_bytes = parts.part_bytes_for(wanted.byte_count, wanted=settings.upload_part_bytes)
        upload.part_count = parts.part_count_for(wanted.byte_count, part_bytes=upload.part_bytes)
    upload.bytes_kept = wanted.byte_count or 0
    tx.add(upload)
    await tx.flush()
    if wanted.byte_count:
        await count_within_quota(tx, settings, "uploads", byte_count=wanted.byte_count, object_count=1)
    else:
        await refuse_past_quota(tx, settings)
    put_url, complete_needed = (None, True) if wanted.in_parts else await _address(resources, upload)
    return UploadBegun(
        id=upload.id,
        put_url=put_url,
        complete_needed=complete_needed,
        part_bytes=upload.part_bytes,
        part_count=upload.part_count,
        expires_at=upload.expires_at,
    )


async def state_for(who: Actor, resources: Resources, upload_id: UUID) -> UploadState:
    """Return an upload as it stands, with how many of its parts are there; raises `UploadNotFound`."""
    async with aside(resources.database, who.scope) as tx:
        upload = await upload_row_of(tx, who, upload_id)
        there = await count_parts(tx, upload_id)
    if upload.part_count is None or upload.state != "open":
        return as_state(upload, parts_there=upload.part_count)
    return as_state(upload, parts_there=there or await parts.count_in_object_store(resources, upload))


async def download_for(who: Actor, resources: Resources, upload_id: UUID) -> Download:
    """Return the content of a whole upload, to be given back.

    Raises `UploadNotFound`, `UploadNotWhole`, `UploadContentGone` once a version was made of it or its time was over.
    """
    async with aside(resources.database, who.scope) as tx:
        upload = await upload_row_of(tx, who, upload_id)
    if upload.content_key is None or upload.bytes_received is None:
        raise not_arrived(upload)
    if upload.state == "swept" or await resources.storage.byte_count(upload.content_key) is None:
        raise UploadContentGone(
            f"The content of {upload.file_name} is not kept any more; it was used, or its time is over."
        )
    return Download(
        key=upload.content_key,
        byte_count=upload.bytes_received,
        sha256=upload.sha256,
        version=str(upload.id),
        file_name=upload.file_name,
    )


async def list_parts(who: Actor, resources: Resources, upload_id: UUID, *, after: int, limit: int) -> UploadPartPage:
    """Return the parts of an open upload, with their addresses; raises what `parts.list_parts` raises."""
    async with aside(resources.database, who.scope) as tx:
        await upload_row_of(tx, who, upload_id)
    return await parts.list_parts(resources, who.scope, upload_id, after=after, limit=limit)


async def _address(resources: Resources, upload: UploadRow) -> tuple[str, bool]:
    """Return where the content goes in one piece, and whether a completion has to follow."""
    lifetime_seconds = resources.settings.upload_ttl_seconds
    sent = places.sent_key(upload.org_id, upload.id)
    presigned = await resources.storage.presigned_put(sent, lifetime_seconds=lifetime_seconds)
    if presigned is not None:
        return presigned, True
    signature = resources.signer.sign(_statement(upload.org_id, upload.id), lifetime_seconds=lifetime_seconds)
    return f"/api/v1/uploads/{upload.id}/content?org={upload.org_id}&signature={signature}", False


async def receive(
    resources: Resources,
    *,
    org_id: UUID,
    upload_id: UUID,
    signature: str,
    chunks: AsyncIterator[bytes],
    announced: Announced,
) -> UploadWhole:
    """Store what a signed address is sent; no transaction is open while bytes arrive.

    Raises `UploadAddressInvalid`, `UploadNotFound`, `UploadFinished`, `UploadNotWhole` when bytes are missing, and
    `ContentDiffers`.
    """
    if not resources.signer.vouches(signature, _statement(org_id, upload_id)):
        raise UploadAddressInvalid("This upload address was changed or has run out; begin the upload again.")
    scope = Scope(org_id=org_id)
    async with aside(resources.database, scope) as tx:
        upload = await upload_row_for(tx, upload_id)
        refuse_finished(upload)
    # Each sending has a place of its own until one of them wins: two at once must not mix, nor a late one replace.
    arriving = arriving_key(places.storage_key(org_id, upload_id))
    try:
        bytes_max = resources.settings.upload_bytes_max
        stored = await resources.storage.put_stream(arriving, announced.through(chunks), bytes_max=bytes_max)
        _refuse_other_size(upload, stored.byte_count)
        if upload.sha256_declared is not None:
            announced.sha256 |= {upload.sha256_declared}
        announced.require(stored.sha256, what=upload.file_name)
        async with aside(resources.database, scope) as tx:
            upload = await upload_row_for(tx, upload_id, lock=True)
            refuse_finished(upload)
            key = places.storage_key(org_id, upload_id)
            whole = await _complete(
                tx, resources.settings, upload, key=key, byte_count=stored.byte_count, sha256=stored.sha256
            )
            await resources.storage.rename(arriving, key)
            return whole
    except BaseException:
        await resources.storage.delete(arriving)
        raise


async def complete(who: Actor, resources: Resources, upload_id: UUID, wanted: Completion) -> UploadWhole:
    """Make an upload whole of its parts, or of what lies in the object store; doing it again returns the same.

    Raises `UploadNotWhole` when something is missing, and `ContentDiffers`.
    """
    async with aside(resources.database, who.scope) as tx:
        upload = await upload_row_of(tx, who, upload_id)
        if upload.state != "open":
            return as_whole(upload)
    if upload.part_count is None:
        return await _complete_copied(who, resources, upload_id)
    # Whoever asks again while parts are joined waits here, and then finds the upload whole.
    async with resources.storage.joins:
        try:
            return await _complete_joined(who, resources, upload_id, wanted)
        except UploadNotWhole:
            # One that joined beside this takes the parts away when it is done.
            async with aside(resources.database, who.scope) as tx:
                upload = await upload_row_for(tx, upload_id)
            if upload.state == "open":
                raise
            return as_whole(upload)


async def _complete_joined(who: Actor, resources: Resources, upload_id: UUID, wanted: Completion) -> UploadWhole:
    async with aside(resources.database, who.scope) as tx:
        upload = await upload_row_for(tx, upload_id)
        if upload.state != "open":
            return as_whole(upload)
        received = await list_part_rows(tx, upload_id)
    sent = await parts.sent_for(resources, upload, received)
    # Gigabytes take a while, so no transaction is open, and the place is this completion's own.
    copy = places.new_copy_key(upload.org_id, upload_id)
    try:
        joined = await resources.storage.join(sent.keys, copy)
        parts.refuse_other_content(upload, sent, joined, wanted)
        async with aside(resources.database, who.scope) as tx:
            upload = await upload_row_for(tx, upload_id, lock=True)
            is_first = upload.state == "open"
            if is_first and not await parts.is_still_sent(tx, upload, sent):
                raise UploadNotWhole(f"A part of {upload.file_name} was sent again meanwhile; complete it again.")
            if is_first:
                await parts.forget_parts(tx, upload_id)
                await _complete(
                    tx, resources.settings, upload, key=copy, byte_count=joined.byte_count, sha256=joined.sha256
                )
            whole = as_whole(upload)
    except Problem as problem:
        # After any other error the row may name the copy; the sweeper knows where copies lie.
        await resources.storage.delete(copy)
        if isinstance(problem, FileMissing):
            raise UploadNotWhole(f"A part of {upload.file_name} was sent again meanwhile; complete it again.") from None
        raise
    if not is_first:
        await resources.storage.delete(copy)
    await remove_below_unless_held(resources.database, resources.storage, places.parts_folder(upload.org_id, upload_id))
    return whole


async def _complete_copied(who: Actor, resources: Resources, upload_id: UUID) -> UploadWhole:
    org_id = who.scope.org_id
    if org_id is None:
        raise AssertionError("an upload is an organisation's")
    # Copied while no transaction is open, for gigabytes take a while, and to a place of this completion's own: neither
    # another completion nor what is sent later changes what is noted below.
    sent = places.sent_key(org_id, upload_id)
    copy = places.new_copy_key(org_id, upload_id)
    byte_count = await _copied(resources, sent, to=copy)
    try:
        async with aside(resources.database, who.scope) as tx:
            upload = await upload_row_for(tx, upload_id, lock=True)
            is_first = upload.state == "open"
            if is_first:
                size = _usable_size(upload, byte_count, bytes_max=resources.settings.upload_bytes_max)
                await _complete(tx, resources.settings, upload, key=copy, byte_count=size, sha256=None)
            whole = as_whole(upload)
    except Problem:
        # After any other error the row may name the copy; the sweeper knows where copies lie.
        await resources.storage.delete(copy)
        raise
    await remove_unless_held(resources.database, resources.storage, sent if is_first else copy)
    return whole


async def take(tx: AsyncSession, who: Actor, upload_id: UUID) -> UploadWhole:
    """Hand a whole upload to what is made of it, once; the sweeper leaves it alone until that has been decided.

    Raises `UploadNotFound`, `UploadNotWhole`, `UploadFinished` when something was made of it before.
    """
    require(who, Power.DATASETS_WRITE)
    upload = await upload_row_for(tx, upload_id, lock=True)
    if upload.state == "open":
        raise not_arrived(upload)
    if upload.state in {"taken", "swept"}:
        raise UploadFinished(f"{upload.file_name} was used already; upload it again for another version.")
    upload.state = "taken"
    await tx.flush()
    return as_whole(upload)


async def begin_fetched(tx: AsyncSession, who: Actor, settings: Settings, file_name: str) -> UUID:
    """Open an upload whose content the hub fetches itself, and return its id; nobody is told where to send any.

    Raises `FileNameUnusable`, `StorageQuotaExceeded`.
    """
    _refuse_name(file_name)
    await refuse_past_quota(tx, settings)
    expires_at = datetime.now(UTC) + timedelta(seconds=settings.upload_ttl_seconds)
    org_id = require(who, Power.DATASETS_WRITE)
    upload = UploadRow(id=new_id(), org_id=org_id, created_by=who.user_id, file_name=file_name, expires_at=expires_at)
    tx.add(upload)
    await tx.flush()
    return upload.id


async def store_fetched(resources: Resources, scope: Scope, upload_id: UUID, chunks: AsyncIterator[bytes]) -> None:
    """Store what was fetched for an upload and hand it to what is made of it; one that is there already stays as it is."""
    if scope.org_id is None:
        raise AssertionError("an upload is an organisation's")
    key = places.storage_key(scope.org_id, upload_id)
    arriving = arriving_key(key)
    try:
        stored = await resources.storage.put_stream(arriving, chunks, bytes_max=resources.settings.upload_bytes_max)
        async with aside(resources.database, scope) as tx:
            upload = await upload_row_for(tx, upload_id, lock=True)
            if upload.state == "open":
                size, sha256 = stored.byte_count, stored.sha256
                await _complete(tx, resources.settings, upload, key=key, byte_count=size, sha256=sha256)
                upload.state = "taken"
                await resources.storage.rename(arriving, key)
    except BaseException:
        await resources.storage.delete(arriving)
        raise


async def hand_over(tx: AsyncSession, upload_id: UUID, *, dataset_id: UUID) -> None:
    """Make an upload of the caller's own one of the organisation they act in as a guest who may change this dataset.

    Where it is not that, nothing is done, and to take it says why not.
    """
    await tx.execute(_HAND_OVER, {"id": upload_id, "dataset_id": dataset_id})


async def give_up_content(tx: AsyncSession, upload_id: UUID) -> str:
    """Return where the content of an upload lies that is not needed any more and is the caller's to remove."""
    upload = await upload_row_for(tx, upload_id, lock=True)
    kept, upload.bytes_kept = upload.bytes_kept, 0
    await tx.flush()
    await count_kept(tx, "uploads", byte_count=-kept, object_count=-int(kept > 0))
    if upload.content_key is None:
        raise not_arrived(upload)
    return upload.content_key


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
    tx: AsyncSession, settings: Settings, upload: UploadRow, *, key: str, byte_count: int, sha256: str | None
) -> UploadWhole:
    more, is_new = byte_count - upload.bytes_kept, upload.bytes_kept == 0 and byte_count > 0
    upload.bytes_kept = byte_count
    upload.state = "complete"
    upload.content_key = key
    upload.bytes_received = byte_count
    upload.sha256 = sha256
    await tx.flush()
    await count_within_quota(tx, settings, "uploads", byte_count=more, object_count=int(is_new))
    return as_whole(upload)


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


def _statement(org_id: UUID, upload_id: UUID) -> str:
    return f"PUT upload {org_id}/{upload_id}"


def _refuse_name(name: str) -> None:
    if "/" in name or "\\" in name or name.strip(" .") == "" or not name.isprintable():
        raise FileNameUnusable(f"{name!r} cannot be a file name: send the name alone, without a folder.")
