"""Reads of one's own archives and of one's leaving."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.policy import Actor, Role, require_person
from lyceum.accounts.privacy.errors import DeletionNotAsked, ExportGone, ExportNotFound, ExportNotReady
from lyceum.accounts.privacy.models import DeletionRow, ExportRow
from lyceum.accounts.privacy.schemas import Deletion, PersonalExport
from lyceum.kernel.http.downloads import Download

_ORGANISATIONS = text("SELECT org_id, name, role, others, other_owners FROM definer.person_organisations()")


@dataclass(frozen=True, slots=True)
class OwnOrganisation:
    """An organisation somebody is in, and who would be left in it."""

    id: UUID
    name: str
    role: str
    others: int
    other_owners: int

    @property
    def goes_along(self) -> bool:
        """Whether nobody else is in it."""
        return self.others == 0

    @property
    def needs_owner(self) -> bool:
        """Whether others would be left in it with nobody who owns it."""
        return self.role == Role.OWNER and self.others > 0 and self.other_owners == 0


async def own_organisations(tx: AsyncSession) -> list[OwnOrganisation]:
    """Return the organisations of the person whom `tx` works for, by name."""
    rows = await tx.execute(_ORGANISATIONS)
    return [OwnOrganisation(row.org_id, row.name, row.role, row.others, row.other_owners) for row in rows]


async def list_exports(tx: AsyncSession, who: Actor, *, limit: int, before: UUID | None = None) -> list[PersonalExport]:
    """Return one's own archives, newest first: one query."""
    query = select(ExportRow).where(ExportRow.user_id == require_person(who)).order_by(ExportRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(ExportRow.id < before)
    return [as_export(row) for row in await tx.scalars(query)]


async def download_for(tx: AsyncSession, who: Actor, export_id: UUID) -> Download:
    """Return one's own archive as a file; raises `ExportNotFound`, `ExportNotReady`, `ExportGone`."""
    row = await tx.scalar(select(ExportRow).where(ExportRow.id == export_id, ExportRow.user_id == require_person(who)))
    if row is None:
        raise ExportNotFound(f"You have no archive {export_id}.")
    if row.state == "expired":
        raise ExportGone("The time of this archive is over; ask for another one.")
    if row.content_key is None or row.byte_count is None:
        raise ExportNotReady(f"The archive is {row.state}; it can be downloaded once it is ready.")
    return Download(
        key=row.content_key,
        byte_count=row.byte_count,
        sha256=row.sha256,
        version=str(row.id),
        file_name=f"my-data-{row.asked_at:%Y-%m-%d}.zip",
    )


async def deletion_for(tx: AsyncSession, who: Actor) -> Deletion:
    """Return when one's own account goes; raises `DeletionNotAsked`."""
    row = await tx.get(DeletionRow, require_person(who))
    if row is None:
        raise DeletionNotAsked("You have not asked for your account to be deleted.")
    return await as_deletion(tx, row)


async def as_deletion(tx: AsyncSession, row: DeletionRow) -> Deletion:
    """Return a wish to leave with the names of the organisations that go along."""
    named = set(row.organisation_ids)
    found = await own_organisations(tx)
    going = [one.name for one in found if one.goes_along or str(one.id) in named]
    return Deletion(asked_at=row.asked_at, due_at=row.due_at, organisations=going)


def as_export(row: ExportRow) -> PersonalExport:
    """Return an archive as its owner sees it."""
    return PersonalExport(
        id=row.id,
        state=row.state,
        byte_count=row.byte_count,
        asked_at=row.asked_at,
        ready_at=row.ready_at,
        expires_at=row.expires_at,
    )
