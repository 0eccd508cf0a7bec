"""What somebody who has signed in is answered, and what their browser is to keep; whatever signs in answers with this."""

from datetime import UTC, datetime

from fastapi import Request, Response

from lyceum.accounts.sessions.access_tokens import ACCESS_SECONDS, AccessTokens
from lyceum.accounts.sessions.cookies import cookie_names, csrf_token_of, set_cookies
from lyceum.accounts.sessions.queries import as_session, session_for
from lyceum.accounts.sessions.schemas import SecondFactorAsked, SignedIn
from lyceum.accounts.sessions.service import BegunSession, SecondFactorWanted, session_of_refresh_token, sign_out
from lyceum.kernel.db import Scope
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside


async def answer_signed_in(
    request: Request,
    response: Response,
    resources: Resources,
    tokens: AccessTokens,
    begun: BegunSession,
    *,
    in_cookies: bool,
) -> SignedIn:
    """Return what is told of a session that has begun or goes on and is committed.

    The tokens go into cookies, where no script can read them, or else into the answer.
    """
    if begun.row is not None:
        session = as_session(begun.row, current=begun.session_id)
    else:
        async with aside(resources.database, Scope(user_id=begun.user_id), writes=False) as tx:
            session = await session_for(tx, begun.user_id, begun.session_id)
    access_token = await tokens.issue(session_id=begun.session_id, user_id=begun.user_id)
    response.headers["cache-control"] = "no-store"
    if in_cookies:
        names = cookie_names(request, resources.settings)
        before = request.cookies.get(names.refresh, "")
        if session_of_refresh_token(before) != begun.session_id:
            # nobody has the tokens of the session that was there any more, and it would be listed for days
            await sign_out(resources, before)
        set_cookies(
            response,
            names,
            access_token=access_token,
            refresh_token=begun.refresh_token,
            csrf_token=csrf_token_of(resources.signer, begun.session_id),
            refresh_seconds=max(0, int((begun.expires_at - datetime.now(UTC)).total_seconds())),
            root_path=resources.settings.root_path,
        )
    return SignedIn(
        state="signed_in",
        session=session,
        access_token=None if in_cookies else access_token,
        expires_in=ACCESS_SECONDS,
        refresh_token=None if in_cookies else begun.refresh_token,
    )


async def answer_first_factor(
    request: Request,
    response: Response,
    resources: Resources,
    tokens: AccessTokens,
    shown: BegunSession | SecondFactorWanted,
    *,
    in_cookies: bool,
) -> SignedIn | SecondFactorAsked:
    """Return what is told of a right first factor: that the session has begun, or that a second one is wanted (200)."""
    if isinstance(shown, SecondFactorWanted):
        response.status_code = 200
        return SecondFactorAsked(state="second_factor", ticket=shown.ticket, methods=list(shown.methods))
    return await answer_signed_in(request, response, resources, tokens, shown, in_cookies=in_cookies)
