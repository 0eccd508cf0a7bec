"""Uploads in parts: each part is whole or not there, in any order and again, until a completion joins them.

What the hub itself is sent lies in a place of its own for each sending, and a row names the last that was whole. What an
object store is sent lies where the signed address says; a completion joins what it finds there.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.files import places
from lyceum.files.digests import Announced
from lyceum.files.errors import ContentDiffers, UploadAddressInvalid, UploadNotFound, UploadNotInParts, UploadNotWhole
from lyceum.files.models import UploadPartRow, UploadRow
from lyceum.files.queries import list_part_rows, refuse_finished, upload_row_for
from lyceum.files.schemas import PARTS_MAX, Completion, PartWhole, UploadPart, UploadPartPage
from lyceum.kernel.db import Scope
from lyceum.kernel.holding import remove_unless_held
from lyceum.kernel.problems import Problem, TooLarge
from lyceum.kernel.resources import Resources
from lyceum.kernel.storage import JoinedFile, StoredFile
from lyceum.kernel.tx import aside

NAMED_MISSING_MAX = 5


@dataclass(frozen=True, slots=True)
class Sent:
    """The parts of an upload that are there: where each lies, in order, with its SHA-256 where the hub knows it."""

    keys: tuple[str, ...]
    sha256: tuple[str | None, ...]


def part_bytes_for(byte_count: int, *, wanted: int) -> int:
    """Return the size of a part: what is wanted, or more for a file that would have too many of them."""
    return max(wanted, -(-byte_count // PARTS_MAX))


def part_count_for(byte_count: int, *, part_bytes: int) -> int:
    """Return how many parts a file has; an empty one has one."""
    return max(1, -(-byte_count // part_bytes))


def part_size(upload: UploadRow, number: int) -> int:
    """Return how many bytes a part has to have; raises `UploadNotInParts` for one the upload has not."""
    if upload.part_bytes is None or upload.part_count is None:
        raise UploadNotInParts(f"{upload.file_name} was begun to come in one piece; send it to its own address.")
    if not 1 <= number <= upload.part_count:
        raise UploadNotInParts(f"{upload.file_name} has the parts 1 to {upload.part_count}, and no part {number}.")
    return min(upload.part_bytes, (upload.bytes_declared or 0) - (number - 1) * upload.part_bytes)


async def list_parts(resources: Resources, scope: Scope, upload_id: UUID, *, after: int, limit: int) -> UploadPartPage:
    """Return the parts after a number, with the addresses to PUT them to and whether they are there.

    Raises `UploadNotFound`, `UploadFinished`, `UploadNotInParts`.
    """
    async with aside(resources.database, scope) as tx:
        upload = await upload_row_for(tx, upload_id)
        refuse_finished(upload)
        if upload.expires_at <= datetime.now(UTC):
            raise UploadNotFound(f"The time to send {upload.file_name} is over; begin the upload again.")
        part_size(upload, 1)
        rows = {row.number: row.sha256 for row in await list_part_rows(tx, upload_id, after=after, limit=limit)}
    last = min(upload.part_count or 0, after + limit)
    sizes = await _sizes_in_object_store(resources, upload, after=after, up_to=last)
    items = [
        UploadPart(
            number=number,
            byte_count=part_size(upload, number),
            put_url=await _address(resources, upload, number),
            is_there=number in rows or sizes.get(number) == part_size(upload, number),
            sha256=rows.get(number),
        )
        for number in range(after + 1, last + 1)
    ]
    return UploadPartPage(items=items, next=last if last < (upload.part_count or 0) else None)


async def receive_part(
    resources: Resources,
    *,
    org_id: UUID,
    upload_id: UUID,
    number: int,
    signature: str,
    chunks: AsyncIterator[bytes],
    announced: Announced,
) -> PartWhole:
    """Store what a part's signed address is sent; no transaction is open while bytes arrive.

    The last sending that was whole counts. Raises `UploadAddressInvalid`, `UploadNotFound`, `UploadFinished`,
    `UploadNotWhole` for another number of bytes than the part has, and `ContentDiffers`.
    """
    if not resources.signer.vouches(signature, _statement(org_id, upload_id, number)):
        raise UploadAddressInvalid(
            "This address of a part was changed or has run out; ask for the upload's parts again."
        )
    scope = Scope(org_id=org_id)
    async with aside(resources.database, scope) as tx:
        upload = await upload_row_for(tx, upload_id)
        refuse_finished(upload)
        part_size(upload, number)
    key = places.new_part_key(org_id, upload_id, number)
    try:
        stored = await _store_part(resources, upload, number, key=key, chunks=chunks, announced=announced)
    except BaseException:
        await resources.storage.delete(key)
        raise
    try:
        async with aside(resources.database, scope) as tx:
            before = await _note(tx, upload_id, number=number, key=key, sha256=stored.sha256)
    except Problem:
        # After any other error the row may name this sending; the sweeper knows where parts lie.
        await resources.storage.delete(key)
        raise
    if before is not None:
        await remove_unless_held(resources.database, resources.storage, before)
    return PartWhole(number=number, byte_count=stored.byte_count, sha256=stored.sha256)


async def _store_part(
    resources: Resources,
    upload: UploadRow,
    number: int,
    *,
    key: str,
    chunks: AsyncIterator[bytes],
    announced: Announced,
) -> StoredFile:
    size = part_size(upload, number)
    what = f"Part {number} of {upload.file_name}"
    try:
        stored = await resources.storage.put_stream(key, announced.through(chunks), bytes_max=size)
    except TooLarge:
        raise UploadNotWhole(f"{what} has {size:,} bytes and more arrived; send those alone.") from None
    if stored.byte_count != size:
        raise UploadNotWhole(f"{what} has {size:,} bytes and {stored.byte_count:,} arrived; send it again.")
    announced.require(stored.sha256, what=what)
    return stored


async def sent_for(resources: Resources, upload: UploadRow, received: Sequence[UploadPartRow]) -> Sent:
    """Return the parts of an open upload, `received` by the hub or by an object store.

    Raises `UploadNotWhole` naming some of those that are missing.
    """
    count = upload.part_count or 0
    rows = {row.number: row for row in received}
    sizes = await _sizes_in_object_store(resources, upload)
    numbers = range(1, count + 1)
    missing = [n for n in numbers if n not in rows and sizes.get(n) != part_size(upload, n)]
    if missing:
        named = ", ".join(str(number) for number in missing[:NAMED_MISSING_MAX])
        more = ", …" if len(missing) > NAMED_MISSING_MAX else ""
        raise UploadNotWhole(
            f"{len(missing)} of the {count} parts of {upload.file_name} are missing ({named}{more}); send them and "
            "complete it again."
        )
    if rows:
        return Sent(tuple(rows[n].content_key for n in numbers), tuple(rows[n].sha256 for n in numbers))
    return Sent(tuple(places.part_key(upload.org_id, upload.id, n) for n in numbers), (None,) * count)


async def is_still_sent(tx: AsyncSession, upload: UploadRow, sent: Sent) -> bool:
    """Say whether no part was sent anew since `sent` was read; an object store's are what was joined, whatever comes."""
    rows = await list_part_rows(tx, upload.id)
    return not rows or tuple(row.content_key for row in rows) == sent.keys


def refuse_other_content(upload: UploadRow, sent: Sent, joined: JoinedFile, wanted: Completion) -> None:
    """Raise `ContentDiffers` or `UploadNotWhole` unless what was joined is what was announced, in whole and in parts."""
    told: list[str] | tuple[None, ...] = (
        wanted.part_sha256 if wanted.part_sha256 is not None else (None,) * len(sent.keys)
    )
    if len(told) != len(sent.keys):
        raise UploadNotWhole(f"{upload.file_name} has {len(sent.keys)} parts and {len(told)} checksums were sent.")
    for number, (found, *announced) in enumerate(zip(joined.part_sha256, sent.sha256, told, strict=True), 1):
        if any(one not in {None, found} for one in announced):
            raise ContentDiffers(
                f"Part {number} of {upload.file_name} has the SHA-256 {found} and another was announced; send it again."
            )
    if joined.byte_count != upload.bytes_declared:
        raise UploadNotWhole(
            f"{upload.file_name} was announced with {upload.bytes_declared:,} bytes and {joined.byte_count:,} arrived."
        )
    for announced_whole in {wanted.sha256, upload.sha256_declared} - {None, joined.sha256}:
        raise ContentDiffers(
            f"{upload.file_name} has the SHA-256 {joined.sha256} and {announced_whole} was announced; send its parts again."
        )


async def forget_parts(tx: AsyncSession, upload_id: UUID) -> None:
    """Remove the rows of the parts; their files are the caller's to remove after the commit."""
    await tx.execute(delete(UploadPartRow).where(UploadPartRow.upload_id == upload_id))


async def count_in_object_store(resources: Resources, upload: UploadRow) -> int:
    """Return how many whole parts an object store was sent."""
    sizes = await _sizes_in_object_store(resources, upload)
    return sum(sizes.get(number) == part_size(upload, number) for number in range(1, (upload.part_count or 0) + 1))


async def _note(tx: AsyncSession, upload_id: UUID, *, number: int, key: str, sha256: str) -> str | None:
    """Name the last whole sending of a part; return where the one before it lies."""
    # Shared, so that parts do not wait for each other; a completion waits, and then finds this one.
    query = select(UploadRow).where(UploadRow.id == upload_id).with_for_update(read=True)
    upload = await tx.scalar(query.execution_options(populate_existing=True))
    refuse_finished(upload if upload is not None else await upload_row_for(tx, upload_id))
    this = (UploadPartRow.upload_id == upload_id) & (UploadPartRow.number == number)
    values = {"sha256": sha256, "content_key": key}
    org_id = tx.info["scope"].org_id
    new = insert(UploadPartRow).values(upload_id=upload_id, number=number, org_id=org_id, **values)
    made = await tx.scalar(new.on_conflict_do_nothing().returning(UploadPartRow.number))
    if made is not None:
        return None
    row = await tx.scalar(select(UploadPartRow).where(this).with_for_update())
    if row is None:
        raise UploadNotWhole("The part was removed while it arrived; begin the upload again.")
    before = row.content_key
    row.sha256, row.content_key = sha256, key
    await tx.flush()
    return before


async def _address(resources: Resources, upload: UploadRow, number: int) -> str:
    # an address is of no use longer than the upload
    lifetime_seconds = max(1, int((upload.expires_at - datetime.now(UTC)).total_seconds()))
    key = places.part_key(upload.org_id, upload.id, number)
    presigned = await resources.storage.presigned_put(key, lifetime_seconds=lifetime_seconds)
    if presigned is not None:
        return presigned
    statement = _statement(upload.org_id, upload.id, number)
    signature = resources.signer.sign(statement, lifetime_seconds=lifetime_seconds)
    return f"/api/v1/uploads/{upload.id}/parts/{number}?org={upload.org_id}&signature={signature}"


async def _sizes_in_object_store(
    resources: Resources, upload: UploadRow, *, after: int = 0, up_to: int = PARTS_MAX
) -> dict[int, int]:
    if not resources.storage.takes_signed:
        return {}
    folder = places.parts_folder(upload.org_id, upload.id)
    sizes = await resources.storage.sizes_below(folder, after=places.part_name(after), up_to=places.part_name(up_to))
    return {int(name): size for name, size in sizes.items() if name.isascii() and name.isdigit()}


def _statement(org_id: UUID, upload_id: UUID, number: int) -> str:
    return f"PUT part {number} of upload {org_id}/{upload_id}"
