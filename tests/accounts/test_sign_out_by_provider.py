"""A provider tells that somebody has signed out there: OpenID Connect Back-Channel Logout 1.0."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from fastapi import FastAPI

from fixtures.app import client_of, rows_of
from fixtures.factors import SECOND, set_up_phone
from fixtures.identity_provider import ToldProvider
from fixtures.servers import TestDatabase
from fixtures.sign_in import browser_of
from make.accounts import Member, make_key, make_organisation
from make.signon import SetUpProvider, add_rule, came_back, is_signed_in, problem_of, until_signed_out


async def _logged_out(app: FastAPI, chosen: SetUpProvider, token: str) -> httpx.Response:
    async with client_of(app) as client:
        return await client.post(f"{chosen.start}/back-channel-logout", data={"logout_token": token})


async def test_a_provider_ends_one_session_or_all_that_somebody_has_by_it(
    sign_on_app: FastAPI,
    database: TestDatabase,
    operator: Member,
    chosen: SetUpProvider,
    provider: ToldProvider,
) -> None:
    lab, lab_name = make_organisation(database)
    await add_rule(sign_on_app, operator, chosen, group="lab", organisation=lab_name, role="viewer")
    async with browser_of(sign_on_app) as one, browser_of(sign_on_app) as two:
        for browser, session in ((one, "s1"), (two, "s2")):
            provider.claims = {"sub": "signs-out", "sid": session, "groups": ["lab"]}
            assert problem_of(await came_back(browser, chosen, provider)) is None
        token = provider.logout_token(sub="signs-out", sid="s1")
        assert (await _logged_out(sign_on_app, chosen, token)).status_code == 200
        assert (await is_signed_in(one), await is_signed_in(two)) == (False, True)
        # the same word again is nobody's
        assert (await _logged_out(sign_on_app, chosen, token)).status_code == 400
        user_id = rows_of(database, "SELECT user_id FROM sign_on_identities WHERE subject = 'signs-out'")[0]["user_id"]
        key_id, _ = make_key(database, org_id=lab, user_id=user_id)
        answer = await _logged_out(sign_on_app, chosen, provider.logout_token(sub="signs-out"))
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        await until_signed_out(two)
    assert rows_of(database, "SELECT 1 FROM memberships WHERE user_id = %s", user_id) == []
    assert rows_of(database, "SELECT revoked_at FROM api_keys WHERE id = %s", key_id)[0]["revoked_at"] is not None


async def test_a_session_that_took_a_second_factor_here_ends_with_the_others(
    sign_on_app: FastAPI, database: TestDatabase, chosen: SetUpProvider, provider: ToldProvider
) -> None:
    provider.claims = {"sub": "has-a-phone"}
    async with browser_of(sign_on_app) as browser:
        await came_back(browser, chosen, provider)
        phone = await set_up_phone(browser)
    async with browser_of(sign_on_app) as browser:
        asked = await came_back(browser, chosen, provider)
        ticket = parse_qs(urlsplit(asked.headers["location"]).fragment)["ticket"][0]
        begun = await browser.post(SECOND, json={"ticket": ticket, "totp": phone.fresh_code(database)})
        assert begun.status_code == 201
        assert begun.json()["session"]["signed_in_with"] == f"sign-on:{chosen.name}"
        answer = await _logged_out(sign_on_app, chosen, provider.logout_token(sub="has-a-phone"))
        assert answer.status_code == 200
        await until_signed_out(browser)


NO_LOGOUT: tuple[dict[str, Any], ...] = (
    {"sub": None},
    {"nonce": "n"},
    {"events": None},
    {"events": {"http://schemas.openid.net/event/other": {}}},
    {"iss": "https://else.example"},
    {"aud": "another program"},
    {"jti": None},
    {"exp": int(time.time()) - 120},
    {"exp": int(time.time()) + 30 * 86_400},
)


async def test_a_logout_token_that_is_none_ends_nothing(
    sign_on_app: FastAPI, chosen: SetUpProvider, provider: ToldProvider, visitor: httpx.AsyncClient
) -> None:
    assert problem_of(await came_back(visitor, chosen, provider)) is None
    for claims in NO_LOGOUT:
        refused = await _logged_out(sign_on_app, chosen, provider.logout_token(**{"sub": "somebody", **claims}))
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request"), claims
    assert await is_signed_in(visitor)


async def test_an_id_token_is_no_logout_token(
    sign_on_app: FastAPI, chosen: SetUpProvider, provider: ToldProvider, visitor: httpx.AsyncClient
) -> None:
    assert problem_of(await came_back(visitor, chosen, provider)) is None
    assert (await _logged_out(sign_on_app, chosen, provider.token(None))).status_code == 400
    assert await is_signed_in(visitor)
