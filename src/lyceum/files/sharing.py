"""Who sends files: whoever may change their organisation's datasets, and whoever was granted to change one elsewhere."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power, maintains_any, require, require_to_see
from lyceum.files.models import UploadRow
from lyceum.files.queries import upload_not_found, upload_row_for

_NEED = Power.DATASETS_WRITE


async def require_sender(tx: AsyncSession, who: Actor) -> UUID:
    """Return the organisation that an upload of the caller's is counted for, which is the one they act in.

    Raises what `require` raises for whoever may change no dataset, here or by a grant.
    """
    if who.org_id is not None and _NEED not in who.powers and await maintains_any(tx, who, kind="dataset", need=_NEED):
        return who.org_id
    return require(who, _NEED)


async def upload_row_of(tx: AsyncSession, who: Actor, upload_id: UUID) -> UploadRow:
    """Return an upload of the organisation acted in: any for who may change its datasets, else one's own.

    Raises `UploadNotFound`, and what `require` raises.
    """
    require_to_see(who, _NEED)
    if _NEED in who.powers:
        return await upload_row_for(tx, upload_id)
    await require_sender(tx, who)
    upload = await upload_row_for(tx, upload_id)
    if upload.created_by != who.user_id:
        raise upload_not_found(upload_id)
    return upload
