"""People over HTTP: making an account, who am I, passwords, confirmed addresses, invitations."""

from uuid import UUID

from fastapi import Depends, Request, Response

from lyceum.accounts.edge import (
    ADMINISTRATOR,
    ENROLLING,
    KEEPS_ANSWER,
    KEEPS_THAT_IT_WAS_DONE,
    KNOWN,
    OPEN,
    SIGNED_IN,
    CurrentResources,
    Facts,
    Power,
    PrimaryTx,
    Tokens,
    Tx,
    Who,
    api_router,
    limit_sign_ins,
    needs,
    own_limit,
)
from lyceum.accounts.people import addresses, invitations, queries, registration, service
from lyceum.accounts.people.schemas import (
    Address,
    Consented,
    EmailConfirmed,
    InvitationMade,
    InvitationPage,
    InvitationSeen,
    Joined,
    LinkMade,
    Me,
    NewEmail,
    NewInvitation,
    NewPassword,
    PasswordReset,
    Profile,
    Registered,
    Registration,
    SignInOptions,
    Token,
)
from lyceum.accounts.sessions.public import answer_signed_in
from lyceum.accounts.signon.public import list_offered
from lyceum.kernel.http.documented import refuses
from lyceum.kernel.http.origins import refuse_foreign_origin
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor
from lyceum.kernel.problems import Gone

router = api_router(tags=["accounts"])
_BY_LINK = [Depends(limit_sign_ins)]


@router.get("/sign-in-options")
@needs(OPEN)
@own_limit
async def read_sign_in_options(tx: Tx, resources: CurrentResources) -> SignInOptions:
    """Say how one signs in here and who may make an account."""
    return queries.sign_in_options(resources.settings, offered=await list_offered(tx))


@router.post("/registrations", status_code=201, dependencies=_BY_LINK, responses=refuses(Gone))
@needs(OPEN)
@own_limit
async def register(
    request: Request, response: Response, resources: CurrentResources, tokens: Tokens, facts: Facts, given: Registration
) -> Registered:
    """Make an account; a browser is signed in where nothing has to be waited for."""
    refuse_foreign_origin(request.headers, resources.settings)
    wanted, begun = await registration.register(resources, given, facts=facts)
    if begun is None:
        return Registered(state=wanted.state, session=None)
    signed_in = await answer_signed_in(request, response, resources, tokens, begun, in_cookies=True)
    return Registered(state="signed_in", session=signed_in.session)


@router.post("/email-confirmations", dependencies=_BY_LINK, responses=refuses(Gone))
@needs(OPEN)
@own_limit
async def confirm_email(resources: CurrentResources, given: Token) -> EmailConfirmed:
    """Confirm an address by the link in the letter to it."""
    return await addresses.confirm(resources, given.token)


@router.post("/email-confirmations/letters", status_code=202, dependencies=_BY_LINK)
@needs(OPEN)
@own_limit
async def want_confirmation(resources: CurrentResources, given: Address) -> None:
    """Have the letter that confirms an address sent again, if an account waits for it; the answer is always the same."""
    await service.want_letter(resources, "verify_email", given.email)


@router.post("/guardian-consents", dependencies=_BY_LINK, responses=refuses(Gone))
@needs(OPEN)
@own_limit
async def consent(resources: CurrentResources, given: Token) -> Consented:
    """Agree to a minor's account by the link in the letter to their guardian."""
    return await service.consent(resources, given.token)


@router.post("/password-resets", status_code=202, dependencies=_BY_LINK)
@needs(OPEN)
@own_limit
async def want_password_reset(resources: CurrentResources, given: Address) -> None:
    """Have a letter sent with a link that sets a new password, if there is such an account; the answer is always the same."""
    await service.want_letter(resources, "reset_password", given.email)


@router.post("/password-resets/confirm", status_code=204, dependencies=_BY_LINK, responses=refuses(Gone))
@needs(OPEN)
@own_limit
async def reset_password(resources: CurrentResources, given: PasswordReset) -> None:
    """Set a new password by a link; everybody who was signed in as you is signed out."""
    await service.reset_password(resources, given.token, given.password)


@router.post("/admin/users/{user_id}/reset-link", status_code=201, dependencies=[KEEPS_THAT_IT_WAS_DONE])
@needs(ADMINISTRATOR, fresh=True)
async def make_reset_link(tx: Tx, resources: CurrentResources, user_id: UUID) -> LinkMade:
    """Make a link that sets somebody's password, to hand over to them; it is shown this once."""
    return await service.link_for_person(tx, resources, "reset_password", user_id)


@router.post("/admin/users/{user_id}/consent-link", status_code=201, dependencies=[KEEPS_THAT_IT_WAS_DONE])
@needs(ADMINISTRATOR, fresh=True)
async def make_consent_link(tx: Tx, resources: CurrentResources, user_id: UUID) -> LinkMade:
    """Make a link by which a guardian agrees to somebody's account, to hand over where no letter can be sent."""
    return await service.link_for_person(tx, resources, "guardian_consent", user_id)


@router.get("/me")
@needs(KNOWN, ENROLLING)
async def read_me(tx: PrimaryTx, who: Who) -> Me:
    """Say who you are, where you act and what you may do there."""
    return await queries.read_me(tx, who)


@router.patch("/me")
@needs(SIGNED_IN)
async def change_profile(tx: Tx, who: Who, wanted: Profile) -> Me:
    """Change your name, your language, or what you use the hub for."""
    await service.change_profile(tx, who, wanted)
    return await queries.read_me(tx, who)


@router.post("/me/password", status_code=204)
@needs(SIGNED_IN, ENROLLING, fresh=True)
async def change_password(resources: CurrentResources, who: Who, facts: Facts, wanted: NewPassword) -> None:
    """Change your password; your other sessions end."""
    await service.change_password(resources, who, wanted, network=facts.network)


@router.post("/me/email", status_code=202, dependencies=[KEEPS_ANSWER])
@needs(SIGNED_IN, fresh=True)
async def change_email(resources: CurrentResources, who: Who, facts: Facts, wanted: NewEmail) -> None:
    """Have a link sent to an address that is to become yours; until it is opened, the one you have stays. The answer is always the same."""
    await addresses.ask_for_email(resources, who, wanted, network=facts.network)


@router.post("/organisations/{org}/invitations", status_code=201, dependencies=[KEEPS_THAT_IT_WAS_DONE])
@needs(Power.MEMBERS_MANAGE)
async def invite(tx: Tx, who: Who, resources: CurrentResources, org: str, wanted: NewInvitation) -> InvitationMade:
    """Invite: the link is shown this once, to be copied; with an address it is also sent there, where mail is on."""
    return await invitations.invite(tx, who, resources, org, wanted)


@router.get("/organisations/{org}/invitations")
@needs(Power.MEMBERS_MANAGE)
async def list_invitations(
    tx: PrimaryTx, who: Who, org: str, limit: Limit = 50, cursor: Cursor = None
) -> InvitationPage:
    """List the organisation's invitations, newest first."""
    items = await invitations.list_invitations(tx, who, org, limit=limit, before=decode_cursor(cursor))
    return InvitationPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.delete("/organisations/{org}/invitations/{invitation_id}", status_code=204)
@needs(Power.MEMBERS_MANAGE)
async def take_back_invitation(tx: Tx, who: Who, org: str, invitation_id: UUID) -> None:
    """Take an invitation back; its link does nothing any more."""
    await invitations.take_back(tx, who, org, invitation_id)


@router.get("/invitations/{token}", responses={410: {"description": "The invitation is used up, over or taken back"}})
@needs(OPEN)
@own_limit
async def look_at_invitation(tx: PrimaryTx, resources: CurrentResources, token: str) -> InvitationSeen:
    """See what an invitation is to, before signing in or registering with it."""
    return await invitations.look_at(tx, resources, token)


@router.post("/invitations/{token}/accept", status_code=201, dependencies=[KEEPS_ANSWER], responses=refuses(Gone))
@needs(SIGNED_IN)
async def accept_invitation(tx: Tx, who: Who, resources: CurrentResources, token: str) -> Joined:
    """Become a member by an invitation."""
    return await invitations.accept(tx, who, resources, token)
