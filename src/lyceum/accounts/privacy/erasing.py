"""Has a person who asked for it leave, step by step: whatever step fails, all of it is tried again and none done harm.

First they are let in nowhere; then each module removes what it keeps of them; then the organisations that go along, rows before
files; last the person's own row becomes one that leads to nobody.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text, update

from lyceum.accounts.audit.public import record
from lyceum.accounts.events import AccountDeleted, OrganisationDeleted
from lyceum.accounts.known import forget_after_commit
from lyceum.accounts.privacy.archive import folder_of
from lyceum.accounts.privacy.models import DeletionRow
from lyceum.accounts.privacy.providers import Eraser
from lyceum.accounts.sessions.public import forget_person_after_commit
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.events import publish
from lyceum.kernel.holding import remove_below_or_wait
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction

POSTPONED_FOR = timedelta(days=1)

_BEGIN = text("SELECT definer.deletion_begin(:person)")
_UNDER_WAY = text("SELECT organisation_ids, key_digests FROM definer.deletion_under_way(:person)")
_ORGANISATION = text("SELECT definer.deletion_of_organisation(:person, :org)")
_PERSON = text("SELECT definer.deletion_of_person(:person)")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Erased:
    """What went: the person's own, and these organisations."""

    user_id: UUID
    organisation_ids: tuple[UUID, ...]


async def erase_person(resources: Resources, user_id: UUID, erasers: Iterable[Eraser]) -> Erased | None:
    """Erase a person whose time has come; None when they do not leave, or not yet, for want of an owner after them."""
    erasers = tuple(erasers)
    if not await _begin(resources, user_id):
        return None
    going = await _let_in_no_more(resources, user_id)
    for eraser in erasers:
        if eraser.of_person is not None:
            await eraser.of_person(resources, user_id)
    for org_id in going:
        async with transaction(resources.database, NOBODY) as tx:
            await tx.execute(_ORGANISATION, {"person": user_id, "org": org_id})
            await publish(tx, OrganisationDeleted(org_id=org_id))
        await erase_files_of(resources, org_id, erasers)
    await remove_below_or_wait(resources.database, resources.storage, folder_of(user_id))
    async with transaction(resources.database, NOBODY) as tx:
        await tx.execute(_PERSON, {"person": user_id})
        await publish(tx, AccountDeleted(user_id=user_id))
        record(tx, NOBODY, "erase_person", "user", user_id)
    return Erased(user_id, going)


async def erase_files_of(resources: Resources, org_id: UUID, erasers: Iterable[Eraser]) -> None:
    """Remove the files of an organisation whose rows are gone; raises `FilesHeld` while files are being copied."""
    for eraser in erasers:
        if eraser.of_organisation is not None:
            await eraser.of_organisation(resources, org_id)


async def _begin(resources: Resources, user_id: UUID) -> bool:
    async with transaction(resources.database, Scope(user_id=user_id)) as tx:
        row = await tx.get(DeletionRow, user_id)
        if row is None or row.due_at > datetime.now(UTC):
            return False
        if await tx.scalar(_BEGIN, {"person": user_id}):
            return True
        await tx.execute(
            update(DeletionRow).where(DeletionRow.user_id == user_id).values(due_at=datetime.now(UTC) + POSTPONED_FOR)
        )
    log.warning("somebody cannot leave: an organisation would have no owner", extra={"user_id": str(user_id)})
    return False


async def _let_in_no_more(resources: Resources, user_id: UUID) -> tuple[UUID, ...]:
    async with transaction(resources.database, NOBODY) as tx:
        row = (await tx.execute(_UNDER_WAY, {"person": user_id})).one()
        for digest in row.key_digests:
            forget_after_commit(tx, bytes(digest))
        forget_person_after_commit(tx, user_id)
    return tuple(UUID(org_id) for org_id in row.organisation_ids)
