"""Writes of organisations: make, name, hand over and delete one; change what members are, and let them go."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.errors import HomeOfTheHub, LastOwner, MemberNotFound, NameDiffers, NameTaken
from lyceum.accounts.events import OrganisationDeleted, PersonJoined, PersonLeft
from lyceum.accounts.grants.models import GrantRow
from lyceum.accounts.known import forget_after_commit
from lyceum.accounts.models import ApiKeyRow, MembershipRow, OrganisationRow
from lyceum.accounts.organisations.erasing import EraseOrganisation
from lyceum.accounts.organisations.queries import member_for, organisation_acted_in, organisation_for
from lyceum.accounts.organisations.schemas import NewOrganisation, Organisation, OrganisationMember
from lyceum.accounts.policy import Actor, NotAllowed, Power, Role, require_person
from lyceum.accounts.sessions.public import forget_person_after_commit
from lyceum.kernel.config import Settings
from lyceum.kernel.events import publish
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.queue import cancel_all, enqueue
from lyceum.kernel.jobs.recurring import disown_schedules, remove_all_schedules
from lyceum.kernel.tx import acting_in

_FORGET_SIGN_ON = text("SELECT definer.sign_on_forget_organisation()")
ERASED_AGAIN_AFTER = timedelta(hours=1)
_HOME = text("SELECT org_id FROM definer.first_administrator()")


async def create(tx: AsyncSession, who: Actor, settings: Settings, wanted: NewOrganisation) -> Organisation:
    """Make an organisation that the caller owns; raises `NameTaken`, and `NotAllowed` where administrators alone make them."""
    user_id = require_person(who)
    if settings.organisations_by == "administrators" and Power.HUB_OPERATE not in who.powers:
        raise NotAllowed("On this hub administrators alone make organisations; ask one of them.")
    org_id = new_id()
    async with acting_in(tx, org_id):
        try:
            async with tx.begin_nested():
                tx.add(OrganisationRow(id=org_id, name=wanted.name, title=wanted.title or wanted.name))
                await tx.flush()
        except IntegrityError:
            raise NameTaken(f"There is an organisation {wanted.name} on this hub; choose another name.") from None
        tx.add(MembershipRow(org_id=org_id, user_id=user_id, role=Role.OWNER))
        await tx.flush()
        await publish(tx, PersonJoined(org_id=org_id, user_id=user_id))
        forget_person_after_commit(tx, user_id)
        return await organisation_for(tx, who, wanted.name)


async def name_anew(tx: AsyncSession, who: Actor, org: str, title: str) -> Organisation:
    """Give the organisation acted in another title; its name, which stands in addresses, stays."""
    org_id = organisation_acted_in(who, org, need=Power.ORGANISATION_MANAGE)
    await tx.execute(update(OrganisationRow).where(OrganisationRow.id == org_id).values(title=title))
    return await organisation_for(tx, who, org)


async def change_role(tx: AsyncSession, who: Actor, org: str, user_id: UUID, role: Role) -> OrganisationMember:
    """Give a member another role, known to every process within a second; raises `MemberNotFound`, `LastOwner`."""
    org_id = organisation_acted_in(who, org, need=Power.MEMBERS_MANAGE)
    await _set_role(tx, org_id, user_id, role)
    return await member_for(tx, org_id, user_id)


async def remove_member(tx: AsyncSession, who: Actor, org: str, user_id: UUID) -> None:
    """End a membership, with the keys, groups and grants that came of it; raises `MemberNotFound`, `LastOwner`."""
    org_id = organisation_acted_in(who, org, need=Power.MEMBERS_MANAGE)
    await _end_membership(tx, org_id, user_id)


async def leave(tx: AsyncSession, who: Actor, org: str) -> None:
    """End the caller's own membership; raises `LastOwner`: who owns it alone hands it over first, or deletes it."""
    org_id = organisation_acted_in(who, org)
    await _end_membership(tx, org_id, require_person(who))


async def transfer(tx: AsyncSession, who: Actor, org: str, user_id: UUID) -> OrganisationMember:
    """Make a member the owner in the caller's place, who is a maintainer from now on; raises `MemberNotFound`."""
    org_id = organisation_acted_in(who, org, need=Power.ORGANISATION_MANAGE)
    if user_id != who.user_id:
        await _set_role(tx, org_id, user_id, Role.OWNER)
        await _set_role(tx, org_id, require_person(who), Role.MAINTAINER)
    return await member_for(tx, org_id, user_id)


async def end(tx: AsyncSession, who: Actor, org: str, *, name: str) -> None:
    """Delete the organisation acted in: its members and keys at once, and what it has by a job.

    Raises `NameDiffers`, and `HomeOfTheHub` for the one in which the hub's administrator works at its machine.
    """
    org_id = organisation_acted_in(who, org, need=Power.ORGANISATION_MANAGE)
    if name != org:
        raise NameDiffers(f"Type the organisation's name, {org}, to delete it with everything it has.")
    if await tx.scalar(_HOME) == org_id:
        raise HomeOfTheHub(f"{org} is where the hub's administrator works at its own machine, so it stays.")
    members = await tx.scalars(select(MembershipRow.user_id).where(MembershipRow.org_id == org_id))
    for user_id in members:
        forget_person_after_commit(tx, user_id)
    await _revoke_keys(tx, org_id)
    await tx.execute(delete(MembershipRow).where(MembershipRow.org_id == org_id))
    gone = {"name": f"deleted-{org_id.hex}", "title": "", "deleted_at": datetime.now(UTC)}
    await tx.execute(update(OrganisationRow).where(OrganisationRow.id == org_id).values(gone))
    await tx.execute(_FORGET_SIGN_ON)
    await remove_all_schedules(tx)
    await cancel_all(tx)
    await enqueue(tx, EraseOrganisation(org_id=org_id))
    await enqueue(tx, EraseOrganisation(org_id=org_id), run_at=datetime.now(UTC) + ERASED_AGAIN_AFTER)
    await publish(tx, OrganisationDeleted(org_id=org_id))


async def _end_membership(tx: AsyncSession, org_id: UUID, user_id: UUID) -> None:
    await _refuse_last_owner(tx, org_id, user_id)
    await _revoke_keys(tx, org_id, user_id=user_id)
    await tx.execute(delete(GrantRow).where(GrantRow.org_id == org_id, GrantRow.user_id == user_id))
    ended = delete(MembershipRow).where(MembershipRow.org_id == org_id, MembershipRow.user_id == user_id)
    if not (await tx.execute(ended.returning(MembershipRow.user_id))).all():
        raise _no_member(user_id)
    await disown_schedules(tx, user_id)
    forget_person_after_commit(tx, user_id)
    await publish(tx, PersonLeft(org_id=org_id, user_id=user_id))


async def _set_role(tx: AsyncSession, org_id: UUID, user_id: UUID, role: Role) -> None:
    if role is not Role.OWNER:
        await _refuse_last_owner(tx, org_id, user_id)
    of_them = (MembershipRow.org_id == org_id, MembershipRow.user_id == user_id)
    changed = update(MembershipRow).where(*of_them).values(role=role).returning(MembershipRow.user_id)
    if not (await tx.execute(changed)).all():
        raise _no_member(user_id)
    theirs = select(ApiKeyRow.digest).where(
        ApiKeyRow.org_id == org_id, ApiKeyRow.user_id == user_id, ApiKeyRow.revoked_at.is_(None)
    )
    for digest in await tx.scalars(theirs):
        forget_after_commit(tx, digest)
    forget_person_after_commit(tx, user_id)


async def _refuse_last_owner(tx: AsyncSession, org_id: UUID, user_id: UUID) -> None:
    # Two owners who leave at once wait here for each other.
    await tx.execute(select(OrganisationRow.id).where(OrganisationRow.id == org_id).with_for_update())
    owners = select(func.count()).where(MembershipRow.org_id == org_id, MembershipRow.role == Role.OWNER)
    is_owner = select(MembershipRow.role).where(MembershipRow.org_id == org_id, MembershipRow.user_id == user_id)
    if await tx.scalar(is_owner) == Role.OWNER and await tx.scalar(owners) == 1:
        raise LastOwner("The organisation has no other owner; make another member an owner first, or delete it.")


async def _revoke_keys(tx: AsyncSession, org_id: UUID, *, user_id: UUID | None = None) -> None:
    of = [ApiKeyRow.org_id == org_id, ApiKeyRow.revoked_at.is_(None)]
    if user_id is not None:
        of.append(ApiKeyRow.user_id == user_id)
    revoked = update(ApiKeyRow).where(*of).values(revoked_at=datetime.now(UTC)).returning(ApiKeyRow.digest)
    for digest in await tx.scalars(revoked):
        forget_after_commit(tx, digest)


def _no_member(user_id: UUID) -> MemberNotFound:
    return MemberNotFound(f"Nobody with the id {user_id} is in this organisation.")
