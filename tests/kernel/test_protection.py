"""What every answer tells a browser not to do with it, and which pages elsewhere may ask."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response
from websockets.exceptions import InvalidStatus

from fixtures.app import client_of, running_app, settings_for
from fixtures.servers import TestDatabase
from fixtures.sockets import live_socket, served_here
from lyceum.kernel.config import Settings, SettingsInvalid, load_settings
from lyceum.kernel.http.protection import DATA_POLICY, PLAIN_PAGE_POLICY, Protection, app_policy
from make.accounts import Member

ELSEWHERE = "https://app.example.org"
EVERY_ANSWER = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}


def directives(policy: str) -> dict[str, list[str]]:
    """Return what a Content-Security-Policy allows, by directive."""
    return {words[0]: words[1:] for words in (part.split() for part in policy.split(";"))}


@pytest.fixture
def open_to_elsewhere(database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    return settings_for(database, tmp_path, valkey_url=valkey_url, cors_origins=ELSEWHERE)


@pytest.mark.parametrize(
    "path, status, policy",
    [
        ("/authorize", 422, PLAIN_PAGE_POLICY),
        ("/api/v1/api-keys", 401, DATA_POLICY),
        ("/api/v1/nothing", 404, DATA_POLICY),
        ("/api/openapi.json", 200, DATA_POLICY),
        ("/health/live", 200, DATA_POLICY),
        ("/metrics", 200, DATA_POLICY),
    ],
)
async def test_every_answer_leaves_with_its_headers(
    anonymous: httpx.AsyncClient, path: str, status: int, policy: str
) -> None:
    answer = await anonymous.get(path)
    assert answer.status_code == status
    assert {name: answer.headers.get_list(name) for name in EVERY_ANSWER} == {
        name: [value] for name, value in EVERY_ANSWER.items()
    }
    assert answer.headers.get_list("content-security-policy") == [policy]
    assert "camera=()" in answer.headers["permissions-policy"]
    assert "strict-transport-security" not in answer.headers


async def test_refusals_before_any_route_and_predictions_have_them_too(anonymous: httpx.AsyncClient) -> None:
    refused = [
        await anonymous.get("/", headers={"host": "evil.example"}),
        await anonymous.post("/api/v1/api-keys", content=b"x", headers={"content-length": "99999999999"}),
        await anonymous.post("/api/v1/models/main/flights/predict", json={"rows": []}),
        await anonymous.get("/api/v1/models/main/flights/predict"),
    ]
    assert [answer.status_code for answer in refused] == [421, 413, 401, 405]
    for answer in refused:
        assert answer.headers.get_list("content-security-policy") == [DATA_POLICY]
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        assert answer.headers.get_list("cache-control") == ["no-store"]


async def test_a_page_runs_the_hubs_own_scripts_and_none_that_stand_in_it(app: FastAPI) -> None:
    @app.get("/api/page-of-tests")
    async def page() -> Response:
        return HTMLResponse("<!doctype html>")

    @app.get("/api/worker-of-tests.js")
    async def worker() -> Response:
        return Response("", media_type="text/javascript")

    async with client_of(app) as client:
        policies = [
            (await client.get(path)).headers["content-security-policy"]
            for path in ("/api/page-of-tests", "/api/worker-of-tests.js")
        ]
    assert policies[0] == policies[1]
    allowed = directives(policies[0])
    assert allowed["default-src"] == ["'none'"]
    assert allowed["script-src"] == allowed["style-src"] == allowed["connect-src"] == ["'self'"]
    assert allowed["frame-ancestors"] == allowed["base-uri"] == ["'none'"]
    assert "unsafe" not in policies[0]


def test_a_route_that_says_for_itself_is_not_contradicted(hub_settings: Settings) -> None:
    headers = [(b"content-type", b"text/html"), (b"cache-control", b"public, max-age=31536000, immutable")]
    Protection(hub_settings).protect(headers)
    assert [value for name, value in headers if name == b"cache-control"] == [b"public, max-age=31536000, immutable"]
    assert len({name for name, _ in headers}) == len(headers)


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"public_url": "https://hub.example.org/lyceum"}, "max-age=31536000"),
        ({"public_url": "https://hub.example.org", "hsts_subdomains": True}, "max-age=31536000; includeSubDomains"),
        ({"public_url": "http://hub.example.org"}, None),
        ({}, None),
    ],
)
def test_browsers_stay_on_https_where_the_public_address_has_it(
    settings: dict[str, object], expected: str | None
) -> None:
    headers: list[tuple[bytes, bytes]] = []
    Protection(load_settings(**settings)).protect(headers)
    found = dict(headers).get(b"strict-transport-security")
    assert (found.decode() if found else None) == expected


@pytest.mark.parametrize(
    "storage, reached",
    [
        ({}, ["'self'"]),
        ({"storage_url": "s3://bucket/x"}, ["'self'", "https://*.amazonaws.com"]),
        (
            {"storage_url": "s3://bucket", "storage_options": {"aws_endpoint": "http://user:word@store.lan:9000/"}},
            ["'self'", "http://store.lan:9000"],
        ),
    ],
)
def test_a_page_may_send_files_to_the_object_store_and_nowhere_else(
    storage: dict[str, object], reached: list[str]
) -> None:
    assert directives(app_policy(load_settings(**storage)))["connect-src"] == reached


async def test_no_page_elsewhere_may_ask_until_it_is_named(anonymous: httpx.AsyncClient) -> None:
    asked = await anonymous.get("/health/live", headers={"origin": ELSEWHERE})
    preflight = await anonymous.options("/api/v1/api-keys", headers={"origin": ELSEWHERE, **PREFLIGHT})
    assert preflight.status_code == 405
    for answer in (asked, preflight):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_a_named_page_may_ask_with_a_key_and_never_with_cookies(
    open_to_elsewhere: Settings, member: Member
) -> None:
    async with running_app(open_to_elsewhere) as app, client_of(app, key=member.key) as client:
        preflight = await client.options("/api/v1/api-keys", headers={"origin": ELSEWHERE, **PREFLIGHT})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == ELSEWHERE
        asked = await client.get("/api/v1/me", headers={"origin": ELSEWHERE})
        assert asked.headers["access-control-allow-origin"] == ELSEWHERE
        assert "etag" in asked.headers["access-control-expose-headers"]
        predicted = await client.options(
            "/api/v1/models/main/flights/predict", headers={"origin": ELSEWHERE, **PREFLIGHT}
        )
        assert predicted.status_code == 200
        for other in ("https://evil.example", "https://app.example.org.evil.example", "http://app.example.org", "null"):
            refused = await client.options("/api/v1/api-keys", headers={"origin": other, **PREFLIGHT})
            assert refused.status_code == 400
            answer = await client.get("/api/v1/me", headers={"origin": other})
            assert "access-control-allow-origin" not in answer.headers
        for answer in (preflight, asked, predicted):
            assert "access-control-allow-credentials" not in answer.headers
            assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize(
    "origin", ["*", "app.example.org", "https://app.example.org/", "https://App.example.org", "null", "file://x"]
)
def test_what_is_no_single_origin_is_no_setting(origin: str) -> None:
    with pytest.raises(SettingsInvalid, match="LYCEUM_CORS_ORIGINS"):
        load_settings(cors_origins=origin)


async def test_a_named_page_opens_no_socket_since_cookies_would_come_with_it(
    open_to_elsewhere: Settings, member: Member
) -> None:
    async with served_here(open_to_elsewhere) as url:
        with pytest.raises(InvalidStatus) as refused:
            async with live_socket(url, key=member.key, origin=ELSEWHERE):
                pass
    assert refused.value.response.status_code == 403
