"""Second factors over HTTP: setting them up, signing in with them, and showing one again before what weighs most."""

from uuid import UUID

from fastapi import Depends, Request, Response

from lyceum.accounts.edge import (
    ADMINISTRATOR,
    ENROLLING,
    KEEPS_THAT_IT_WAS_DONE,
    OPEN,
    SIGNED_IN,
    CurrentResources,
    Facts,
    PrimaryTx,
    Tokens,
    Tx,
    Who,
    api_router,
    limit_challenges,
    needs,
    own_limit,
)
from lyceum.accounts.enrolling import is_wanted_of
from lyceum.accounts.factors import ceremonies, queries, service, signing_in, stepping_up
from lyceum.accounts.factors.schemas import (
    AuthenticatorAppMade,
    Factor,
    FactorReady,
    Factors,
    GivenCode,
    GivenTicket,
    NewFactor,
    NewPasskey,
    PasskeyOptions,
    PasskeySignIn,
    RecoveryCodes,
    SecondFactor,
    SteppedUp,
    StepUp,
)
from lyceum.accounts.policy import Actor, SignInNeeded, require_person
from lyceum.accounts.queries import has_password
from lyceum.accounts.sessions.public import answer_signed_in
from lyceum.accounts.sessions.schemas import SignedIn
from lyceum.kernel.http.origins import refuse_foreign_origin
from lyceum.kernel.tx import aside

ISSUER = "Lyceum"

router = api_router(tags=["second factors"])


@router.post("/sessions/second-factor", status_code=201)
@needs(OPEN)
@own_limit
async def sign_in_second(
    request: Request, response: Response, resources: CurrentResources, tokens: Tokens, facts: Facts, given: SecondFactor
) -> SignedIn:
    """Sign in with the ticket of the first step and a second factor: a code of an app, a passkey, or a recovery code."""
    refuse_foreign_origin(request.headers, resources.settings)
    begun = await signing_in.sign_in_second(resources, given, facts=facts)
    return await answer_signed_in(request, response, resources, tokens, begun, in_cookies=given.cookies)


@router.post("/sessions/second-factor/passkey-options", dependencies=[Depends(limit_challenges)])
@needs(OPEN)
@own_limit
async def ask_second_passkey(resources: CurrentResources, given: GivenTicket) -> PasskeyOptions:
    """Say what a passkey is to sign as a second factor."""
    return await signing_in.ask_second_passkey(resources, given.ticket)


@router.post("/sessions/passkey-options", dependencies=[Depends(limit_challenges)])
@needs(OPEN)
@own_limit
async def ask_passkey(resources: CurrentResources) -> PasskeyOptions:
    """Say what a passkey is to sign to sign its owner in."""
    return await signing_in.ask_passkey(resources)


@router.post("/sessions/passkey", status_code=201, dependencies=[Depends(limit_challenges)])
@needs(OPEN)
@own_limit
async def sign_in_by_passkey(
    request: Request,
    response: Response,
    resources: CurrentResources,
    tokens: Tokens,
    facts: Facts,
    given: PasskeySignIn,
) -> SignedIn:
    """Sign in with a passkey alone, which asks its owner for a PIN or a finger."""
    refuse_foreign_origin(request.headers, resources.settings)
    begun = await signing_in.sign_in_by_passkey(resources, given.passkey, facts=facts)
    return await answer_signed_in(request, response, resources, tokens, begun, in_cookies=given.cookies)


@router.post("/me/step-up")
@needs(SIGNED_IN, ENROLLING)
async def step_up(resources: CurrentResources, who: Who, facts: Facts, given: StepUp) -> SteppedUp:
    """Show again that it is you: with a second factor where you have one, else with your password."""
    return await stepping_up.step_up(resources, who, given, facts=facts)


@router.post("/me/step-up/passkey-options")
@needs(SIGNED_IN, ENROLLING)
async def ask_step_up_passkey(resources: CurrentResources, who: Who) -> PasskeyOptions:
    """Say what a passkey of yours is to sign for a step-up."""
    return await stepping_up.ask_passkey(resources, who)


@router.get("/me/factors")
@needs(SIGNED_IN, ENROLLING)
async def read_factors(resources: CurrentResources, tx: PrimaryTx, who: Who) -> Factors:
    """List your second factors."""
    user_id = require_person(who)
    return Factors(
        factors=await queries.list_factors(tx, user_id),
        recovery_codes_left=await queries.recovery_codes_left(tx, user_id),
        required=is_wanted_of(who, resources.settings),
        has_password=await has_password(tx, user_id),
        passkeys_possible=ceremonies.are_passkeys_possible(resources.settings),
    )


@router.post("/me/authenticator-apps", status_code=201, dependencies=[KEEPS_THAT_IT_WAS_DONE])
@needs(SIGNED_IN, ENROLLING, fresh=True)
async def begin_authenticator_app(
    response: Response, resources: CurrentResources, tx: Tx, who: Who, wanted: NewFactor
) -> AuthenticatorAppMade:
    """Begin to set up an app that shows codes; its secret is shown this once, and it counts once it is confirmed."""
    response.headers["cache-control"] = "no-store"
    return await service.begin_app(tx, who, resources.sealer, name=wanted.name, issuer=ISSUER)


@router.post("/me/authenticator-apps/{app_id}/confirm")
@needs(SIGNED_IN, ENROLLING, fresh=True)
async def confirm_authenticator_app(
    response: Response, resources: CurrentResources, tx: Tx, who: Who, app_id: UUID, given: GivenCode
) -> FactorReady:
    """Give a code that the app shows: from now on it is a second factor of yours."""
    response.headers["cache-control"] = "no-store"
    return await service.confirm_app(tx, who, resources.sealer, app_id, code=given.code)


@router.post("/me/passkeys/options")
@needs(SIGNED_IN, ENROLLING, fresh=True)
async def ask_new_passkey(resources: CurrentResources, who: Who) -> PasskeyOptions:
    """Say what an authenticator is to make a passkey of."""
    user_id, session_id = _session_of(who)
    async with aside(resources.database, who.scope, writes=False) as tx:
        present = await queries.list_passkeys(tx, user_id)
        account = await service.account_of(tx, user_id)
    purpose = ceremonies.registering(session_id)
    asked = await ceremonies.ask_for_new(
        resources, purpose, user_id=user_id, account=account, display_name=account, present=present
    )
    return PasskeyOptions(public_key=asked)


@router.post("/me/passkeys", status_code=201, dependencies=[KEEPS_THAT_IT_WAS_DONE])
@needs(SIGNED_IN, ENROLLING, fresh=True)
async def add_passkey(
    response: Response, resources: CurrentResources, tx: Tx, who: Who, wanted: NewPasskey
) -> FactorReady:
    """Keep a passkey that an authenticator has made: from now on it signs you in."""
    _, session_id = _session_of(who)
    response.headers["cache-control"] = "no-store"
    made = await ceremonies.believe_new(resources, ceremonies.registering(session_id), wanted.credential)
    transports = wanted.credential.response.transports
    return await service.add_passkey(tx, who, made, name=wanted.name, transports=transports)


@router.patch("/me/factors/{factor_id}")
@needs(SIGNED_IN)
async def rename_factor(tx: Tx, who: Who, factor_id: UUID, wanted: NewFactor) -> Factor:
    """Give a second factor of yours another name."""
    return await service.rename(tx, who, factor_id, name=wanted.name)


@router.delete("/me/factors/{factor_id}", status_code=204)
@needs(SIGNED_IN, fresh=True)
async def remove_factor(resources: CurrentResources, tx: Tx, who: Who, factor_id: UUID) -> None:
    """Remove a second factor of yours; with the last one its recovery codes go."""
    await service.remove(tx, who, factor_id, settings=resources.settings)


@router.post("/me/recovery-codes", status_code=201, dependencies=[KEEPS_THAT_IT_WAS_DONE])
@needs(SIGNED_IN, fresh=True)
async def renew_recovery_codes(response: Response, tx: Tx, who: Who) -> RecoveryCodes:
    """Make fresh recovery codes, shown this once; those before count no more."""
    response.headers["cache-control"] = "no-store"
    return await service.renew_recovery_codes(tx, who)


@router.delete("/admin/users/{user_id}/factors", status_code=204)
@needs(ADMINISTRATOR, fresh=True)
async def remove_factors_of(tx: PrimaryTx, user_id: UUID) -> None:
    """Remove every second factor of somebody who has lost theirs; they are told by letter."""
    await service.reset(tx, user_id)


def _session_of(who: Actor) -> tuple[UUID, UUID]:
    if who.session_id is None:
        raise SignInNeeded("Sign in as yourself first.")
    return require_person(who), who.session_id
