"""How the API process serves the web app: what is kept, what is asked for again, what is not there."""

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from fixtures.app import client_of, running_app, settings_for
from fixtures.servers import TestDatabase
from lyceum.pages import web_app

PAGE = '<!doctype html><head><base href="/" /><title>Lyceum</title></head>'
PAGES = ["/", "/datasets", "/datasets/$org/$name", "/runs/$id", "/setup", "/help/$"]
SCRIPT = b"console.log('lyceum')" * 50


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built app of three files, one of them compressed as the build does it."""
    folder = tmp_path / "built"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "sw.js").write_text("self.skipWaiting()")
    (folder / "built.json").write_text("{}")
    (folder / "pages.json").write_text(json.dumps(PAGES))
    (folder / "assets" / "app-1a2b.js").write_bytes(SCRIPT)
    (folder / "assets" / "app-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT))
    (folder / "assets" / "app-1a2b.js.br").write_bytes(b"brotli")
    monkeypatch.setattr(web_app, "BUILT", folder)
    return folder


@pytest.fixture
async def browser(
    built: Path, database: TestDatabase, tmp_path: Path, valkey_url: str
) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a key, at a hub whose app is built."""
    async with (
        running_app(settings_for(database, tmp_path, valkey_url=valkey_url)) as app,
        client_of(app, key=None) as client,
    ):
        yield client


async def test_an_asset_is_kept_for_a_year_and_sent_as_the_build_compressed_it(browser: httpx.AsyncClient) -> None:
    plain = await browser.get("/assets/app-1a2b.js", headers={"accept-encoding": "identity"})
    assert plain.content == SCRIPT
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["content-type"].startswith("text/javascript")
    assert plain.headers["vary"] == "accept-encoding"
    packed = await browser.get("/assets/app-1a2b.js", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == SCRIPT
    async with browser.stream(
        "GET", "/assets/app-1a2b.js", headers={"accept-encoding": "gzip, deflate, br"}
    ) as smallest:
        assert smallest.headers["content-encoding"] == "br"
        assert int(smallest.headers["content-length"]) == len(b"brotli")
    refused = await browser.get("/assets/app-1a2b.js", headers={"accept-encoding": "br;q=0, gzip"})
    assert refused.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/datasets/",
        "/Datasets",
        "/datasets/main/flights.2013",
        "/runs/1?tab=report",
        "/setup",
        "/help/any/thing.x",
    ],
)
async def test_a_page_of_the_app_is_asked_for_again_each_time(browser: httpx.AsyncClient, path: str) -> None:
    page = await browser.get(path)
    assert page.status_code == 200
    assert page.text == PAGE
    assert page.headers["cache-control"] == "no-cache"
    unchanged = await browser.get(path, headers={"if-none-match": page.headers["etag"]})
    assert unchanged.status_code == 304
    assert not unchanged.content
    head = await browser.head(path)
    assert head.headers["content-length"] == str(len(PAGE))
    assert not head.content


@pytest.mark.parametrize(
    "path", ["/no/such/page", "/datasets/main", "/datasets/main/flights/more", "/runs/", "/setup2"]
)
async def test_a_page_the_app_has_not_is_its_own_page_of_that_and_a_404(browser: httpx.AsyncClient, path: str) -> None:
    missing = await browser.get(path)
    assert (missing.status_code, missing.text) == (404, PAGE)
    again = await browser.get(path, headers={"if-none-match": missing.headers["etag"]})
    assert (again.status_code, again.text) == (404, PAGE)


async def test_a_page_of_the_hubs_own_stands_where_the_app_has_none(browser: httpx.AsyncClient) -> None:
    refused = await browser.get("/authorize")
    assert (refused.status_code, refused.text == PAGE) == (422, False)


async def test_a_page_may_run_and_load_only_what_the_hub_has(browser: httpx.AsyncClient) -> None:
    policy = (await browser.get("/")).headers["content-security-policy"]
    assert "unsafe" not in policy
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/gone-9z9z.js",
        "/assets/",
        "/favicon.ico",
        "/built.json",
        "/index.html",
        "/pages.json",
        "/api/v1/no-such-thing",
        "/api/nothing",
        "/api",
        "/.well-known/nothing",
        "/static/nothing",
        "/assets/../built.json",
        "/assets/%2e%2e/built.json",
    ],
)
async def test_what_is_not_there_is_a_404_and_no_page(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path)
    assert answer.status_code == 404
    assert "<title>" not in answer.text


async def test_the_api_answers_as_it_does_without_the_app(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/api/v1/uploads")).status_code == 405
    assert (await browser.post("/no/such/page")).status_code in {404, 405}
    assert (await browser.get("/health/live")).status_code == 200
    assert "<h1>" in (await browser.get("/api/docs")).text


@pytest.mark.usefixtures("built")
async def test_below_a_sub_path_the_page_says_where_its_files_are(
    database: TestDatabase, tmp_path: Path, valkey_url: str
) -> None:
    settings = settings_for(database, tmp_path, valkey_url=valkey_url, public_url="http://127.0.0.1/hub")
    async with running_app(settings) as app, client_of(app) as client:
        assert '<base href="/hub/" />' in (await client.get("/hub/datasets")).text
        assert (await client.get("/hub/no/such/page")).status_code == 404
        assert (await client.get("/hub/assets/app-1a2b.js")).status_code == 200
