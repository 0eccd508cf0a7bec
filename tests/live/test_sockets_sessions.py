"""The live socket for people who have signed in: by cookie on the hub's own pages, by token elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from fixtures.app import client_at, running_app, settings_for
from fixtures.servers import TestDatabase
from fixtures.sign_in import browser_of, give_password, program_of, sign_in
from fixtures.sockets import live_socket, served_here
from lyceum.accounts.sessions import access_tokens
from lyceum.kernel.config import Settings
from lyceum.live.public import SOCKET_PATH
from make.accounts import Member

pytestmark = pytest.mark.usefixtures("patient_with_valkey")


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    return settings_for(database, tmp_path, valkey_url=valkey_url, socket_rights_seconds=0.2)


@pytest.fixture
async def url(hub_settings: Settings) -> AsyncIterator[str]:
    async with served_here(hub_settings) as address:
        yield address


@pytest.fixture
async def token(hub_settings: Settings, member: Member) -> AsyncIterator[str]:
    """An access token of the member, from another process of the hub."""
    async with running_app(hub_settings) as app, program_of(app, member) as (_, said):
        yield said["access_token"]


async def test_a_page_of_the_hubs_own_opens_a_socket_by_its_cookie(url: str, token: str) -> None:
    sent = {"cookie": f"lyceum_access={token}"}
    async with live_socket(url, additional_headers=sent, origin=url) as socket:
        assert (await socket.hear())["type"] == "welcome"
        assert (await socket.follow("jobs"))["type"] == "following"


async def test_a_page_of_another_site_does_not(url: str, token: str) -> None:
    sent = {"cookie": f"lyceum_access={token}"}
    with pytest.raises(InvalidStatus) as refused:
        async with live_socket(url, additional_headers=sent, origin="https://elsewhere.example"):
            pass
    assert refused.value.response.status_code == 403


async def test_a_cookie_counts_for_nothing_where_nobody_says_whose_page_it_is(url: str, token: str) -> None:
    async with live_socket(url, additional_headers={"cookie": f"lyceum_access={token}"}) as socket:
        await socket.say("follow", topic="jobs")
        assert await socket.closed() == 4401


async def test_a_program_opens_one_by_its_access_token_in_the_header_or_the_first_message(
    url: str, token: str, member: Member
) -> None:
    async with live_socket(url, key=token, path=f"{SOCKET_PATH}?organisation={member.org_name}") as socket:
        assert (await socket.follow("jobs"))["type"] == "following"
    async with live_socket(url) as socket:
        await socket.say("hello", key=token)
        assert (await socket.hear())["type"] == "welcome"


async def test_an_organisation_one_is_not_in_is_not_found(url: str, token: str, stranger: Member) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with live_socket(url, key=token, path=f"{SOCKET_PATH}?organisation={stranger.org_name}"):
            pass
    assert refused.value.response.status_code == 404


async def test_a_socket_outlives_the_token_that_opened_it_and_ends_with_its_session(
    url: str, hub_settings: Settings, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_tokens, "ACCESS_SECONDS", 2)
    monkeypatch.setattr(access_tokens, "LEEWAY_SECONDS", 0)
    async with running_app(hub_settings) as app, browser_of(app) as browser:
        email = await give_password(app, member.user_id)
        said = (await sign_in(browser, email, cookies=False)).json()
        async with live_socket(url, key=said["access_token"]) as socket, client_at(url) as client:
            client.headers["authorization"] = f"Bearer {said['access_token']}"
            async with asyncio.timeout(10):
                while (await client.get("/api/v1/me")).status_code == 200:
                    pass
            assert (await socket.follow("jobs"))["type"] == "following"
            await sign_in(browser, email)
            assert (await browser.delete("/api/v1/sessions")).status_code == 204
            assert await socket.closed() == 4401
