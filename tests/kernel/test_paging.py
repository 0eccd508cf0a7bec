"""Every list of the API has a limit, and goes on by the cursor of the page before."""

import types
from typing import Any, Union, get_args, get_origin

from fastapi.routing import APIRoute
from pydantic import BaseModel

from lyceum.wiring import ROUTERS

WITHOUT_A_CURSOR = {
    "/api/v1/check-kinds": "the kinds that the program knows",
    "/api/v1/datasets/{org}/{name}/checks": "a dataset has at most so many checks, and they are shown together",
    "/api/v1/datasets/{org}/{name}/checks/suggestions": "a profile suggests at most forty",
    "/api/v1/datasets/{org}/{name}/anomalies/metrics": "as many as a table has columns, with so many metrics each",
    "/api/v1/datasets/{org}/{name}/personal-columns": "as many as a table has columns",
    "/api/v1/jobs/{job_id}/log": "grows while it is read: it goes on after a line's number, also when there is none yet",
    "/api/v1/hub/jobs/{job_id}/log": "as that of one's own job",
    "/api/v1/organisations/{org}/alert-rules": "at most so many are kept, and they are asked in their order",
    "/api/v1/models/{org}/{name}/watch": "the newest versions that have predicted; the others are history",
    "/api/v1/me/programs": "a hub has a handful of programs that sign in through it",
    "/api/v1/me/sign-ons": "one for each identity provider of the hub: a second is refused",
    "/api/v1/admin/status": "what the program has to say of itself",
    "/api/v1/admin/sign-on-providers": "a hub has a handful of identity providers",
    "/api/v1/admin/sign-on-providers/{provider_id}/rules": "at most so many are kept, and they are applied together",
    "/api/v1/admin/oauth-clients": "a hub has a handful of programs that sign in through it",
    "/api/v1/roles": "there are four",
    "/api/v1/uploads/{upload_id}/parts": "parts have numbers, and a client asks for those after the one it knows",
}
"""Lists that are shown whole; each has a most, or a place to go on from that is no cursor."""
PART_OF_AN_ANSWER = {
    "/api/v1/streams/{stream_id}": {
        "partitions": "as a topic has partitions, the first thousand",
        "read_by": "at most sixteen workers share a stream",
    },
    "/api/v1/datasets/{org}/{name}/versions/{number}/files": {"files": "those of one version, which are read together"},
    "/api/v1/datasets/{org}/{name}/anomalies/metrics/{metric}": {"points": "the newest 180"},
    "/api/v1/datasets/{org}/{name}/schema-diff": {"changes": "as a table has columns"},
    "/api/v1/datasets/{org}/{name}/lineage": {
        "nodes": "what is around the versions of a page, of runs and models the newest",
        "edges": "as many as there are nodes, and a few more",
    },
    "/api/v1/dataset-erasures/{erasure_id}": {"trained_on": "the newest of what was trained on the versions"},
    "/api/v1/incidents/{incident_id}": {"consumers": "the newest of what was trained on one version"},
    "/api/v1/organisations/{org}/alert-rules": {"destinations": "an organisation has a handful"},
    "/api/v1/sign-in-options": {"providers": "as the hub has identity providers"},
    "/api/v1/me": {"organisations": "the first thousand; GET /organisations lists them all"},
    "/api/v1/admin/users/{user_id}": {"organisations": "those of one person"},
    "/api/v1/me/factors": {"factors": "a person has at most so many apps and passkeys"},
    "/api/v1/notification-preferences": {"kinds": "what the program tells of"},
    "/api/v1/admin/mail/templates": {"templates": "the letters of the program"},
    "/api/v1/push-subscriptions": {"subscriptions": "a person has at most so many browsers"},
    "/api/v1/hub/queue": {"open": "counted by kind and state", "workers": "the processes that work now"},
    "/api/v1/hub/storage": {"damaged": "the first hundred: whoever mends them looks again"},
    "/api/v1/odd-rows/{search_id}": {"rows": "at most five hundred, as many as were asked for"},
    "/api/v1/check-runs/{check_run_id}": {"results": "one for each check of the dataset"},
    "/api/v1/datasets/{org}/{name}/quality": {"terms": "one for each check of the dataset", "dimensions": "a handful"},
    "/api/v1/runs/{run_id}": {
        "leaderboard": "the models of one run",
        "leakage_warnings": "one for each column at most",
    },
}
"""Lists beside something else, or of what there is a handful, by the field."""


def models_listed_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the models of which an annotation is a list, whatever else it may be."""
    if get_origin(annotation) in {Union, types.UnionType}:
        return [model for one in get_args(annotation) for model in models_listed_in(one)]
    if get_origin(annotation) is not list:
        return []
    return [one for one in get_args(annotation) if isinstance(one, type) and issubclass(one, BaseModel)]


def read_routes() -> list[APIRoute]:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return [route for route in routes if "GET" in (route.methods or ())]


def lists_of(route: APIRoute) -> set[str]:
    """Return the fields of a route's answer that list objects; an empty name where the answer itself does."""
    answer = route.response_model
    if models_listed_in(answer):
        return {""}
    if not (isinstance(answer, type) and issubclass(answer, BaseModel)):
        return set()
    return {name for name, field in answer.model_fields.items() if models_listed_in(field.annotation)}


def test_every_list_goes_on_by_a_cursor() -> None:
    pages, parts = {}, {}
    for route in read_routes():
        listed = lists_of(route)
        if "items" in listed:
            pages[route.path] = {param.name for param in route.dependant.query_params}
        if beside := listed - {"items"}:
            parts[route.path] = beside
        if "items" in listed and route.path not in WITHOUT_A_CURSOR:
            assert "next" in route.response_model.model_fields
    assert len(pages) > 34
    assert {path for path, taken in pages.items() if not {"limit", "cursor"} <= taken} == set(WITHOUT_A_CURSOR)
    assert parts == {path: set(fields) for path, fields in PART_OF_AN_ANSWER.items()}
