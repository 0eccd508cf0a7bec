"""Signing on over HTTP: to a provider and back, connections of one's own, and what administrators set up."""

import logging
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode
from uuid import UUID

from fastapi import Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from lyceum.accounts.edge import (
    ADMINISTRATOR,
    KEEPS_ANSWER,
    OPEN,
    SIGNED_IN,
    CurrentResources,
    Facts,
    Tokens,
    Tx,
    Who,
    api_router,
    needs,
    own_limit,
)
from lyceum.accounts.policy import require_person
from lyceum.accounts.sessions.public import SecondFactorWanted, answer_signed_in, cookie_names
from lyceum.accounts.signon import arrival, attempts, queries, service
from lyceum.accounts.signon.discovery import IdentityProviders
from lyceum.accounts.signon.errors import LogoutTokenRefused, SignOnStale
from lyceum.accounts.signon.leaving import sign_out_by_provider
from lyceum.accounts.signon.schemas import (
    Connect,
    ConnectAt,
    Connections,
    NewProvider,
    NewRule,
    ProviderChange,
    ProviderTried,
    SignOnProvider,
    SignOnProviders,
    SignOnRule,
    SignOnRules,
)
from lyceum.kernel.http.documented import oauth_refusal
from lyceum.kernel.http.revisions import CHANGES_REVISION, IfMatch, etag_of, shows_revision
from lyceum.kernel.problems import Problem
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside

FORM_BYTES_MAX = 100_000
SIGN_IN_PAGE = "/sign-in"
COOKIE_PATH = "/api/v1/sign-on"
_REDIRECTS: dict[int | str, dict[str, Any]] = {303: {"description": "On to the provider, or back to a page of the hub"}}
_FORM_WITH_TOKEN = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["logout_token"],
                    "properties": {"logout_token": {"type": "string"}},
                }
            }
        },
    }
}
Text = Annotated[str | None, Query(max_length=5_000)]

router = api_router(tags=["sign-on"])
log = logging.getLogger(__name__)


def providers_of(request: Request) -> IdentityProviders:
    """Return the identity providers as this process knows them."""
    providers: IdentityProviders = request.app.state.identity_providers
    return providers


@router.get("/sign-on/{provider}", status_code=303, response_class=RedirectResponse, responses=_REDIRECTS)
@needs(OPEN)
@own_limit
async def begin_sign_on(
    request: Request,
    resources: CurrentResources,
    provider: str,
    return_to: Annotated[str, Query(max_length=attempts.RETURN_CHARACTERS_MAX)] = "/",
) -> Response:
    """Go to the provider's sign-in page; `return_to` is the hub's page to come back to."""
    chosen = await queries.provider_by_name(resources, provider)
    attempt = attempts.new_attempt(chosen.id, return_to=return_to)
    try:
        url = await arrival.authorization_url(providers_of(request), resources, chosen, attempt)
    except Problem as problem:
        return _back_with(problem, provider, resources, return_to=attempt.return_to)
    return _keeping(_onward(url), request, resources, attempt)


@router.get("/sign-on/{provider}/callback", status_code=303, response_class=RedirectResponse, responses=_REDIRECTS)
@needs(OPEN)
@own_limit
async def finish_sign_on(
    request: Request,
    resources: CurrentResources,
    tokens: Tokens,
    facts: Facts,
    who: Who,
    provider: str,
    state: Text = None,
    code: Text = None,
    iss: Text = None,
    error: Text = None,
) -> Response:
    """Come back from the provider, signed in; what went wrong stands as a code in the address of the sign-in page."""
    secure = cookie_names(request, resources.settings).secure
    cookie = attempts.cookie_name(state or "", secure=secure)
    return_to = "/"
    try:
        chosen = await queries.provider_by_name(resources, provider)
        attempt = attempts.opened(resources.sealer, state or "", request.cookies.get(cookie), provider_id=chosen.id)
        return_to = attempt.return_to
        if attempt.connects is not None and (attempt.connects != who.user_id or who.session_id is None):
            raise SignOnStale("You are no longer signed in as who began this; sign in and begin again.")
        came = arrival.Came(state=attempt.state, code=code, issuer=iss, error=error)
        begun = await arrival.complete(providers_of(request), resources, chosen, attempt, came, facts=facts)
        root = resources.settings.root_path
        if isinstance(begun, SecondFactorWanted):
            # behind the #, where no server and no log sees it
            asked = {"ticket": begun.ticket, "methods": ",".join(begun.methods), "return_to": attempt.return_to}
            response = _onward(f"{root}{SIGN_IN_PAGE}#{urlencode(asked)}")
        else:
            response = _onward(f"{root}{attempt.return_to}")
            if begun is not None:
                await answer_signed_in(request, response, resources, tokens, begun, in_cookies=True)
    except Problem as problem:
        response = _back_with(problem, provider, resources, return_to=return_to)
    response.delete_cookie(
        cookie, path=f"{resources.settings.root_path}{COOKIE_PATH}", secure=secure, httponly=True, samesite="lax"
    )
    return response


@router.post("/sign-on/{provider}/connection")
@needs(SIGNED_IN)
async def begin_connection(
    request: Request, response: Response, resources: CurrentResources, who: Who, provider: str, wanted: Connect
) -> ConnectAt:
    """Begin to connect your account to a provider: the browser goes to `url` and comes back connected."""
    chosen = await queries.provider_by_name(resources, provider)
    attempt = attempts.new_attempt(chosen.id, return_to=wanted.return_to, connects=require_person(who))
    url = await arrival.authorization_url(providers_of(request), resources, chosen, attempt)
    _keeping(response, request, resources, attempt)
    return ConnectAt(url=url)


@router.post(
    "/sign-on/{provider}/back-channel-logout",
    status_code=200,
    response_class=JSONResponse,
    openapi_extra=_FORM_WITH_TOKEN,
    responses={400: oauth_refusal("The logout token is refused")},
)
@needs(OPEN)
@own_limit
async def sign_out_by_back_channel(request: Request, resources: CurrentResources, provider: str) -> Response:
    """Take a provider's word that somebody has signed out there (OpenID Connect Back-Channel Logout 1.0)."""
    headers = {"cache-control": "no-store"}
    try:
        chosen = await queries.provider_by_name(resources, provider)
        token = await _logout_token(request)
        await sign_out_by_provider(providers_of(request), resources, chosen, token=token)
    except LogoutTokenRefused as refused:
        told = {"error": "invalid_request", "error_description": refused.detail}
        return JSONResponse(told, status_code=400, headers=headers)
    return JSONResponse({}, headers=headers)


@router.get("/me/sign-ons")
@needs(SIGNED_IN)
async def list_connections(tx: Tx, who: Who) -> Connections:
    """List the providers by which you can sign in."""
    return Connections(items=await queries.list_connections(tx, who))


@router.delete("/me/sign-ons/{connection_id}", status_code=204)
@needs(SIGNED_IN)
async def disconnect(tx: Tx, who: Who, connection_id: UUID) -> None:
    """Part with a connection; what your groups there gave is taken back."""
    await service.disconnect(tx, who, connection_id)


@router.get("/admin/sign-on-providers")
@needs(ADMINISTRATOR)
async def list_sign_on_providers(tx: Tx, resources: CurrentResources, who: Who) -> SignOnProviders:
    """List the identity providers that people sign on through."""
    return SignOnProviders(items=await queries.list_providers(tx, who, settings=resources.settings))


@router.post("/admin/sign-on-providers", status_code=201, dependencies=[KEEPS_ANSWER], responses=shows_revision(201))
@needs(ADMINISTRATOR, fresh=True)
async def create_sign_on_provider(
    tx: Tx, resources: CurrentResources, response: Response, who: Who, wanted: NewProvider
) -> SignOnProvider:
    """Let people sign on through an identity provider; its secret is sealed and never shown again."""
    made = await service.create_provider(tx, resources, who, wanted)
    response.headers["etag"] = etag_of(made.revision)
    return made


@router.get("/admin/sign-on-providers/{provider_id}", responses=shows_revision(200))
@needs(ADMINISTRATOR)
async def read_sign_on_provider(
    tx: Tx, resources: CurrentResources, response: Response, who: Who, provider_id: UUID
) -> SignOnProvider:
    """Show an identity provider."""
    shown = queries.as_shown(await queries.provider_for(tx, who, provider_id), resources.settings)
    response.headers["etag"] = etag_of(shown.revision)
    return shown


@router.put("/admin/sign-on-providers/{provider_id}", responses=CHANGES_REVISION)
@needs(ADMINISTRATOR, fresh=True)
async def change_sign_on_provider(
    tx: Tx,
    resources: CurrentResources,
    response: Response,
    who: Who,
    provider_id: UUID,
    wanted: ProviderChange,
    if_match: IfMatch = None,
) -> SignOnProvider:
    """Change an identity provider; without a secret it keeps the one it has."""
    changed = await service.change_provider(tx, resources, who, provider_id, wanted, if_match=if_match)
    response.headers["etag"] = etag_of(changed.revision)
    return changed


@router.delete("/admin/sign-on-providers/{provider_id}", status_code=204)
@needs(ADMINISTRATOR, fresh=True)
async def remove_sign_on_provider(tx: Tx, who: Who, provider_id: UUID) -> None:
    """Remove an identity provider; what its groups gave is taken back, and accounts stay."""
    await service.remove_provider(tx, who, provider_id)


@router.post("/admin/sign-on-providers/{provider_id}/test")
@needs(ADMINISTRATOR)
async def test_sign_on_provider(
    request: Request, resources: CurrentResources, who: Who, provider_id: UUID
) -> ProviderTried:
    """Ask the provider about itself now, and say what it answers."""
    # while the provider is asked, no transaction waits
    async with aside(resources.database, who.scope, writes=False) as tx:
        discovery_url = (await queries.provider_for(tx, who, provider_id)).discovery_url
    return await service.try_provider(providers_of(request), discovery_url)


@router.get("/admin/sign-on-providers/{provider_id}/rules")
@needs(ADMINISTRATOR)
async def list_sign_on_rules(tx: Tx, who: Who, provider_id: UUID) -> SignOnRules:
    """List what a provider's groups give."""
    return SignOnRules(items=await queries.list_rules(tx, who, provider_id))


@router.post("/admin/sign-on-providers/{provider_id}/rules", status_code=201, dependencies=[KEEPS_ANSWER])
@needs(ADMINISTRATOR, fresh=True)
async def add_sign_on_rule(tx: Tx, who: Who, provider_id: UUID, wanted: NewRule) -> SignOnRule:
    """Have a group of the provider give a role in an organisation, from its people's next sign-in on.

    `into_group_id` puts them into a group of that organisation as well; the rule then goes with the group.
    """
    return await service.add_rule(tx, who, provider_id, wanted)


@router.delete("/admin/sign-on-providers/{provider_id}/rules/{rule_id}", status_code=204)
@needs(ADMINISTRATOR)
async def remove_sign_on_rule(tx: Tx, who: Who, provider_id: UUID, rule_id: UUID) -> None:
    """Remove a rule; what it gave is taken back at its people's next sign-in."""
    await service.remove_rule(tx, who, provider_id, rule_id)


async def _logout_token(request: Request) -> str:
    body = await request.body()
    fields = parse_qs(body.decode("utf-8", "replace")) if len(body) <= FORM_BYTES_MAX else {}
    sent = fields.get("logout_token", [])
    if len(sent) != 1:
        raise LogoutTokenRefused("Send one logout_token as a form.")
    return sent[0]


def _onward(url: str) -> Response:
    return RedirectResponse(
        url, status_code=303, headers={"cache-control": "no-store", "referrer-policy": "no-referrer"}
    )


def _back_with(problem: Problem, provider: str, resources: Resources, *, return_to: str) -> Response:
    log.info("a sign-on was refused", extra={"provider": provider[:64], "code": problem.code, "cause": problem.detail})
    told = {"problem": problem.code, "return_to": return_to}
    return _onward(f"{resources.settings.root_path}{SIGN_IN_PAGE}?{urlencode(told)}")


def _keeping(response: Response, request: Request, resources: Resources, attempt: attempts.Attempt) -> Response:
    secure = cookie_names(request, resources.settings).secure
    response.set_cookie(
        attempts.cookie_name(attempt.state, secure=secure),
        attempts.sealed(resources.sealer, attempt),
        max_age=attempts.ATTEMPT_SECONDS,
        path=f"{resources.settings.root_path}{COOKIE_PATH}",
        secure=secure,
        httponly=True,
        # the provider's page sends the browser back: strict cookies would stay behind
        samesite="lax",
    )
    return response
