"""What each route needs is declared, asked before anything of it runs, and told in the API's document."""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Route, WebSocketRoute

from fixtures.app import client_of
from fixtures.query_count import counted_queries
from fixtures.servers import TestDatabase
from lyceum.accounts.edge import (
    ADMINISTRATOR,
    KNOWN,
    OPEN,
    SIGNED_IN,
    Power,
    api_router,
    needs,
    needs_of,
    needs_of_object,
)
from lyceum.kernel.config import Settings
from lyceum.predict import create_app as create_predict_app
from make.accounts import make_member


def _routes(app: FastAPI) -> list[Route | WebSocketRoute]:
    return [route for route in app.routes if isinstance(route, Route | WebSocketRoute)]


def test_every_route_declares_what_it_needs(app: FastAPI) -> None:
    routes = _routes(app)
    assert len(routes) >= 190
    undeclared = [route.path for route in routes if not needs_of(route.endpoint)]
    assert undeclared == [], "put @needs(…) under the route's decorator"


def test_every_route_of_the_prediction_process_declares_what_it_needs(hub_settings: Settings) -> None:
    process = create_predict_app(hub_settings)
    rest = process.app.app._rest if hasattr(process.app, "app") else process.app._rest  # type: ignore[attr-defined]
    assert [route.path for route in _routes(rest) if not needs_of(route.endpoint)] == []


async def test_the_document_tells_what_each_operation_needs(app: FastAPI, anonymous: httpx.AsyncClient) -> None:
    document = (await anonymous.get("/api/openapi.json")).json()
    operations = {
        operation["operationId"]: operation for path in document["paths"].values() for operation in path.values()
    }
    for route in _routes(app):
        if isinstance(route, APIRoute) and route.include_in_schema:
            declared = needs_of(route.endpoint) or ()
            assert operations[route.name]["x-lyceum-needs"] == [str(need) for need in declared], route.path
    assert operations["predict"]["x-lyceum-needs"] == ["models:predict"]
    assert operations["set_up"]["security"] == []
    assert operations["read_dataset"]["security"] == [{"key": []}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert operations["start_run"]["description"].endswith("Needs `runs:write`.")


@pytest.fixture
def asked(app: FastAPI) -> Iterator[list[str]]:
    """The routes of a small router that were let through."""
    let_through: list[str] = []
    router = api_router("/tried")
    for name, declare in (
        ("open", needs(OPEN)),
        ("known", needs(KNOWN)),
        ("signed-in", needs(SIGNED_IN)),
        ("administrator", needs(ADMINISTRATOR)),
        ("read", needs(Power.DATASETS_READ)),
        ("write", needs(Power.DATASETS_READ, Power.DATASETS_WRITE)),
        ("write-object", needs_of_object(Power.DATASETS_WRITE)),
    ):

        async def answer(name: str = name) -> dict[str, str]:
            let_through.append(name)
            return {"name": name}

        router.get(f"/{name}")(declare(answer))
    app.router.routes[:0] = router.routes
    yield let_through
    del app.router.routes[: len(router.routes)]


async def _let_through(app: FastAPI, asked: list[str], key: str | None) -> dict[str, str]:
    """Return the code of each refusal."""
    asked.clear()
    refused = {}
    async with client_of(app, key=key) as client:
        for name in ("open", "known", "signed-in", "administrator", "read", "write", "write-object"):
            reply = await client.get(f"/tried/{name}")
            if reply.status_code != 200:
                refused[name] = reply.json()["code"]
    assert refused.keys().isdisjoint(asked)
    return refused


async def test_nobody_gets_only_what_is_open(app: FastAPI, asked: list[str]) -> None:
    refused = await _let_through(app, asked, None)
    assert asked == ["open"]
    assert set(refused.values()) == {"sign_in_needed"}


async def test_a_key_gets_what_role_and_scopes_leave(app: FastAPI, database: TestDatabase, asked: list[str]) -> None:
    owner, viewer = make_member(database), make_member(database, role="viewer")
    narrow = make_member(database, scopes=("datasets:read",))
    assert await _let_through(app, asked, owner.key) == {
        "signed-in": "session_needed",
        "administrator": "not_allowed",
    }
    refused = await _let_through(app, asked, viewer.key)
    # that object may have been granted to them: what fetches it asks
    assert "write-object" in asked
    assert refused["write"] == "not_allowed"
    assert "write-object" in await _let_through(app, asked, narrow.key)
    assert asked == ["open", "known", "read"]


async def test_who_lacks_what_is_needed_is_refused_before_anything_is_read_or_parsed(
    app: FastAPI, database: TestDatabase
) -> None:
    viewer = make_member(database, role="viewer")
    async with client_of(app, key=viewer.key) as client:
        await client.get("/api/v1/me")
        with counted_queries(app) as queries:
            refused = await client.post("/api/v1/runs", content=b"{not json")
    assert refused.status_code == 403
    assert len(queries) == 0
