"""Routes by the first word of their path: the same one answers as when all are tried in turn."""

import re
from uuid import uuid4

import pytest
from starlette.routing import BaseRoute, Match, NoMatchFound, Route
from starlette.types import Scope

from lyceum.kernel.http.routing import RoutesByWord
from lyceum.wiring import ROUTERS

PREFIX = "/api/v1/"
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, Route)]
BY_WORD = RoutesByWord(ROUTES, prefix=PREFIX)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
FORMS = ("main", "7", str(uuid4()), "%7Bname%7D")


def _tried_in_turn(scope: Scope) -> BaseRoute | None:
    return next((route for route in ROUTES if route.matches(scope)[0] is Match.FULL), None)


def _scope(method: str, path: str, *, root_path: str = "") -> Scope:
    return {"type": "http", "method": method, "path": path, "root_path": root_path}


@pytest.mark.parametrize("root_path", ["", "/hub"])
def test_the_route_that_answers_is_the_first_that_fits(root_path: str) -> None:
    found = set()
    for route in ROUTES:
        for form in FORMS:
            path = root_path + re.sub(r"\{[^}]+\}", form, route.path)
            for method in METHODS:
                scope = _scope(method, path, root_path=root_path)
                match, child_scope = BY_WORD.matches(scope)
                expected = _tried_in_turn(scope) if path.startswith(root_path + PREFIX) else None
                assert (match is Match.FULL) == (expected is not None), (method, path)
                if expected is not None:
                    assert child_scope["route"] is expected
                    assert child_scope["path_params"] == expected.matches(scope)[1]["path_params"]
                    found.add(id(expected))
    assert found == {id(route) for route in ROUTES if route.path.startswith(PREFIX)}


@pytest.mark.parametrize("path", ["/", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v2/datasets", "/datasets", ""])
def test_what_it_does_not_know_is_left_to_others(path: str) -> None:
    assert BY_WORD.matches(_scope("GET", path)) == (Match.NONE, {})
    assert BY_WORD.matches({"type": "websocket", "path": "/api/v1/datasets"}) == (Match.NONE, {})


def test_it_makes_no_addresses() -> None:
    with pytest.raises(NoMatchFound):
        BY_WORD.url_path_for("read_dataset", org="main", name="flights")
