"""Other programs have their people sign in through the hub, which is their OpenID provider."""

import warnings
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import jwt
import pytest
from fastapi import FastAPI

from fixtures.app import ServedProcess, client_at, client_of, eventually, job_row, rows_of, running_worker
from fixtures.far_http import FarAnswer, far_http
from fixtures.people import as_administrator
from fixtures.servers import TestDatabase
from fixtures.sign_in import password_hash, sign_in, signed_in_client
from lyceum.accounts.provider import jobs
from lyceum.kernel.db import NOBODY
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.tx import transaction
from make.accounts import Member
from make.oauth import REDIRECT_URI, Program, code_for, form_in, make_program, told_by

BASE = "http://127.0.0.1:8000"


@pytest.fixture
async def program(sign_on_app: FastAPI, operator: Member) -> Program:
    """A program that does not ask its people."""
    return await make_program(sign_on_app, operator)


@pytest.fixture
async def browser_in(sign_on_app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which the member has signed in."""
    async with signed_in_client(sign_on_app, member) as client:
        yield client


async def verified(client: httpx.AsyncClient, token: str, **options: Any) -> dict[str, Any]:
    """Return what a token says, checked with the hub's published keys."""
    keys = jwt.PyJWKSet.from_dict((await client.get("/.well-known/jwks.json")).json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], issuer=BASE, **options)
    return claims


async def test_a_program_learns_who_somebody_is_and_what_they_are_in(
    sign_on_app: FastAPI, member: Member, program: Program, browser_in: httpx.AsyncClient
) -> None:
    told = told_by(await browser_in.get(program.asks()))
    assert (told["state"], told["iss"]) == ("a state", BASE)
    async with client_of(sign_on_app) as server:
        answer = await program.exchange(server, told["code"])
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        tokens = answer.json()
        assert "refresh_token" not in tokens
        claims = await verified(server, tokens["id_token"], audience=program.id)
        asked = {"authorization": f"Bearer {tokens['access_token']}"}
        userinfo = (await server.get("/api/v1/oauth/userinfo", headers=asked)).json()
        email = f"{member.user_id.hex}@example.org"
        assert userinfo == {
            "sub": str(member.user_id),
            "name": "A member",
            "preferred_username": email,
            "email": email,
            "email_verified": False,
            "groups": [f"{member.org_name}:owner"],
        }
        assert userinfo.items() <= claims.items()
        assert (claims["nonce"], claims["azp"]) == ("a nonce", program.id)
        assert claims["exp"] - claims["iat"] == 600
        # what a program gets opens nothing of the hub itself
        for token in (tokens["access_token"], tokens["id_token"]):
            assert (await server.get("/api/v1/me", headers={"authorization": f"Bearer {token}"})).status_code == 401


async def test_a_program_is_told_no_more_than_it_asked_for(
    sign_on_app: FastAPI, member: Member, program: Program, browser_in: httpx.AsyncClient
) -> None:
    code = await code_for(browser_in, program, scope="openid unknown", nonce=None)
    async with client_of(sign_on_app) as server:
        tokens = (await program.exchange(server, code)).json()
        assert tokens["scope"] == "openid"
        asked = {"authorization": f"Bearer {tokens['access_token']}"}
        assert (await server.post("/api/v1/oauth/userinfo", headers=asked)).json() == {"sub": str(member.user_id)}
        claims = await verified(server, tokens["id_token"], audience=program.id)
    assert claims.keys() == {"sub", "iss", "aud", "azp", "iat", "exp", "auth_time", "sid", "at_hash"}


async def test_the_person_is_asked_once_and_may_say_no(
    sign_on_app: FastAPI, operator: Member, browser_in: httpx.AsyncClient
) -> None:
    asking = await make_program(sign_on_app, operator, asks_consent=True, title="<b>Grafana</b>")
    page = await browser_in.get(asking.asks())
    assert page.status_code == 200
    assert "&lt;b&gt;Grafana" in page.text
    assert "form-action 'self' https://jupyter.example;" in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    form = form_in(page.text)
    refused = told_by(await browser_in.post("/authorize", data={**form, "answer": "refuse"}))
    assert (refused["error"], refused["state"]) == ("access_denied", "a state")
    # asked without a word to the person it gets none either
    silent = told_by(await browser_in.get(asking.asks(prompt="none")))
    assert silent["error"] == "consent_required"
    assert "code" in told_by(await browser_in.post("/authorize", data={**form, "answer": "allow"}))
    assert "code" in told_by(await browser_in.get(asking.asks(prompt="none")))
    more = await browser_in.get(asking.asks(scope="openid profile email groups offline_access"))
    assert more.status_code == 200
    assert (await browser_in.get(asking.asks(prompt="consent"))).status_code == 200


async def test_who_let_a_program_know_them_sees_that_and_takes_it_back(
    sign_on_app: FastAPI, operator: Member, program: Program, browser_in: httpx.AsyncClient
) -> None:
    code = await code_for(browser_in, program, scope="openid offline_access")
    async with client_of(sign_on_app) as server, signed_in_client(sign_on_app, operator) as somebody:
        tokens = (await program.exchange(server, code)).json()
        [known] = (await browser_in.get("/api/v1/me/programs")).json()["items"]
        assert (known["id"], known["scopes"]) == (program.id, ["openid", "offline_access"])
        assert (await somebody.get("/api/v1/me/programs")).json()["items"] == []
        assert (await somebody.delete(f"/api/v1/me/programs/{program.id}")).status_code == 404
        bearer = {"authorization": f"Bearer {tokens['access_token']}"}
        assert (await server.get("/api/v1/oauth/userinfo", headers=bearer)).status_code == 200
        assert (await browser_in.delete(f"/api/v1/me/programs/{program.id}")).status_code == 204
        assert (await server.get("/api/v1/oauth/userinfo", headers=bearer)).status_code == 401
        refreshing = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        by_program = {"client_id": program.id, "client_secret": program.secret}
        refused = await server.post("/api/v1/oauth/token", data={**refreshing, **by_program})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await browser_in.get("/api/v1/me/programs")).json()["items"] == []


async def test_a_page_of_the_web_app_asks_the_same_by_the_api(
    sign_on_app: FastAPI, operator: Member, browser_in: httpx.AsyncClient, visitor: httpx.AsyncClient
) -> None:
    asking = await make_program(sign_on_app, operator, asks_consent=True)
    query = asking.asks().partition("?")[2]
    assert (await visitor.get(f"/api/v1/authorizations?{query}")).json()["state"] == "sign_in"
    step = (await browser_in.get(f"/api/v1/authorizations?{query}")).json()
    assert (step["state"], step["program"], step["scopes"][0]) == ("consent", "JupyterHub", "openid")
    given = {"parameters": dict(httpx.QueryParams(query)), "allow": True}
    decided = await browser_in.post("/api/v1/authorizations", json=given)
    assert decided.json()["redirect_to"].startswith(f"{REDIRECT_URI}?code=")
    assert (await browser_in.get(f"/api/v1/authorizations?{query}")).json()["state"] == "ready"


async def test_whoever_is_not_signed_in_signs_in_first_and_comes_back(
    program: Program, visitor: httpx.AsyncClient
) -> None:
    answer = await visitor.get(program.asks())
    location = httpx.URL(answer.headers["location"])
    assert (location.path, location.params["return_to"]) == ("/sign-in", program.asks())
    assert told_by(await visitor.get(program.asks(prompt="none")))["error"] == "login_required"


async def test_a_sign_in_older_than_the_program_wants_is_not_enough(
    program: Program, member: Member, database: TestDatabase, browser_in: httpx.AsyncClient
) -> None:
    rows_of(database, "UPDATE sessions SET created_at = now() - interval '1 hour' WHERE user_id = %s", member.user_id)
    for asked in ({"max_age": "1800"}, {"prompt": "login"}):
        assert (await browser_in.get(program.asks(**asked))).headers["location"].startswith("/sign-in")
    assert "code" in told_by(await browser_in.get(program.asks(max_age="7200")))


async def test_refresh_tokens_go_round_and_end_with_the_session(
    sign_on_app: FastAPI, program: Program, browser_in: httpx.AsyncClient
) -> None:
    code = await code_for(browser_in, program, scope="openid offline_access")
    async with client_of(sign_on_app) as server:

        async def refreshed(token: str) -> httpx.Response:
            more = {"grant_type": "refresh_token", "refresh_token": token, "redirect_uri": None, "code_verifier": None}
            return await program.exchange(server, "", **more)

        first = (await program.exchange(server, code)).json()["refresh_token"]
        second = (await refreshed(first)).json()["refresh_token"]
        third = (await refreshed(second)).json()["refresh_token"]
        await browser_in.delete("/api/v1/sessions/current")
        assert (await refreshed(third)).json()["error"] == "invalid_grant"


async def test_signing_out_at_a_program_signs_out_here_and_goes_back_there(
    sign_on_app: FastAPI, operator: Member, browser_in: httpx.AsyncClient
) -> None:
    leads_back = await make_program(sign_on_app, operator, sign_out_uris=["https://jupyter.example/bye"])
    code = await code_for(browser_in, leads_back)
    async with client_of(sign_on_app) as server:
        hint = (await leads_back.exchange(server, code)).json()["id_token"]
    asked = {"id_token_hint": hint, "post_logout_redirect_uri": "https://jupyter.example/bye", "state": "s"}
    answer = await browser_in.get("/api/v1/oauth/end-session", params=asked)
    assert answer.headers["location"] == "https://jupyter.example/bye?state=s"
    assert (await browser_in.get("/api/v1/sessions")).status_code == 401


async def test_programs_are_told_when_a_session_ends(
    sign_on_app: FastAPI, database: TestDatabase, member: Member, operator: Member, browser_in: httpx.AsyncClient
) -> None:
    async with far_http(lambda _: FarAnswer(200)) as far:
        url = f"{far.url}/logout".replace("127.0.0.1", "localhost")
        told = await make_program(sign_on_app, operator, back_channel_logout_url=url)
        code = await code_for(browser_in, told)
        async with client_of(sign_on_app) as server:
            await told.exchange(server, code)
            await browser_in.delete("/api/v1/sessions/current")
            resources = sign_on_app.state.resources
            async with transaction(resources.database, NOBODY) as tx:
                job_id = await enqueue(tx, jobs.TellOfLogouts())
            async with running_worker(resources, *jobs.HANDLERS):
                await eventually(lambda: job_row(database, job_id)["state"] == "done")
            assert [(request.method, request.path) for request in far.requests] == [("POST", "/logout")]
            token = dict(httpx.QueryParams(far.requests[0].body.decode()))["logout_token"]
            claims = await verified(server, token, audience=told.id)
    assert claims["sub"] == str(member.user_id)
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}


async def test_programs_are_made_by_administrators_alone_and_their_secret_is_shown_once(
    sign_on_app: FastAPI, operator: Member, member: Member, program: Program
) -> None:
    path = "/api/v1/admin/oauth-clients"
    async with as_administrator(sign_on_app, operator) as client:
        shown = await client.get(f"{path}/{program.id}")
        assert program.secret not in shown.text
        change = {"title": "Another", "redirect_uris": [REDIRECT_URI]}
        assert (await client.put(f"{path}/{program.id}", json=change)).status_code == 428
        changed = await client.put(f"{path}/{program.id}", json=change, headers={"if-match": shown.headers["etag"]})
        assert (changed.json()["title"], changed.json()["asks_consent"]) == ("Another", True)
        fresh = (await client.post(f"{path}/{program.id}/secret")).json()["client_secret"]
        async with client_of(sign_on_app) as server:
            old = await program.exchange(server, "x")
            new = await program.exchange(server, "x", client_secret=fresh)
        assert (old.status_code, old.json()["error"]) == (401, "invalid_client")
        assert (new.status_code, new.json()["error"]) == (400, "invalid_grant")
        for uri in (
            "http://jupyter.example/cb",
            "https://jupyter.example/cb#x",
            "https://*.example/cb",
            "https://user@jupyter.example/cb",
            "javascript:alert(1)",
            "/cb",
            "",
        ):
            refused = await client.post(path, json={**change, "redirect_uris": [uri]})
            assert (refused.status_code, refused.json()["code"]) == (422, "redirect_uri_unusable"), uri
        assert (await client.delete(f"{path}/{program.id}")).status_code == 204
        assert (await client.get(f"{path}/{program.id}")).status_code == 404
    async with client_of(sign_on_app, key=member.key) as client:
        assert (await client.get(path)).status_code == 403


async def test_a_client_library_signs_somebody_in_over_sockets(
    serve: Callable[..., ServedProcess],
    database: TestDatabase,
    operator: Member,
    member: Member,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from authlib.integrations.httpx_client import AsyncOAuth2Client
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwk
        from joserfc import jwt as jose
    hub = serve("lyceum.web")
    callback = "http://127.0.0.1:9/callback"
    async with client_at(hub.url) as admin:
        rows_of(database, "UPDATE users SET password_hash = %s WHERE id = %s", password_hash(), operator.user_id)
        signed_in = await sign_in(admin, f"{operator.user_id.hex}@example.org", cookies=False)
        admin.headers["authorization"] = f"Bearer {signed_in.json()['access_token']}"
        made = await admin.post(
            "/api/v1/admin/oauth-clients",
            json={"title": "A library", "redirect_uris": [callback], "asks_consent": False},
        )
        document = (await admin.get("/.well-known/openid-configuration")).json()
        published = (await admin.get("/.well-known/jwks.json")).json()
    library = AsyncOAuth2Client(
        made.json()["id"],
        made.json()["client_secret"],
        redirect_uri=callback,
        scope="openid profile email groups",
        code_challenge_method="S256",
    )
    verifier = "v" * 64
    url, state = library.create_authorization_url(document["authorization_endpoint"], code_verifier=verifier, nonce="n")
    async with client_at(hub.url) as browser:
        rows_of(database, "UPDATE users SET password_hash = %s WHERE id = %s", password_hash(), member.user_id)
        signed_in = await sign_in(browser, f"{member.user_id.hex}@example.org")
        assert signed_in.status_code == 201
        back = (await browser.get(url)).headers["location"]
    token = await library.fetch_token(
        document["token_endpoint"], authorization_response=back, code_verifier=verifier, state=state
    )
    keys = jwk.KeySet.import_key_set(published)
    claims = CodeIDToken(
        jose.decode(token["id_token"], keys, algorithms=["RS256"]).claims,
        {"alg": "RS256"},
        options={"iss": {"essential": True, "value": document["issuer"]}, "aud": {"value": made.json()["id"]}},
        params={"nonce": "n", "client_id": made.json()["id"], "access_token": token["access_token"]},
    )
    claims.validate(leeway=5)
    told = (await library.get(document["userinfo_endpoint"])).json()
    await library.aclose()
    assert (told["sub"], told["groups"]) == (str(member.user_id), [f"{member.org_name}:owner"])
    assert claims["sub"] == told["sub"]
