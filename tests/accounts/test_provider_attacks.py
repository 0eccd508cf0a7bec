"""What a hostile page, program or person tries where the hub is the OpenID provider."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of
from fixtures.servers import TestDatabase
from fixtures.sign_in import signed_in_client
from make.accounts import Member
from make.oauth import REDIRECT_URI, Program, code_for, form_in, make_program, told_by


@pytest.fixture
async def program(sign_on_app: FastAPI, operator: Member) -> Program:
    """A program that does not ask its people."""
    return await make_program(sign_on_app, operator, sign_out_uris=["https://jupyter.example/bye"])


@pytest.fixture
async def browser_in(sign_on_app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which the member has signed in."""
    async with signed_in_client(sign_on_app, member) as client:
        yield client


@pytest.fixture
async def server(sign_on_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A program's server."""
    async with client_of(sign_on_app) as client:
        yield client


ELSEWHERE = (
    "https://evil.example/hub/oauth_callback",
    f"{REDIRECT_URI}/",
    f"{REDIRECT_URI}/../evil",
    f"{REDIRECT_URI}?next=https://evil.example",
    f"{REDIRECT_URI}#x",
    f"{REDIRECT_URI}%0d%0a",
    "https://jupyter.example:443/hub/oauth_callback",
    "https://jupyter.example@evil.example/hub/oauth_callback",
    "https://JUPYTER.example/hub/oauth_callback",
    "http://jupyter.example/hub/oauth_callback",
    "javascript:alert(1)",
    "",
    None,
)


async def test_nobody_is_sent_to_an_address_that_is_not_letter_for_letter_the_programs(
    program: Program, browser_in: httpx.AsyncClient
) -> None:
    for uri in ELSEWHERE:
        answer = await browser_in.get(program.asks(redirect_uri=uri))
        assert (answer.status_code, "location" in answer.headers) == (422, False), uri
    for client_id in ("", "made-up", "01a2038f-abf7-7012-9722-87808805ecb4"):
        answer = await browser_in.get(program.asks(client_id=client_id))
        assert (answer.status_code, "location" in answer.headers) == (422, False), client_id
    twice = await browser_in.get(f"{program.asks()}&redirect_uri=https://evil.example")
    assert twice.status_code == 422


async def test_a_request_that_asks_for_less_safety_is_told_so(program: Program, browser_in: httpx.AsyncClient) -> None:
    for asked, error in (
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"request_uri": "http://169.254.169.254/"}, "request_uri_not_supported"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"nonce": "x" * 2_001}, "invalid_request"),
    ):
        told = told_by(await browser_in.get(program.asks(**asked)))
        assert (told["error"], told["state"]) == (error, "a state"), asked
        assert "code" not in told


async def test_a_code_needs_the_verifier_the_address_and_the_program_it_was_made_for(
    sign_on_app: FastAPI, operator: Member, program: Program, browser_in: httpx.AsyncClient, server: httpx.AsyncClient
) -> None:
    other = await make_program(sign_on_app, operator)
    for more in (
        {"code_verifier": None},
        {"code_verifier": ""},
        {"code_verifier": "x" * 64},
        {"redirect_uri": None},
        {"redirect_uri": f"{REDIRECT_URI}/"},
        {"client_id": other.id, "client_secret": other.secret},
    ):
        refused = await program.exchange(server, await code_for(browser_in, program), **more)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant"), more
    for more in (
        {"client_secret": "wrong"},
        {"client_secret": None},
        {"client_id": other.id},
        {"client_id": "made-up"},
    ):
        refused = await program.exchange(server, await code_for(browser_in, program), **more)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client"), more


async def test_a_code_that_comes_twice_takes_back_what_came_of_it(
    program: Program, browser_in: httpx.AsyncClient, server: httpx.AsyncClient
) -> None:
    code = await code_for(browser_in, program)
    access = (await program.exchange(server, code)).json()["access_token"]
    headers = {"authorization": f"Bearer {access}"}
    assert (await server.get("/api/v1/oauth/userinfo", headers=headers)).status_code == 200
    assert (await program.exchange(server, code)).json()["error"] == "invalid_grant"
    refused = await server.get("/api/v1/oauth/userinfo", headers=headers)
    assert (refused.status_code, "invalid_token" in refused.headers["www-authenticate"]) == (401, True)


async def test_a_code_is_good_for_a_minute(
    database: TestDatabase, program: Program, browser_in: httpx.AsyncClient, server: httpx.AsyncClient
) -> None:
    code = await code_for(browser_in, program)
    rows_of(database, "UPDATE oauth_grants SET code_expires_at = now() WHERE client_id = %s", program.id)
    assert (await program.exchange(server, code)).json()["error"] == "invalid_grant"


async def test_a_refresh_token_that_comes_twice_ends_what_it_is_of(
    sign_on_app: FastAPI, operator: Member, program: Program, browser_in: httpx.AsyncClient, server: httpx.AsyncClient
) -> None:
    other = await make_program(sign_on_app, operator)
    code = await code_for(browser_in, program, scope="openid offline_access")
    tokens = (await program.exchange(server, code)).json()
    again = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    stolen = await program.exchange(server, "", **again, client_id=other.id, client_secret=other.secret)
    assert stolen.json()["error"] == "invalid_grant"
    fresh = (await program.exchange(server, "", **again)).json()
    assert (await program.exchange(server, "", **again)).json()["error"] == "invalid_grant"
    newest = {**again, "refresh_token": fresh["refresh_token"]}
    assert (await program.exchange(server, "", **newest)).json()["error"] == "invalid_grant"
    headers = {"authorization": f"Bearer {fresh['access_token']}"}
    assert (await server.get("/api/v1/oauth/userinfo", headers=headers)).status_code == 401


async def test_tokens_of_somebody_suspended_open_nothing(
    database: TestDatabase, member: Member, program: Program, browser_in: httpx.AsyncClient, server: httpx.AsyncClient
) -> None:
    waiting = await code_for(browser_in, program)
    code = await code_for(browser_in, program, scope="openid offline_access")
    tokens = (await program.exchange(server, code)).json()
    rows_of(database, "UPDATE users SET suspended_at = now() WHERE id = %s", member.user_id)
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    assert (await server.get("/api/v1/oauth/userinfo", headers=headers)).status_code == 401
    assert (await program.exchange(server, waiting)).json()["error"] == "invalid_grant"
    again = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await program.exchange(server, "", **again)).json()["error"] == "invalid_grant"


async def test_signing_out_leads_to_no_other_site_and_signs_nobody_out_without_their_token(
    sign_on_app: FastAPI, program: Program, browser_in: httpx.AsyncClient, server: httpx.AsyncClient
) -> None:
    tokens = (await program.exchange(server, await code_for(browser_in, program))).json()
    bye = "https://jupyter.example/bye"
    access = next(cookie.value for cookie in browser_in.cookies.jar if cookie.name == "lyceum_access")
    for asked in (
        {"post_logout_redirect_uri": bye},
        {"post_logout_redirect_uri": bye, "id_token_hint": "x.y.z"},
        {"post_logout_redirect_uri": bye, "id_token_hint": tokens["id_token"][:-4]},
        {"post_logout_redirect_uri": bye, "id_token_hint": access},
        {"post_logout_redirect_uri": bye, "id_token_hint": tokens["id_token"], "client_id": "another"},
    ):
        answer = await browser_in.get("/api/v1/oauth/end-session", params=asked)
        assert answer.headers["location"] == "/", asked
    assert (await browser_in.get("/api/v1/sessions")).status_code == 200
    for uri in ("https://evil.example", f"{bye}/", f"{bye}?x", "//evil.example"):
        asked = {"post_logout_redirect_uri": uri, "id_token_hint": tokens["id_token"]}
        answer = await browser_in.get("/api/v1/oauth/end-session", params=asked)
        assert answer.headers["location"] == "/", uri


async def test_nobody_else_can_say_yes_for_somebody(
    sign_on_app: FastAPI, operator: Member, stranger: Member, browser_in: httpx.AsyncClient, visitor: httpx.AsyncClient
) -> None:
    asking = await make_program(sign_on_app, operator, asks_consent=True)
    form = form_in((await browser_in.get(asking.asks())).text)
    async with signed_in_client(sign_on_app, stranger) as other:
        strangers = form_in((await other.get(asking.asks())).text)
    for sent in (
        {**form, "ticket": ""},
        {**form, "ticket": strangers["ticket"]},
        {**form, "query": asking.asks(state="another").partition("?")[2]},
    ):
        answer = await browser_in.post("/authorize", data={**sent, "answer": "allow"})
        assert (answer.status_code, "location" in answer.headers) == (422, False), sent
    assert (await visitor.post("/authorize", data={**form, "answer": "allow"})).status_code == 422
    # by the API, only with what a page of the hub's own can send
    given = {"parameters": dict(httpx.QueryParams(asking.asks().partition("?")[2])), "allow": True}
    refused = await browser_in.post("/api/v1/authorizations", json=given, headers={"x-csrf-token": "x"})
    assert refused.status_code == 403


async def test_whoever_acts_as_somebody_does_not_sign_in_elsewhere_as_them(
    database: TestDatabase, member: Member, operator: Member, program: Program, browser_in: httpx.AsyncClient
) -> None:
    impersonated = "UPDATE sessions SET impersonator_id = %s WHERE user_id = %s"
    rows_of(database, impersonated, operator.user_id, member.user_id)
    assert told_by(await browser_in.get(program.asks()))["error"] == "access_denied"
