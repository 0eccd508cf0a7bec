"""Accounts over HTTP: set-up, who am I, API keys."""

from fastapi import Depends

from lyceum.accounts import service
from lyceum.accounts.edge import CurrentResources, Who, api_router, limit_sign_ins
from lyceum.accounts.grants.routes import router as grants_routes
from lyceum.accounts.groups.routes import router as groups_routes
from lyceum.accounts.keys.routes import router as keys_routes
from lyceum.accounts.needs import KNOWN, OPEN, needs
from lyceum.accounts.organisations.routes import router as organisations_routes
from lyceum.accounts.policy import SignInNeeded
from lyceum.accounts.schemas import (
    AdministratorReady,
    FirstAdministrator,
    Me,
)

router = api_router(tags=["accounts"])


@router.post("/setup", status_code=201, dependencies=[Depends(limit_sign_ins)])
@needs(OPEN)
async def set_up(resources: CurrentResources, wanted: FirstAdministrator) -> AdministratorReady:
    """Use the one-time set-up link."""
    organisation, key = await service.set_up(resources.database, wanted)
    return AdministratorReady(organisation=organisation, key=key)


@router.get("/me")
@needs(KNOWN)
async def read_me(who: Who) -> Me:
    """Say who the key belongs to and what it may do."""
    if who.org_id is None or who.user_id is None:
        raise SignInNeeded("Send an API key as `Authorization: Bearer lyk_…`.")
    return Me(user_id=who.user_id, organisation_id=who.org_id, organisation=who.org_name, powers=sorted(who.powers))


for _routes in (keys_routes, organisations_routes, groups_routes, grants_routes):
    router.routes.extend(_routes.routes)
