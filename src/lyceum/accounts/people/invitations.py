"""Invitations: links that make whoever follows them a member; copied or sent, as often and as long as they say."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.errors import InvitationForAnother, InvitationNotFound, InvitationUsed, OrganisationNotFound
from lyceum.accounts.events import LetterWanted
from lyceum.accounts.models import UserRow
from lyceum.accounts.people.links import link_of_token, make_link, token_of, url_of
from lyceum.accounts.people.models import InvitationRow
from lyceum.accounts.people.registration import USED, join
from lyceum.accounts.people.schemas import (
    Invitation,
    InvitationMade,
    InvitationSeen,
    Joined,
    NewInvitation,
)
from lyceum.accounts.policy import Actor, Power, require, require_person
from lyceum.kernel.events import publish
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import Resources

_LOOK = text("SELECT org_name, org_title, role, email, inviter, expires_at FROM definer.invitation_look(:id)")


async def invite(
    tx: AsyncSession, who: Actor, resources: Resources, organisation: str, wanted: NewInvitation
) -> InvitationMade:
    """Make an invitation to the organisation acted in, and have a letter sent where it is for one address.

    Raises `OrganisationNotFound` and `NotAllowed`.
    """
    org_id = _require_organisation(who, organisation)
    row = InvitationRow(
        id=new_id(),
        org_id=org_id,
        email=wanted.email,
        role=wanted.role,
        invited_by=who.user_id,
        uses_max=1 if wanted.email is not None else wanted.uses_max,
        expires_at=datetime.now(UTC) + timedelta(days=wanted.expires_in_days),
    )
    tx.add(row)
    await tx.flush()
    await tx.refresh(row)
    if wanted.email is not None and resources.settings.mail_url is not None:
        link_id = await make_link(tx, "invitation", email=wanted.email, data={"invitation_id": str(row.id)})
        await publish(tx, LetterWanted(link_id=link_id))
    url = url_of(resources.settings.base_url, "invitation", token_of(resources.signer, "invitation", row.id))
    return InvitationMade(**_as_invitation(row).model_dump(), url=url)


async def list_invitations(
    tx: AsyncSession, who: Actor, organisation: str, *, limit: int, before: UUID | None
) -> list[Invitation]:
    """Return an organisation's invitations, newest first; `before` is the last id of the page before."""
    org_id = _require_organisation(who, organisation)
    query = select(InvitationRow).where(InvitationRow.org_id == org_id).order_by(InvitationRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(InvitationRow.id < before)
    return [_as_invitation(row) for row in await tx.scalars(query)]


async def take_back(tx: AsyncSession, who: Actor, organisation: str, invitation_id: UUID) -> None:
    """Have an invitation's link do nothing any more; raises `InvitationNotFound`. Doing it twice changes nothing."""
    org_id = _require_organisation(who, organisation)
    own = (InvitationRow.id == invitation_id, InvitationRow.org_id == org_id)
    if await tx.scalar(select(InvitationRow.id).where(*own)) is None:
        raise InvitationNotFound(f"There is no invitation {invitation_id} in {organisation}.")
    await tx.execute(
        update(InvitationRow).where(*own, InvitationRow.revoked_at.is_(None)).values(revoked_at=func.now())
    )


async def look_at(tx: AsyncSession, resources: Resources, token: str) -> InvitationSeen:
    """Return what an invitation is to, for whoever holds its link; raises `InvitationUsed`."""
    row = (await tx.execute(_LOOK, {"id": _invitation_id(resources, token)})).one_or_none()
    if row is None:
        raise InvitationUsed(USED)
    return InvitationSeen(
        organisation=row.org_name,
        organisation_title=row.org_title,
        inviter=row.inviter,
        role=row.role,
        email=row.email,
        expires_at=row.expires_at,
    )


async def accept(tx: AsyncSession, who: Actor, resources: Resources, token: str) -> Joined:
    """Become a member by an invitation's link; raises `InvitationUsed`, and `InvitationForAnother` for another address."""
    user_id, invitation_id = require_person(who), _invitation_id(resources, token)
    seen = (await tx.execute(_LOOK, {"id": invitation_id})).one_or_none()
    own = await tx.scalar(select(UserRow.email).where(UserRow.id == user_id))
    if seen is not None and seen.email is not None and seen.email.lower() != (own or "").lower():
        raise InvitationForAnother(
            f"This invitation is for {seen.email}, and you are signed in as {own or 'somebody without an address'}; "
            "sign in with that address, or ask for an invitation to yours."
        )
    return Joined(organisation=await join(tx, user_id, invitation_id))


def _invitation_id(resources: Resources, token: str) -> UUID:
    invitation_id = link_of_token(resources.signer, "invitation", token)
    if invitation_id is None:
        raise InvitationUsed(USED)
    return invitation_id


def _require_organisation(who: Actor, organisation: str) -> UUID:
    org_id = require(who, Power.MEMBERS_MANAGE)
    if who.org_name != organisation:
        raise OrganisationNotFound(
            f"You do not act in {organisation[:64]!r}; name it in the Lyceum-Organisation header."
        )
    return org_id


def _as_invitation(row: InvitationRow) -> Invitation:
    return Invitation(
        id=row.id,
        role=row.role,
        email=row.email,
        uses=row.uses,
        uses_max=row.uses_max,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
