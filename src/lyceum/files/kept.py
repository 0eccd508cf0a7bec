"""What organisations keep, for themselves and for whoever runs the hub: read, limited, counted again."""

import logging
from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power, find_organisation_id, require, require_operator
from lyceum.files.errors import OrganisationNotFound
from lyceum.files.schemas import KeptBytes, KeptStorage, OrganisationStorage
from lyceum.kernel.config import Settings
from lyceum.kernel.db import NOBODY
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from lyceum.kernel.usage import KINDS, Kept, KeptKind, kept_by, quota_for

RECOUNT_AT_ONCE = 500

_LIST = text("SELECT * FROM definer.storage_of_organisations(:at_most, :after_id)")
_SET = text("SELECT definer.storage_quota_set(:org, :bytes_max, :set_by)")
_RECOUNT = text("SELECT * FROM definer.storage_recount(:org)")

log = logging.getLogger(__name__)


async def own_storage(tx: AsyncSession, who: Actor, settings: Settings) -> KeptStorage:
    """Return what the organisation acted in keeps and may keep."""
    org_id = require(who, Power.DATASETS_READ)
    kept = await kept_by(tx)
    return _as_storage(kept, await quota_for(tx, settings, org_id))


async def list_storage(
    tx: AsyncSession, who: Actor, settings: Settings, *, limit: int, after: UUID | None
) -> list[OrganisationStorage]:
    """Return what each organisation keeps and may keep, in the order of their ids, in one query."""
    require_operator(who)
    found = await tx.execute(_LIST, {"at_most": limit, "after_id": after})
    return [
        OrganisationStorage(
            id=row.org_id,
            organisation=row.org_name,
            has_own_quota=row.bytes_max is not None,
            storage=_as_storage(
                {kind: Kept(*row.usage.get(kind, (0, 0))) for kind in KINDS},
                (settings.storage_bytes_max if row.bytes_max is None else row.bytes_max) or None,
            ),
        )
        for row in found
    ]


async def set_quota(tx: AsyncSession, who: Actor, org: str, bytes_max: int | None) -> None:
    """Limit what an organisation keeps: 0 is without limit, None leaves it to the hub's setting again.

    One that keeps more already loses nothing, and adds nothing. Raises `OrganisationNotFound`.
    """
    require_operator(who)
    org_id = await find_organisation_id(tx, org)
    if org_id is None:
        raise OrganisationNotFound(f"There is no organisation {org[:100]!r} on this hub.")
    await tx.execute(_SET, {"org": org_id, "bytes_max": bytes_max, "set_by": who.user_id})


async def recount(resources: Resources) -> dict[str, int]:
    """Count anew what every organisation keeps; return how many were looked at, and how many counters were wrong."""
    counted = corrected = 0
    after: UUID | None = None
    while True:
        async with transaction(resources.database, NOBODY) as tx:
            rows = (await tx.execute(_LIST, {"at_most": RECOUNT_AT_ONCE, "after_id": after})).all()
        for row in rows:
            corrected += await _recount_one(resources, row.org_id)
        counted += len(rows)
        if len(rows) < RECOUNT_AT_ONCE:
            return {"organisations": counted, "corrected": corrected}
        after = rows[-1].org_id


async def _recount_one(resources: Resources, org_id: UUID) -> int:
    async with transaction(resources.database, NOBODY) as tx:
        wrong = (await tx.execute(_RECOUNT, {"org": org_id})).all()
    for row in wrong:
        facts = {
            "org_id": str(org_id),
            "kind": row.kind,
            "bytes_counted": row.byte_count_before,
            "bytes_kept": row.byte_count,
            "objects_counted": row.object_count_before,
            "objects_kept": row.object_count,
        }
        log.warning("what an organisation keeps was counted wrong; corrected", extra=facts)
    return len(wrong)


def _as_storage(kept: Mapping[KeptKind, Kept], bytes_max: int | None) -> KeptStorage:
    return KeptStorage(
        **{kind: KeptBytes(byte_count=one.byte_count, object_count=one.object_count) for kind, one in kept.items()},
        byte_count=sum(one.byte_count for one in kept.values()),
        bytes_max=bytes_max,
    )
