"""Every list of the API has a limit, and goes on by the cursor of the page before."""

from fastapi.routing import APIRoute
from pydantic import BaseModel

from lyceum.wiring import ROUTERS

WITHOUT_A_CURSOR = {
    "/api/v1/datasets/{org}/{name}/checks": "a dataset has at most so many checks, and they are shown together",
    "/api/v1/jobs/{job_id}/log": "grows while it is read: it goes on after a line's number, also when there is none yet",
    "/api/v1/hub/jobs/{job_id}/log": "as that of one's own job",
    "/api/v1/me/exports": "a person makes few archives, and they are kept for days",
    "/api/v1/me/programs": "a hub has a handful of programs that sign in through it",
    "/api/v1/me/sign-ons": "one for each identity provider of the hub at most",
    "/api/v1/admin/status": "what the program has to say of itself",
    "/api/v1/admin/sign-on-providers": "a hub has a handful of identity providers",
    "/api/v1/admin/sign-on-providers/{provider_id}/rules": "at most so many are kept, and they are applied together",
    "/api/v1/admin/oauth-clients": "a hub has a handful of programs that sign in through it",
    "/api/v1/roles": "there are four",
    "/api/v1/uploads/{upload_id}/parts": "parts have numbers, and a client asks for those after the one it knows",
}


def lists() -> list[APIRoute]:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return [
        route
        for route in routes
        if "GET" in (route.methods or ())
        and isinstance(route.response_model, type)
        and issubclass(route.response_model, BaseModel)
        and "items" in route.response_model.model_fields
    ]


def test_every_list_goes_on_by_a_cursor() -> None:
    found = {route.path: {param.name for param in route.dependant.query_params} for route in lists()}
    assert len(found) >= 34
    assert set(WITHOUT_A_CURSOR) <= set(found)
    without = {path for path, taken in found.items() if not {"limit", "cursor"} <= taken}
    assert without == set(WITHOUT_A_CURSOR)
    for route in lists():
        if route.path not in WITHOUT_A_CURSOR:
            assert "next" in route.response_model.model_fields
