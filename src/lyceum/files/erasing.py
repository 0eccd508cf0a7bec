"""How uploads go with whoever sent them, and with their organisation."""

from uuid import UUID

from sqlalchemy import delete, text

from lyceum.accounts.privacy.public import Eraser
from lyceum.files.models import UploadPartRow, UploadRow
from lyceum.files.sweeping import ABANDONED_FROM, remove_upload
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.holding import remove_below_or_wait
from lyceum.kernel.models import StorageUsageRow
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction

_UPLOADS = text("SELECT id, org_id FROM definer.deletion_uploads(:person)")


async def _of_person(resources: Resources, user_id: UUID) -> None:
    """Remove what nothing was made of; what became a version is the organisation's."""
    async with transaction(resources.database, NOBODY) as tx:
        found = (await tx.execute(_UPLOADS, {"person": user_id})).all()
    for upload in found:
        await remove_upload(resources, org_id=upload.org_id, upload_id=upload.id, states=ABANDONED_FROM)


async def _of_organisation(resources: Resources, org_id: UUID) -> None:
    """Remove its uploads, and the count of what it keeps."""
    async with transaction(resources.database, Scope(org_id=org_id)) as tx:
        for row in (UploadPartRow, UploadRow, StorageUsageRow):
            await tx.execute(delete(row).where(row.org_id == org_id))
    await remove_below_or_wait(resources.database, resources.storage, f"uploads/{org_id}")


ERASER = Eraser("uploads", of_person=_of_person, of_organisation=_of_organisation)
