"""A browser's session: what its cookies say, and that no other site's page can use them."""

import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from fixtures.app import client_of, running_app, settings_for
from fixtures.servers import TestDatabase
from fixtures.sign_in import ORIGIN, browser_of, csrf_token, give_password, sign_in, signed_in_client
from lyceum.accounts.edge import OPEN, needs_of
from lyceum.kernel.http.origins import is_own_origin
from lyceum.kernel.ids import new_id
from make.accounts import Member, make_setup_link

DATASETS = "/api/v1/datasets"
OPEN_AND_ACT_BY_COOKIE = {"/api/v1/sessions/current", "/api/v1/sessions/refresh"}
"""Everything else that is open to anybody does what it does by what is sent: a password, a link, a token."""


def set_cookies_of(answer: httpx.Response) -> dict[str, set[str]]:
    """Return the attributes of each cookie an answer sets, in small letters and without its value."""
    cookies = {}
    for header in answer.headers.get_list("set-cookie"):
        named, *attributes = header.split("; ")
        cookies[named.partition("=")[0]] = {one.lower() for one in attributes if not one.lower().startswith("max-age")}
    return cookies


async def test_on_http_cookies_go_where_they_are_used_and_no_script_reads_the_tokens(
    app: FastAPI, member: Member, browser: httpx.AsyncClient
) -> None:
    answer = await sign_in(browser, await give_password(app, member.user_id))
    assert set_cookies_of(answer) == {
        "lyceum_access": {"httponly", "path=/", "samesite=lax"},
        "lyceum_refresh": {"httponly", "path=/api/v1/sessions", "samesite=strict"},
        "lyceum_csrf": {"path=/", "samesite=strict"},
    }


@pytest.mark.parametrize("public_url", ["https://hub.example.org", "https://hub.example.org/lyceum", None])
async def test_with_tls_browsers_send_them_by_tls_alone_and_their_names_say_so(
    database: TestDatabase, tmp_path: Path, member: Member, public_url: str | None
) -> None:
    settings = settings_for(database, tmp_path, public_url=public_url)
    async with running_app(settings) as app:
        email = await give_password(app, member.user_id)
        scheme = "http" if public_url else "https"
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://127.0.0.1:8000") as client:
            answer = await sign_in(client, email)
    below = "/lyceum" if public_url and public_url.endswith("/lyceum") else ""
    assert set_cookies_of(answer) == {
        "__Host-lyceum_access": {"httponly", "path=/", "samesite=lax", "secure"},
        "__Secure-lyceum_refresh": {"httponly", f"path={below}/api/v1/sessions", "samesite=strict", "secure"},
        "__Host-lyceum_csrf": {"path=/", "samesite=strict", "secure"},
    }


@pytest.mark.parametrize(
    "sent",
    [
        {"x-csrf-token": ""},
        {"x-csrf-token": "a" * 43},
        {"x-csrf-token": "ä".encode("latin-1").decode("latin-1")},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8000.elsewhere.example"},
        {"origin": "http://127.0.0.1:9000"},
        {"origin": "javascript://127.0.0.1:8000"},
        {"origin": "http://[::1"},
    ],
)
async def test_a_change_that_another_sites_page_could_send_is_refused(
    app: FastAPI, member: Member, sent: dict[str, str]
) -> None:
    async with signed_in_client(app, member) as client:
        headers = [(name.encode(), value.encode("latin-1")) for name, value in sent.items()]
        refused = await client.post(DATASETS, json={"name": "planted"}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "csrf_refused")
        refreshed = await client.post("/api/v1/sessions/refresh", headers=headers)
        assert (refreshed.status_code, refreshed.json()["code"]) == (403, "csrf_refused")
        assert (await client.get(DATASETS, headers=headers)).json()["items"] == []
        assert (await client.post(DATASETS, json={"name": "own"})).status_code == 201


async def test_no_route_changes_anything_for_a_cookie_alone(app: FastAPI, member: Member) -> None:
    """What another site's page can send is the cookie, and no header of its own."""
    asked = 0
    async with signed_in_client(app, member) as client:
        for route in app.routes:
            if not isinstance(route, APIRoute):
                continue
            if OPEN in (needs_of(route.endpoint) or ()) and route.path not in OPEN_AND_ACT_BY_COOKIE:
                continue
            for method in sorted((route.methods or set()) - {"GET", "HEAD", "OPTIONS"}):
                path = re.sub(r"{(\w+)(?::\w+)?}", lambda found: str(new_id()), route.path)
                answer = await client.request(method, path, headers={"x-csrf-token": ""})
                # clients of other protocols know refusals by numbers and words of their own
                words = {"schema-registry": 403, "delta-sharing": "PERMISSION_DENIED"}
                refused = words.get(path.split("/")[1], "csrf_refused")
                said = answer.json()
                told = said.get("code", said.get("error_code", said.get("errorCode")))
                assert (answer.status_code, told) == (403, refused), f"{method} {path}"
                asked += 1
        assert (await client.get("/api/v1/sessions")).status_code == 200
        # the cookie that refreshes a session is enough to end it
        client.cookies.delete("lyceum_access")
        for method, path in (("POST", "/api/v1/sessions/refresh"), ("DELETE", "/api/v1/sessions/current")):
            answer = await client.request(method, path, headers={"x-csrf-token": ""})
            assert (answer.status_code, answer.json()["code"]) == (403, "csrf_refused"), f"{method} {path}"
        assert (await client.post("/api/v1/sessions/refresh")).status_code == 200
        assert (await client.get("/api/v1/sessions")).status_code == 200
    assert asked > 85


@pytest.mark.parametrize(
    "origin, is_own",
    [
        ("https://hub.example.org", True),
        ("http://hub.example.org", False),
        ("http://127.0.0.1:8000", True),
        ("https://other.example.org", False),
    ],
)
def test_a_page_by_http_is_none_of_a_hub_that_is_reached_by_https(
    database: TestDatabase, tmp_path: Path, origin: str, *, is_own: bool
) -> None:
    settings = settings_for(database, tmp_path, public_url="https://hub.example.org/lyceum")
    assert is_own_origin({"origin": origin, "host": "127.0.0.1:8000"}, settings) is is_own


async def test_a_change_without_any_origin_is_refused(app: FastAPI, member: Member) -> None:
    async with signed_in_client(app, member) as client:
        del client.headers["origin"]
        assert (await client.post(DATASETS, json={"name": "planted"})).json()["code"] == "csrf_refused"


async def test_another_sessions_csrf_token_is_none_for_this_one(app: FastAPI, member: Member, stranger: Member) -> None:
    async with signed_in_client(app, member) as mine, signed_in_client(app, stranger) as theirs:
        sent = {"x-csrf-token": csrf_token(theirs) or ""}
        assert (await mine.post(DATASETS, json={"name": "planted"}, headers=sent)).json()["code"] == "csrf_refused"


async def test_what_counts_of_a_request_with_both_is_its_authorization(
    app: FastAPI, member: Member, stranger: Member
) -> None:
    async with signed_in_client(app, member) as client:
        by_key = await client.get("/api/v1/me", headers=stranger.headers)
        nobodys = await client.get("/api/v1/me", headers={"authorization": "Bearer nothing"})
    assert by_key.json()["user_id"] == str(stranger.user_id)
    assert nobodys.status_code == 401


async def test_no_other_sites_page_signs_a_visitor_in_as_somebody(app: FastAPI, member: Member) -> None:
    email = await give_password(app, member.user_id)
    async with browser_of(app) as client:
        client.headers["origin"] = "https://elsewhere.example"
        refused = await sign_in(client, email)
        registered = await client.post(
            "/api/v1/registrations", json={"email": "x@y.org", "password": "p" * 12, "display_name": "X"}
        )
    assert (refused.status_code, refused.json()["code"]) == (403, "origin_foreign")
    assert (registered.status_code, registered.json()["code"]) == (403, "origin_foreign")
    assert len(client.cookies) == 0


async def test_setting_a_hub_up_signs_a_browser_in_and_a_program_not(app: FastAPI, database: TestDatabase) -> None:
    given = {"display_name": "First", "password": "correct horse battery"}
    async with browser_of(app) as browser, client_of(app) as program:
        for client, email, cookies in ((browser, "first@example.org", 3), (program, "second@example.org", 0)):
            wanted = {**given, "email": email, "token": make_setup_link(database)}
            assert (await client.post("/api/v1/setup", json=wanted)).status_code == 201
            assert len(client.cookies) == cookies
        assert (await browser.get("/api/v1/me")).json()["operates_hub"] is True


async def test_the_set_up_page_signs_in_too(app: FastAPI, database: TestDatabase) -> None:
    given = {"display_name": "First", "password": "correct horse battery", "email": "third@example.org"}
    async with browser_of(app) as browser:
        answer = await browser.post("/setup", data={**given, "token": make_setup_link(database)})
        assert answer.status_code == 200
        assert (await browser.get("/api/v1/me")).json()["email"] == "third@example.org"
        assert browser.headers["origin"] == ORIGIN
