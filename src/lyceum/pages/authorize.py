"""The plain page on which somebody lets a program know who they are: no script, and sent by nobody but themselves."""

from urllib.parse import parse_qs, quote, urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from lyceum.accounts.edge import OPEN, CurrentResources, api_router, needs
from lyceum.accounts.provider.public import (
    Asked,
    AuthorizationDenied,
    AuthorizationRefused,
    decide,
    denied_url,
    parameters_in,
    read_request,
    step_of,
)
from lyceum.accounts.public import Actor, who_asks
from lyceum.accounts.sessions.public import cookie_names
from lyceum.kernel.problems import Problem
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import digest_of
from lyceum.kernel.tx import aside
from lyceum.pages.rendering import SECURITY_HEADERS, page
from lyceum.pages.web_app import WebApp

FORM_BYTES_MAX = 20_000
TICKET_SECONDS = 600
SCOPES_IN_WORDS = {
    "openid": "that you have an account here",
    "profile": "your name",
    "email": "your e-mail address",
    "groups": "your organisations and what you are in them",
    "offline_access": "the same again, for as long as you are signed in here",
}

router = api_router("", include_in_schema=False)


@router.get("/authorize")
@needs(OPEN)
async def authorize_page(request: Request, resources: CurrentResources) -> Response:
    """Ask whoever is signed in whether a program may know them, or go on where they were asked before."""
    query = request.url.query
    try:
        asked = await read_request(resources, parameters_in(query))
    except AuthorizationRefused as refused:
        return page(request, "authorize_refused.html", status_code=refused.status, problem=refused.detail)
    if isinstance(asked, str):
        return _onward(asked)
    who = await _asker(request, resources)
    try:
        async with aside(resources.database, who.scope) as tx:
            step = await step_of(tx, who, asked)
            if step == "ready":
                return _onward(await decide(tx, resources, who, asked, allow=True))
    except AuthorizationDenied as denied:
        return _onward(denied_url(resources, asked.redirect_uri, asked.state, denied))
    return _asking(request, resources, asked, who, step=step)


def _asking(request: Request, resources: Resources, asked: Asked, who: Actor, *, step: str) -> Response:
    query = request.url.query
    # the web app asks in the reader's language, and renews a session whose token has run out before it asks for a password
    web: WebApp | None = request.app.state.web_app
    if web is not None and (step != "sign_in" or _may_be_renewed(request, resources)):
        return web.answer_page()
    root = request.scope.get("root_path", "")
    if step == "sign_in":
        return _onward(f"{root}/sign-in?return_to={quote(f'/authorize?{query}', safe='')}")
    shown = [SCOPES_IN_WORDS[scope] for scope in asked.scopes]
    return page(
        request,
        "authorize.html",
        headers=_headers_of(asked),
        program=asked.client.title,
        host=urlsplit(asked.redirect_uri).hostname,
        shown=shown,
        query=query,
        ticket=resources.signer.sign(_statement(who, query), lifetime_seconds=TICKET_SECONDS),
    )


@router.post("/authorize")
@needs(OPEN)
async def take_authorize_form(request: Request, resources: CurrentResources) -> Response:
    """Take the person's answer; the form's ticket shows that it is theirs, and of the page they saw."""
    body = await request.body()
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True) if len(body) <= FORM_BYTES_MAX else {}
    query, ticket, answer = (fields.get(name, [""])[0] for name in ("query", "ticket", "answer"))
    who = await _asker(request, resources)
    try:
        if who.session_id is None or not resources.signer.vouches(ticket, _statement(who, query)):
            raise AuthorizationRefused("This page was open for too long, or you have signed out; begin again.")
        asked = await read_request(resources, parameters_in(query))
        if isinstance(asked, str):
            return _onward(asked)
        async with aside(resources.database, who.scope) as tx:
            return _onward(await decide(tx, resources, who, asked, allow=answer == "allow"))
    except Problem as refused:
        return page(request, "authorize_refused.html", status_code=refused.status, problem=refused.detail)


def _may_be_renewed(request: Request, resources: Resources) -> bool:
    # the renewing cookie itself goes to its own path alone
    return cookie_names(request, resources.settings).csrf in request.cookies


async def _asker(request: Request, resources: Resources) -> Actor:
    """Return who is signed in in the browser; a form cannot send what refuses other sites' pages, and has its ticket."""
    asking = await who_asks(request, request.app.state.known_actors, resources, method="GET")
    return asking.who


def _statement(who: Actor, query: str) -> str:
    return f"authorize {who.session_id} {digest_of(query).hex()}"


def _headers_of(asked: Asked) -> dict[str, str]:
    """Return the page's headers: browsers hold the form's answer to its policy too, so that names where it leads."""
    place = urlsplit(asked.redirect_uri)
    policy = SECURITY_HEADERS["content-security-policy"]
    allowed = f"form-action 'self' {place.scheme}://{place.netloc}"
    return {**SECURITY_HEADERS, "content-security-policy": policy.replace("form-action 'self'", allowed)}


def _onward(url: str) -> Response:
    headers = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
    return RedirectResponse(url, status_code=303, headers=headers)
