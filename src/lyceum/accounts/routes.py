"""Accounts over HTTP: set-up and API keys."""

from fastapi import Depends, Request, Response

from lyceum.accounts import service
from lyceum.accounts.edge import CurrentResources, Facts, Tokens, api_router, limit_sign_ins
from lyceum.accounts.grants.routes import router as grants_routes
from lyceum.accounts.groups.routes import router as groups_routes
from lyceum.accounts.keys.routes import router as keys_routes
from lyceum.accounts.needs import KNOWN, OPEN, needs
from lyceum.accounts.organisations.routes import router as organisations_routes
from lyceum.accounts.policy import GRANTED_POWERS, POWERS, Role, in_order
from lyceum.accounts.schemas import (
    AdministratorReady,
    FirstAdministrator,
    RoleList,
    RolePowers,
)
from lyceum.accounts.sessions.public import answer_signed_in
from lyceum.kernel.http.documented import refuses
from lyceum.kernel.http.origins import is_own_origin
from lyceum.kernel.problems import Gone

router = api_router(tags=["accounts"])


@router.post("/setup", status_code=201, dependencies=[Depends(limit_sign_ins)], responses=refuses(Gone))
@needs(OPEN)
async def set_up(
    request: Request,
    response: Response,
    resources: CurrentResources,
    tokens: Tokens,
    facts: Facts,
    wanted: FirstAdministrator,
) -> AdministratorReady:
    """Use the one-time set-up link; a page of the hub's own is signed in as well."""
    by_page = is_own_origin(request.headers, resources.settings)
    made = await service.set_up(resources, wanted, facts=facts if by_page else None)
    if made.begun is not None:
        await answer_signed_in(request, response, resources, tokens, made.begun, in_cookies=True)
    return AdministratorReady(organisation=made.organisation, key=made.key)


@router.get("/roles")
@needs(KNOWN)
async def list_roles() -> RoleList:
    """List the roles of an organisation and what each may do."""
    granted = {role: GRANTED_POWERS.get(role, frozenset()) for role in Role}
    return RoleList(
        items=[RolePowers(role=role, powers=in_order(POWERS[role]), on_object=in_order(granted[role])) for role in Role]
    )


for _routes in (keys_routes, organisations_routes, groups_routes, grants_routes):
    router.routes.extend(_routes.routes)
