"""The plain pages: what they say, the set-up form, the API's reference, and what they never do."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from fixtures.app import client_of, rows_of, running_app, settings_for
from fixtures.loop_watch import LoopWatch
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from lyceum import wiring
from lyceum.accounts.edge import NEEDS_ROOM
from lyceum.kernel.jobs.handlers import HeavyHandler
from make.accounts import make_setup_link

PASSWORD = "correct horse battery"
HOSTILE = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>{{ 7*7 }}"
FIRST_PAGES = ["/", "/api/docs", "/setup?token=nothing"]


class _Tags(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one tag."""
        self.found.append((tag, dict(attrs)))


def _links(page: str) -> set[str]:
    """Return where a page leads and what it loads."""
    found = (attributes.get("href") or attributes.get("src") for _, attributes in _Tags(page).found)
    return {link for link in found if link}


def _form(token: str, **more: str) -> dict[str, str]:
    return {"token": token, "email": "ada@example.org", "display_name": "Ada", "password": PASSWORD} | more


def _carries_nothing_of_its_own_or_from_elsewhere(page: httpx.Response) -> None:
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["x-content-type-options"] == "nosniff"
    for tag, attributes in _Tags(page.text).found:
        assert tag not in {"script", "style", "iframe", "object"}
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        for name in ("src", "href", "action"):
            assert re.match(r"(/|#|$)", attributes.get(name) or "")


@pytest.mark.parametrize("path", FIRST_PAGES)
async def test_a_page_runs_nothing_and_loads_nothing_from_elsewhere(anonymous: httpx.AsyncClient, path: str) -> None:
    page = await anonymous.get(path)
    assert page.headers["content-type"].startswith("text/html")
    _carries_nothing_of_its_own_or_from_elsewhere(page)
    for link in _links(page.text):
        if link.startswith("/"):
            assert (await anonymous.get(link)).status_code == 200, link


async def test_the_first_page_says_what_is_here_and_what_to_do(anonymous: httpx.AsyncClient) -> None:
    page = await anonymous.get("/")
    assert page.status_code == 200
    for said in ("lyceum try", "lyceum admin link", "from lyceum_client import Client", "/api/docs", "openapi.json"):
        assert said in page.text


async def test_the_set_up_form_gives_a_key_that_works_and_works_once(
    anonymous: httpx.AsyncClient, app: FastAPI, database: TestDatabase
) -> None:
    token = make_setup_link(database)
    form = await anonymous.get("/setup", params={"token": token})
    assert form.status_code == 200
    assert token in form.text
    done = await anonymous.post("/setup", data=_form(token))
    assert done.status_code == 200
    assert done.headers["cache-control"] == "no-store"
    _carries_nothing_of_its_own_or_from_elsewhere(done)
    secret = re.search(r"lyk_\w+", done.text)
    assert secret is not None
    async with client_of(app, key=secret[0]) as client:
        assert "keys:manage" in (await ok(client.get("/api/v1/me")))["powers"]
    for again in (
        await anonymous.get("/setup", params={"token": token}),
        await anonymous.post("/setup", data=_form(token)),
    ):
        assert again.status_code == 410
        assert "no longer works" in again.text
        assert "lyceum admin link" in again.text


@pytest.mark.parametrize(
    "more, said",
    [
        ({"password": "short"}, "A password has 10 to 256 characters; this one has 5."),
        ({"password": ""}, "Password is missing or cannot be used."),
        ({"email": "nobody"}, "E-mail is missing or cannot be used."),
        ({"email": ""}, "E-mail is missing or cannot be used."),
        ({"display_name": ""}, "Name is missing or cannot be used."),
    ],
)
async def test_a_form_that_cannot_be_used_says_why_and_leaves_the_link(
    anonymous: httpx.AsyncClient, database: TestDatabase, more: dict[str, str], said: str
) -> None:
    token = make_setup_link(database)
    answer = await anonymous.post("/setup", data=_form(token, **more))
    assert answer.status_code == 422
    assert said in answer.text
    assert 'role="alert"' in answer.text
    assert PASSWORD not in answer.text
    assert (await anonymous.get("/setup", params={"token": token})).status_code == 200
    assert rows_of(database, "SELECT used_at FROM setup_links ORDER BY expires_at DESC LIMIT 1") == [{"used_at": None}]


async def test_what_a_person_types_is_shown_as_text(anonymous: httpx.AsyncClient, database: TestDatabase) -> None:
    token = make_setup_link(database)
    answer = await anonymous.post("/setup", data=_form(token, display_name=HOSTILE, password="short"))
    assert answer.status_code == 422
    _carries_nothing_of_its_own_or_from_elsewhere(answer)
    assert "49" not in answer.text.replace(token, "")
    name = next(attributes for _, attributes in _Tags(answer.text).found if attributes.get("id") == "display_name")
    assert name["value"] == HOSTILE
    shown = await anonymous.get("/setup", params={"token": HOSTILE})
    assert shown.status_code == 410
    assert "alert(1)" not in shown.text


@pytest.mark.parametrize("body", [b"", b"\xff\xfe&&=&token", b"token=" + b"x" * 20_000, b'{"token": "x"}'])
async def test_what_is_no_form_is_refused(anonymous: httpx.AsyncClient, body: bytes) -> None:
    answer = await anonymous.post("/setup", content=body)
    assert answer.status_code in {410, 413, 422}


async def test_the_reference_and_the_document_hold_every_route(anonymous: httpx.AsyncClient) -> None:
    routes = {
        (method, route.path)
        for router in wiring.ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods or ()
    }
    routes.add(("POST", "/api/v1/models/{org}/{name}/predict"))
    assert len(routes) > 35
    document = await ok(anonymous.get("/api/openapi.json"))
    held = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert routes <= held
    page = (await anonymous.get("/api/docs")).text
    shown = set(re.findall(r'<span class="method \w+">(\w+)</span> <code>([^<]+)</code>', page))
    assert routes <= shown
    assert "`" not in page


async def test_every_operation_says_what_it_does_and_has_a_name_of_its_own(anonymous: httpx.AsyncClient) -> None:
    document = await ok(anonymous.get("/api/openapi.json"))
    operations = [operation for methods in document["paths"].values() for operation in methods.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    assert {"live", "ready", "read_dataset", "predict"} <= set(names)
    assert all(name.isidentifier() and "__" not in name for name in names)
    assert all(operation["description"].endswith((".", "one.")) for operation in operations)


_VERSION = "/datasets/{org}/{name}/versions/{number}"


async def test_what_few_routes_refuse_is_promised_by_those_alone(app: FastAPI, anonymous: httpx.AsyncClient) -> None:
    document = await ok(anonymous.get("/api/openapi.json"))
    promised: dict[str, set[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for status in operation["responses"]:
                promised.setdefault(status, set()).add(f"{method.upper()} {path.removeprefix('/api/v1')}")
    assert promised["410"] == {
        *("POST /setup", "POST /registrations", "POST /email-confirmations", "POST /guardian-consents"),
        *("POST /password-resets/confirm", "GET /invitations/{token}", "POST /invitations/{token}/accept"),
        *("GET /me/exports/{export_id}/content", "GET /uploads/{upload_id}/content"),
        # of versions whose rows are not kept any longer
        *(f"GET {_VERSION}/{what}" for what in ("preview", "rows", "files")),
        *(f"POST {_VERSION}/{what}" for what in ("slices", "restore", "check-runs", "outside-runs", "odd-rows")),
        *("POST /datasets/{org}/{name}/diffs", "POST /datasets/{org}/{name}/checks/try", "POST /runs"),
        "POST /check-runs/{check_run_id}/quarantine",
    }
    need_room = {
        f"{method} {route.path.removeprefix('/api/v1')}"
        for route in app.routes
        if isinstance(route, APIRoute) and NEEDS_ROOM in route.dependencies
        for method in route.methods or ()
    }
    assert len(need_room) == 8
    assert promised["507"] == need_room | {
        *("POST /uploads", "PUT /uploads/{upload_id}/content", "PUT /uploads/{upload_id}/parts/{number}"),
        "POST /uploads/{upload_id}/complete",
    }
    assert {each for each in promised["413"] if each.startswith("DELETE")} == {"DELETE /organisations/{org}"}
    assert {each for each in promised["413"] | promised["409"] if each.startswith("GET")} == {
        *("GET /me/exports/{export_id}/content", "GET /uploads/{upload_id}/content", "GET /uploads/{upload_id}/parts"),
    }


async def test_every_number_that_is_taken_has_a_most(anonymous: httpx.AsyncClient) -> None:
    """What the database cannot hold is refused before it is asked."""
    document = await ok(anonymous.get("/api/openapi.json"))
    taken = {
        f"{method.upper()} {path} {one['name']}": one["schema"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for one in operation.get("parameters", ())
    } | {
        f"{name}.{field}": schema
        for name, model in document["components"]["schemas"].items()
        # answers take what is more
        if model.get("additionalProperties") is False
        for field, schema in model["properties"].items()
    }
    numbers = {
        where: form
        for where, schema in taken.items()
        for form in (schema, *schema.get("anyOf", ()))
        if form.get("type") in {"integer", "number"}
    }
    assert len(numbers) > 40
    without = {where for where, form in numbers.items() if "maximum" not in form}
    # an upload as large as that is refused by the hub's own setting
    assert without == {"NewUpload.byte_count"}


async def test_pages_stand_below_the_public_sub_path(database: TestDatabase, tmp_path: Path, valkey_url: str) -> None:
    settings = settings_for(database, tmp_path, valkey_url=valkey_url, public_url="http://127.0.0.1/hub")
    async with running_app(settings) as app, client_of(app) as client:
        page = await client.get("/hub/")
        links = _links(page.text)
        assert all(link.startswith("/hub/") for link in links)
        assert {(await client.get(link)).status_code for link in links} == {200}
        document = await ok(client.get("/hub/api/openapi.json"))
    assert document["servers"] == [{"url": "/hub"}]


async def test_only_the_pages_own_files_are_served(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/static/lyceum.css")).headers["content-type"].startswith("text/css")
    assert (await anonymous.get("/static/icon.svg")).headers["content-type"] == "image/svg+xml"
    for name in ("routes.py", "..%2Froutes.py", "%2e%2e/routes.py", ""):
        assert (await anonymous.get(f"/static/{name}")).status_code == 404


async def test_no_page_holds_the_loop(anonymous: httpx.AsyncClient, loop_watch: LoopWatch) -> None:
    for path in (*FIRST_PAGES, "/api/openapi.json"):
        await anonymous.get(path)


@pytest.mark.deep
def test_the_api_starts_without_what_only_computing_needs() -> None:
    heavy = (
        *("sklearn", "lightgbm", "catboost", "xgboost", "onnx", "onnxmltools", "skl2onnx", "scipy"),
        *("pyarrow", "deltalake", "duckdb", "pandas", "lyceum.train.engine", "lyceum.data.quality.engine"),
    )
    program = f"import sys, lyceum.web; print([name for name in {heavy!r} if name in sys.modules])"
    told = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "[]"


def test_computing_processes_start_without_what_only_the_api_needs() -> None:
    light = ("sqlalchemy", "fastapi", "psycopg", "redis", "starlette", "uvicorn")
    handlers = [handler for handler in wiring.HANDLERS if isinstance(handler, HeavyHandler)]
    modules = sorted({module for handler in handlers for module in handler.preload})
    assert len(modules) > 1
    program = f"import sys, {', '.join(modules)}; print([name for name in {light!r} if name in sys.modules])"
    told = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=True, timeout=100)
    assert told.stdout.strip() == "[]"
