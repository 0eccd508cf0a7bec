"""Uploads nobody finished, or nobody wants any more: removed with all that has arrived of them."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, select, text, update

from lyceum.accounts.public import Actor
from lyceum.files import places
from lyceum.files.errors import UploadFinished
from lyceum.files.models import UploadRow
from lyceum.files.sharing import upload_row_of
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.holding import FilesHeld, may_remove_files
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside, transaction
from lyceum.kernel.usage import count_kept

SWEEP_AT_ONCE = 200
SWEPT_FROM = frozenset({"open", "complete", "taken"})
ABANDONED_FROM = frozenset({"open", "complete"})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Expired:
    """An upload whose time is over."""

    id: UUID
    org_id: UUID
    expires_at: datetime


BEFORE_ALL = _Expired(UUID(int=0), UUID(int=0), datetime.min.replace(tzinfo=UTC))


async def abandon(who: Actor, resources: Resources, upload_id: UUID) -> None:
    """Remove an upload nothing was made of; raises `UploadNotFound`, and `UploadFinished` for one that was used."""
    async with aside(resources.database, who.scope) as tx:
        upload = await upload_row_of(tx, who, upload_id)
    org_id = upload.org_id
    if upload.state not in ABANDONED_FROM or not await remove_upload(
        resources, org_id=org_id, upload_id=upload_id, states=ABANDONED_FROM
    ):
        raise UploadFinished(f"{upload.file_name} was used already, so it is not removed.")


async def sweep(resources: Resources) -> int:
    """Remove the uploads nobody finished in time; return how many.

    Each is tried once: one that cannot be removed is logged and left for the next time, and younger ones have their turn.
    """
    swept = 0
    page = await _expired(resources, after=BEFORE_ALL)
    while page:
        for upload in page:
            try:
                swept += await remove_upload(resources, org_id=upload.org_id, upload_id=upload.id)
            except FilesHeld:
                return swept
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


async def remove_upload(
    resources: Resources, *, org_id: UUID, upload_id: UUID, states: frozenset[str] = SWEPT_FROM
) -> bool:
    """Remove an upload's content and, unless something was made of it, its row; return False where it may not be."""
    async with aside(resources.database, Scope(org_id=org_id)) as tx:
        if not await may_remove_files(tx):
            raise FilesHeld("All files of the hub are being copied just now; remove the upload in a few minutes.")
        # Asked again with the row locked: since the upload was listed, somebody may have taken it, or swept it.
        upload = await tx.scalar(select(UploadRow).where(UploadRow.id == upload_id).with_for_update())
        if upload is None or upload.state not in states:
            return False
        kept = upload.bytes_kept
        if await tx.scalar(text("SELECT definer.upload_is_awaited(:id)"), {"id": upload_id}):
            return False
        # What was made of a taken upload still names it, so the row stays and says that the content is gone.
        await tx.execute(delete(UploadRow).where(UploadRow.id == upload_id, UploadRow.state != "taken"))
        await tx.execute(update(UploadRow).where(UploadRow.id == upload_id).values(state="swept", bytes_kept=0))
        # Last, and with the row still locked: whoever would take the upload waits, and then finds it gone.
        await resources.storage.delete(places.storage_key(org_id, upload_id))
        await resources.storage.delete(places.sent_key(org_id, upload_id))
        if upload.content_key is not None:
            # that of one which was another organisation's when it arrived lies in the place of that
            await resources.storage.delete(upload.content_key)
        for folder in (places.copies_folder(org_id, upload_id), places.parts_folder(org_id, upload_id)):
            await resources.storage.delete_below(folder)
        await count_kept(tx, "uploads", byte_count=-kept, object_count=-int(kept > 0))
    return True
