"""What people decide of their own data: to take it along, to leave, to stay after all."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.admin.public import LastAdministrator
from lyceum.accounts.audit.public import note_audit, record_here
from lyceum.accounts.events import LetterWanted
from lyceum.accounts.models import UserRow
from lyceum.accounts.people.public import LinkKind, make_link, void_links
from lyceum.accounts.policy import Actor, Role, require_person
from lyceum.accounts.privacy.errors import DeletionNotAsked, DeletionUnderWay, OrganisationsNeedOwner
from lyceum.accounts.privacy.jobs import MakeExport
from lyceum.accounts.privacy.models import DeletionRow, ExportRow
from lyceum.accounts.privacy.queries import OwnOrganisation, as_deletion, as_export, own_organisations
from lyceum.accounts.privacy.schemas import Deletion, PersonalExport
from lyceum.kernel.config import Settings
from lyceum.kernel.events import publish
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.queue import enqueue

_ADMINISTRATORS = text("SELECT definer.admin_count()")


async def ask_for_export(tx: AsyncSession, who: Actor) -> PersonalExport:
    """Have an archive of one's own data made; one that is being made already is returned.

    `tx` works for the person in no organisation: nobody of one is to see the job.
    """
    user_id = require_person(who)
    # two wishes at once are one
    await tx.execute(select(UserRow.id).where(UserRow.id == user_id).with_for_update())
    queued = await tx.scalar(select(ExportRow).where(ExportRow.user_id == user_id, ExportRow.state == "queued"))
    if queued is not None:
        return as_export(queued)
    row = ExportRow(id=new_id(), user_id=user_id)
    tx.add(row)
    await tx.flush()
    await tx.refresh(row)
    await enqueue(tx, MakeExport(export_id=row.id, user_id=user_id))
    note_audit("personal_export", row.id)
    record_here(tx, who)
    return as_export(row)


async def ask_for_deletion(tx: AsyncSession, who: Actor, settings: Settings, names: list[str]) -> Deletion:
    """Ask to leave; it is done when the days of grace are over. Asked again, the organisations named are those of now.

    Raises `OrganisationsNeedOwner` where an organisation of others would be left without an owner, or one that is named is not
    the person's own; `LastAdministrator`, `DeletionUnderWay`.
    """
    user_id = require_person(who)
    user = await tx.scalar(select(UserRow).where(UserRow.id == user_id).with_for_update())
    if user is not None and user.instance_admin and int(await tx.scalar(_ADMINISTRATORS) or 0) < 2:
        raise LastAdministrator("You are the last who can run the hub; make somebody else an administrator first.")
    named = _named(await own_organisations(tx), set(names))
    row = await tx.get(DeletionRow, user_id)
    is_new = row is None
    if row is None:
        now = datetime.now(UTC)
        row = DeletionRow(user_id=user_id, asked_at=now, due_at=now + timedelta(days=settings.account_deletion_days))
        tx.add(row)
    elif row.began_at is not None:
        raise DeletionUnderWay("Your account is being deleted.")
    row.organisation_ids = [str(one.id) for one in named]
    await tx.flush()
    if is_new and user is not None:
        await _tell(tx, "account_deletion", user, until=row.due_at)
    note_audit("user", user_id)
    record_here(tx, who)
    return await as_deletion(tx, row)


async def stay(tx: AsyncSession, who: Actor) -> None:
    """Call one's leaving off; raises `DeletionNotAsked` and, once it has begun, `DeletionUnderWay`."""
    user_id = require_person(who)
    row = await tx.get(DeletionRow, user_id, with_for_update=True)
    if row is None:
        raise DeletionNotAsked("You have not asked for your account to be deleted.")
    if row.began_at is not None:
        raise DeletionUnderWay("Your account is being deleted; it is too late to stay.")
    await tx.execute(delete(DeletionRow).where(DeletionRow.user_id == user_id))
    # a letter that has not gone out yet would say what is no longer so
    await void_links(tx, "account_deletion", user_id)
    await _tell(tx, "account_kept", await tx.get_one(UserRow, user_id))
    note_audit("user", user_id)
    record_here(tx, who)


async def _tell(tx: AsyncSession, kind: LinkKind, user: UserRow, *, until: datetime | None = None) -> None:
    if user.email is not None:
        link_id = await make_link(tx, kind, email=user.email, user_id=user.id, until=until)
        await publish(tx, LetterWanted(link_id=link_id))


def _named(found: list[OwnOrganisation], names: set[str]) -> list[OwnOrganisation]:
    owned = {one.name: one for one in found if one.role == Role.OWNER}
    if unknown := sorted(names - owned.keys()):
        raise OrganisationsNeedOwner(
            f"You do not own {', '.join(unknown)[:200]}, so it cannot go with you.", organisations=unknown
        )
    if left := [one.name for one in found if one.needs_owner and one.name not in names]:
        raise OrganisationsNeedOwner(
            f"Others are in {', '.join(left)[:200]}, and nobody else owns it: hand it over, or name it to be deleted with you.",
            organisations=left,
        )
    return [owned[name] for name in sorted(names)]
