"""Sessions over HTTP: sign in, go on, see where one is signed in, sign out; and the public keys of access tokens."""

from uuid import UUID

from fastapi import Request, Response

from lyceum.accounts.edge import (
    ENROLLING,
    OPEN,
    SIGNED_IN,
    CurrentResources,
    Facts,
    PrimaryTx,
    Tokens,
    Tx,
    Who,
    api_router,
    needs,
    not_recorded,
    own_limit,
)
from lyceum.accounts.errors import SessionRevoked
from lyceum.accounts.policy import require_person
from lyceum.accounts.sessions import queries, service
from lyceum.accounts.sessions.answers import answer_first_factor, answer_signed_in
from lyceum.accounts.sessions.cookies import clear_cookies, cookie_names, csrf_refusal
from lyceum.accounts.sessions.schemas import (
    PublishedKeys,
    Refresh,
    SecondFactorAsked,
    SessionPage,
    SignedIn,
    SignIn,
)
from lyceum.kernel.http.origins import refuse_foreign_origin
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor
from lyceum.kernel.resources import Resources

KEYS_MAX_AGE_SECONDS = 300

router = api_router(tags=["sessions"])
well_known = api_router("/.well-known", tags=["sessions"])


@router.post("/sessions", status_code=201)
@needs(OPEN)
@own_limit
async def sign_in(
    request: Request, response: Response, resources: CurrentResources, tokens: Tokens, facts: Facts, given: SignIn
) -> SignedIn | SecondFactorAsked:
    """Sign in with e-mail and password; where the person has a second factor, 200 and a ticket to go on with."""
    refuse_foreign_origin(request.headers, resources.settings)
    shown = await service.sign_in(resources, email=given.email, password=given.password, facts=facts)
    return await answer_first_factor(request, response, resources, tokens, shown, in_cookies=given.cookies)


@router.post("/sessions/refresh")
@needs(OPEN)
@own_limit
@not_recorded
async def refresh_session(
    request: Request,
    response: Response,
    resources: CurrentResources,
    tokens: Tokens,
    facts: Facts,
    given: Refresh | None = None,
) -> SignedIn:
    """Go on with a new pair of tokens in the place of a refresh token, from the cookie or the body; each works once."""
    sent = given.refresh_token if given is not None else None
    begun = await service.refresh(resources, sent or _from_cookie(request, resources), facts=facts)
    return await answer_signed_in(request, response, resources, tokens, begun, in_cookies=sent is None)


@router.get("/sessions")
@needs(SIGNED_IN, ENROLLING)
async def list_sessions(tx: PrimaryTx, who: Who, limit: Limit = 50, cursor: Cursor = None) -> SessionPage:
    """List where you are signed in, newest first."""
    user_id, before = require_person(who), decode_cursor(cursor)
    sessions = await queries.list_sessions(tx, user_id, current=who.session_id, limit=limit, before=before)
    return SessionPage(items=sessions, next=next_cursor([session.id for session in sessions], limit))


@router.delete("/sessions/current", status_code=204)
@needs(OPEN)
async def sign_out(request: Request, resources: CurrentResources, tx: Tx, who: Who) -> Response:
    """Sign out; a browser forgets its cookies, also those of a session that has ended."""
    names = cookie_names(request, resources.settings)
    if who.user_id is not None and who.session_id is not None:
        await service.revoke_session(tx, who.user_id, who.session_id)
    elif names.refresh in request.cookies:
        await service.sign_out(resources, _from_cookie(request, resources))
    response = Response(status_code=204)
    clear_cookies(response, names, root_path=resources.settings.root_path)
    return response


@router.delete("/sessions/{session_id}", status_code=204)
@needs(SIGNED_IN, ENROLLING)
async def revoke_session(tx: Tx, who: Who, session_id: UUID) -> None:
    """Sign out one of your devices; within a second its session opens nothing."""
    await service.revoke_session(tx, require_person(who), session_id)


@router.delete("/sessions", status_code=204)
@needs(SIGNED_IN, ENROLLING)
async def sign_out_everywhere(request: Request, resources: CurrentResources, tx: Tx, who: Who) -> Response:
    """Sign out everywhere, here too."""
    await service.revoke_sessions(tx, require_person(who))
    response = Response(status_code=204)
    clear_cookies(response, cookie_names(request, resources.settings), root_path=resources.settings.root_path)
    return response


@well_known.get("/jwks.json")
@needs(OPEN)
async def published_keys(response: Response, tokens: Tokens) -> PublishedKeys:
    """Give the public keys of the hub's access tokens, also of those that signed a moment ago or will sign soon."""
    response.headers["cache-control"] = f"public, max-age={KEYS_MAX_AGE_SECONDS}"
    return PublishedKeys(keys=await tokens.keys.published())


def _from_cookie(request: Request, resources: Resources) -> str:
    """Return the refresh token of the cookie; raises `SessionRevoked` where there is none, and `CsrfRefused`."""
    token = request.cookies.get(cookie_names(request, resources.settings).refresh, "")
    session_id = service.session_of_refresh_token(token)
    if session_id is None:
        raise SessionRevoked("There is no session to go on with; sign in.")
    refusal = csrf_refusal(request, request.method, resources.signer, resources.settings, session_id=session_id)
    if refusal is not None:
        raise refusal
    return token
