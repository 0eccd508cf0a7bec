"""The hub as identity provider over HTTP: discovery, authorization, tokens, userinfo, signing out, and the programs."""

from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from lyceum.accounts.edge import (
    ADMINISTRATOR,
    KEEPS_THAT_IT_WAS_DONE,
    OPEN,
    SIGNED_IN,
    CurrentResources,
    Tokens,
    Tx,
    Who,
    api_router,
    needs,
    own_limit,
)
from lyceum.accounts.provider import authorizing, consents, service, tokens
from lyceum.accounts.provider.errors import AuthorizationDenied, TokenRefused
from lyceum.accounts.provider.schemas import (
    AuthorizationStep,
    Decided,
    Decision,
    KnownPrograms,
    OauthClient,
    OauthClientMade,
    OauthClients,
    OauthClientSettings,
    ProviderMetadata,
)
from lyceum.accounts.sessions.public import clear_cookies, cookie_names, revoke_session
from lyceum.kernel.db import Scope
from lyceum.kernel.http.documented import oauth_refusal
from lyceum.kernel.http.revisions import CHANGES_REVISION, IfMatch, etag_of, shows_revision
from lyceum.kernel.problems import NotFound
from lyceum.kernel.tx import aside

FORM_BYTES_MAX = 100_000
METADATA_SECONDS = 3600
_NOT_STORED = {"cache-control": "no-store", "pragma": "no-cache"}
_TOKEN_DOCUMENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}},
    }
}
_TOKEN_ANSWERS: dict[int | str, dict[str, Any]] = {
    400: oauth_refusal("No token is given (RFC 6749, 5.2)"),
    401: oauth_refusal("The program's id or secret is not right"),
}
_USERINFO_ANSWERS: dict[int | str, dict[str, Any]] = {401: oauth_refusal("The access token is no good")}

router = api_router(tags=["identity provider"])
well_known = api_router("/.well-known", tags=["identity provider"])


@well_known.get("/openid-configuration")
@needs(OPEN)
@own_limit
async def read_provider_metadata(resources: CurrentResources, response: Response) -> ProviderMetadata:
    """Say where and how programs have their people sign in through this hub (OpenID Connect Discovery 1.0)."""
    issuer = resources.settings.base_url
    response.headers["cache-control"] = f"public, max-age={METADATA_SECONDS}"
    return ProviderMetadata(
        issuer=issuer,
        authorization_endpoint=f"{issuer}/authorize",
        token_endpoint=f"{issuer}/api/v1/oauth/token",
        userinfo_endpoint=f"{issuer}/api/v1/oauth/userinfo",
        jwks_uri=f"{issuer}/.well-known/jwks.json",
        end_session_endpoint=f"{issuer}/api/v1/oauth/end-session",
        response_types_supported=["code"],
        response_modes_supported=["query"],
        grant_types_supported=["authorization_code", "refresh_token"],
        subject_types_supported=["public"],
        id_token_signing_alg_values_supported=[tokens.ALGORITHM],
        token_endpoint_auth_methods_supported=["client_secret_basic", "client_secret_post"],
        code_challenge_methods_supported=["S256"],
        scopes_supported=list(authorizing.SCOPES),
        claims_supported=["sub", "name", "preferred_username", "email", "email_verified", "groups", "sid", "auth_time"],
        prompt_values_supported=["none", "login", "consent"],
        authorization_response_iss_parameter_supported=True,
        backchannel_logout_supported=True,
        backchannel_logout_session_supported=True,
        request_parameter_supported=False,
        request_uri_parameter_supported=False,
    )


@router.get("/authorizations")
@needs(OPEN)
async def read_authorization(request: Request, tx: Tx, resources: CurrentResources, who: Who) -> AuthorizationStep:
    """Say what a page has to do with a program's request, whose parameters come as they stood in its address."""
    parameters = authorizing.parameters_in(request.url.query)
    asked = await authorizing.read_request(resources, parameters)
    if isinstance(asked, str):
        return AuthorizationStep(state="redirect", program=None, scopes=[], redirect_to=asked)
    try:
        step = await authorizing.step_of(tx, who, asked)
    except AuthorizationDenied as denied:
        url = authorizing.denied_url(resources, asked.redirect_uri, asked.state, denied)
        return AuthorizationStep(state="redirect", program=None, scopes=[], redirect_to=url)
    return AuthorizationStep(state=step, program=asked.client.title, scopes=list(asked.scopes), redirect_to=None)


@router.post("/authorizations")
@needs(SIGNED_IN)
async def decide_authorization(tx: Tx, resources: CurrentResources, who: Who, given: Decision) -> Decided:
    """Let a program know who you are, or not; the browser goes to `redirect_to` either way."""
    asked = await authorizing.read_request(resources, given.parameters)
    if isinstance(asked, str):
        return Decided(redirect_to=asked)
    return Decided(redirect_to=await authorizing.decide(tx, resources, who, asked, allow=given.allow))


@router.post("/oauth/token", response_class=JSONResponse, openapi_extra=_TOKEN_DOCUMENT, responses=_TOKEN_ANSWERS)
@needs(OPEN)
@own_limit
async def give_tokens(request: Request, resources: CurrentResources, access_tokens: Tokens) -> Response:
    """Give a program tokens for a code or a refresh token (RFC 6749, 4.1.3 and 6)."""
    try:
        form = await _form(request)
        client = await tokens.authenticated(resources, request.headers.get("authorization"), form)
        answer = await tokens.tokens_for(resources, access_tokens, client, form)
    except TokenRefused as refused:
        told = {"error": refused.error, "error_description": refused.description}
        return JSONResponse(told, status_code=refused.status, headers={**_NOT_STORED, **refused.headers})
    return JSONResponse(answer, headers=_NOT_STORED)


@router.get("/oauth/userinfo", response_class=JSONResponse, responses=_USERINFO_ANSWERS)
@needs(OPEN)
@own_limit
async def read_userinfo(request: Request, resources: CurrentResources) -> Response:
    """Tell a program of the person its access token is for (OpenID Connect Core 1.0, 5.3)."""
    return await _userinfo(request, resources)


@router.post("/oauth/userinfo", response_class=JSONResponse, responses=_USERINFO_ANSWERS)
@needs(OPEN)
@own_limit
async def post_userinfo(request: Request, resources: CurrentResources) -> Response:
    """Tell the same to a program that asks by POST."""
    return await _userinfo(request, resources)


@router.get(
    "/oauth/end-session", status_code=303, response_class=RedirectResponse, responses={303: {"description": "Onward"}}
)
@needs(OPEN)
async def end_session(request: Request, resources: CurrentResources, access_tokens: Tokens) -> Response:
    """Sign out whom the ID token in `id_token_hint` is of, and go on to an address of its program.

    OpenID Connect RP-Initiated Logout 1.0; without such a token nobody is signed out, and no other address is gone to.
    """
    asked = authorizing.parameters_in(request.url.query)
    hint = await tokens.session_in_hint(resources, access_tokens, asked.get("id_token_hint", ""))
    root = resources.settings.root_path
    response = RedirectResponse(f"{root}/", status_code=303, headers=_NOT_STORED)
    if hint is None:
        return response
    user_id, session_id, client_id = hint
    client = await authorizing.find_client(resources, client_id)
    wanted = asked.get("post_logout_redirect_uri", "")
    if asked.get("client_id", client_id) != client_id or client is None:
        return response
    try:
        async with aside(resources.database, Scope(user_id=user_id)) as tx:
            await revoke_session(tx, user_id, session_id)
    except NotFound:
        # it ended so long ago that it has been forgotten
        pass
    if wanted in client.sign_out_uris:
        state = {"state": asked["state"]} if "state" in asked else {}
        joint = "&" if "?" in wanted else "?"
        response = RedirectResponse(f"{wanted}{joint if state else ''}{urlencode(state)}", status_code=303)
    clear_cookies(response, cookie_names(request, resources.settings), root_path=root)
    return response


@router.get("/me/programs")
@needs(SIGNED_IN)
async def list_programs(tx: Tx, who: Who) -> KnownPrograms:
    """List the programs that you have let know you."""
    return KnownPrograms(items=await consents.list_programs(tx, who))


@router.delete("/me/programs/{client_id}", status_code=204)
@needs(SIGNED_IN)
async def part_with_program(tx: Tx, who: Who, client_id: UUID) -> None:
    """Have a program know you no longer; it has to ask again."""
    await consents.part_with(tx, who, client_id)


@router.get("/admin/oauth-clients")
@needs(ADMINISTRATOR)
async def list_oauth_clients(tx: Tx, who: Who) -> OauthClients:
    """List the programs whose people sign in through the hub."""
    return OauthClients(items=await service.list_clients(tx, who))


@router.post(
    "/admin/oauth-clients", status_code=201, dependencies=[KEEPS_THAT_IT_WAS_DONE], responses=shows_revision(201)
)
@needs(ADMINISTRATOR, fresh=True)
async def create_oauth_client(tx: Tx, response: Response, who: Who, wanted: OauthClientSettings) -> OauthClientMade:
    """Let a program's people sign in through the hub; its secret is shown this once."""
    made = await service.create_client(tx, who, wanted)
    response.headers["etag"] = etag_of(made.revision)
    return made


@router.get("/admin/oauth-clients/{client_id}", responses=shows_revision(200))
@needs(ADMINISTRATOR)
async def read_oauth_client(tx: Tx, response: Response, who: Who, client_id: UUID) -> OauthClient:
    """Show a program."""
    shown = service.as_client(await service.client_for(tx, who, client_id))
    response.headers["etag"] = etag_of(shown.revision)
    return shown


@router.put("/admin/oauth-clients/{client_id}", responses=CHANGES_REVISION)
@needs(ADMINISTRATOR, fresh=True)
async def change_oauth_client(
    tx: Tx, response: Response, who: Who, client_id: UUID, wanted: OauthClientSettings, if_match: IfMatch = None
) -> OauthClient:
    """Change a program."""
    changed = await service.change_client(tx, who, client_id, wanted, if_match=if_match)
    response.headers["etag"] = etag_of(changed.revision)
    return changed


@router.post("/admin/oauth-clients/{client_id}/secret", status_code=201, dependencies=[KEEPS_THAT_IT_WAS_DONE])
@needs(ADMINISTRATOR, fresh=True)
async def replace_oauth_client_secret(tx: Tx, who: Who, client_id: UUID) -> OauthClientMade:
    """Give a program another secret, shown this once; the one before works no longer."""
    return await service.replace_secret(tx, who, client_id)


@router.delete("/admin/oauth-clients/{client_id}", status_code=204)
@needs(ADMINISTRATOR, fresh=True)
async def remove_oauth_client(tx: Tx, who: Who, client_id: UUID) -> None:
    """Remove a program; its tokens work no longer."""
    await service.remove_client(tx, who, client_id)


async def _userinfo(request: Request, resources: CurrentResources) -> Response:
    told = await tokens.userinfo(resources, request.headers.get("authorization"))
    if told is None:
        refused = {"error": "invalid_token", "error_description": "The access token is good no longer, or never was."}
        headers = {"www-authenticate": 'Bearer error="invalid_token"', **_NOT_STORED}
        return JSONResponse(refused, status_code=401, headers=headers)
    return JSONResponse(told, headers=_NOT_STORED)


async def _form(request: Request) -> dict[str, str]:
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded" or len(body) > FORM_BYTES_MAX:
        raise TokenRefused("invalid_request", "Send a form as application/x-www-form-urlencoded.")
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    if len({name for name, _ in pairs}) != len(pairs):
        raise TokenRefused("invalid_request", "A parameter comes twice.")
    return dict(pairs)
