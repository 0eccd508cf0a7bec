"""Signing in, going on and signing out: sessions over HTTP, in a browser and in a program."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of, running_app
from fixtures.query_count import counted_queries
from fixtures.servers import TestDatabase
from fixtures.sign_in import browser_of, give_password, program_of, sign_in, signed_in_client
from fixtures.within import is_let_in, no_longer_than
from lyceum.accounts.known import KNOWN_SECONDS
from lyceum.accounts.sessions import service
from lyceum.kernel.config import Settings
from make.accounts import Member, make_member, make_organisation, make_user

ME = "/api/v1/me"


async def opens_nothing(client: httpx.AsyncClient) -> None:
    """Return once the client is nobody's; fails when that takes longer than a second."""

    await no_longer_than(KNOWN_SECONDS, lambda: is_let_in(client))


async def test_somebody_signs_in_with_a_password_and_acts_in_their_organisation(
    app: FastAPI, member: Member, browser: httpx.AsyncClient
) -> None:
    answer = await sign_in(browser, (await give_password(app, member.user_id)).upper())
    assert answer.status_code == 201
    said = answer.json()
    assert (said["state"], said["expires_in"]) == ("signed_in", 900)
    assert (said["session"]["device"], said["session"]["address"]) == ("Firefox on Linux", "127.0.0.1")
    assert said["session"]["signed_in_with"] == "password"
    assert said["access_token"] is said["refresh_token"] is None
    assert answer.headers["cache-control"] == "no-store"
    me = (await browser.get(ME)).json()
    assert (me["user_id"], me["organisation"]) == (str(member.user_id), member.org_name)
    assert "members:manage" in me["powers"]
    assert "hub:operate" not in me["powers"]


async def test_a_program_gets_its_tokens_in_the_answer_and_no_cookie(app: FastAPI, member: Member) -> None:
    async with program_of(app, member) as (client, said):
        assert said["refresh_token"].startswith("lyr_")
        assert len(client.cookies) == 0
        assert (await client.get(ME)).json()["user_id"] == str(member.user_id)
        made = await client.post("/api/v1/datasets", json={"name": "flights"})
    assert made.status_code == 201


async def test_a_request_in_a_session_costs_no_query(
    hub_settings: Settings, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.accounts.known.KNOWN_SECONDS", 60.0)
    async with running_app(hub_settings) as patient, signed_in_client(patient, member) as client:
        assert (await client.get("/api/v1/roles")).status_code == 200
        with counted_queries(patient) as queries:
            for _ in range(20):
                assert (await client.get("/api/v1/roles")).status_code == 200
    assert queries.statements == []


async def test_a_person_in_two_organisations_acts_in_the_one_they_name_and_else_in_the_oldest(
    app: FastAPI, member: Member, stranger: Member, database: TestDatabase
) -> None:
    join = "INSERT INTO memberships (org_id, user_id, role) VALUES (%s, %s, 'viewer')"
    rows_of(database, join, stranger.org_id, member.user_id)
    async with signed_in_client(app, member) as client:
        seen = [
            (await client.get(ME, headers=named)).json() for named in ({}, {"lyceum-organisation": stranger.org_name})
        ]
        for name in ("nobody-has-this", "../..", "x" * 500, make_organisation(database)[1]):
            refused = await client.get(ME, headers={"lyceum-organisation": name})
            assert (refused.status_code, refused.json()["code"]) == (404, "organisation_not_found")
    assert [me["organisation"] for me in seen] == [member.org_name, stranger.org_name]
    assert "datasets:write" in seen[0]["powers"]
    assert "datasets:write" not in seen[1]["powers"]


async def test_somebody_in_no_organisation_is_signed_in_and_told_so(app: FastAPI, database: TestDatabase) -> None:
    email = await give_password(app, make_user(database))
    async with browser_of(app) as client:
        assert (await sign_in(client, email)).status_code == 201
        assert (await client.get("/api/v1/sessions")).status_code == 200
        refused = await client.get("/api/v1/api-keys")
    assert (refused.status_code, refused.json()["code"]) == (403, "organisation_needed")


@pytest.mark.parametrize("password", ["wrong horse battery", "", "ü" * 1000])
async def test_a_wrong_password_and_somebody_unknown_are_refused_in_the_same_words(
    app: FastAPI, member: Member, browser: httpx.AsyncClient, password: str
) -> None:
    email = await give_password(app, member.user_id)
    wrong = await sign_in(browser, email, password or "x")
    unknown = await sign_in(browser, "nobody@example.org", password or "x")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "sign_in_refused")
    assert wrong.content == unknown.content
    assert len(browser.cookies) == 0


async def test_somebody_suspended_cannot_sign_in_and_their_session_ends(
    app: FastAPI, member: Member, database: TestDatabase, browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.accounts.known.SHARED_SECONDS", 0.0)
    async with signed_in_client(app, member) as client:
        rows_of(database, "UPDATE users SET suspended_at = now() WHERE id = %s", member.user_id)
        await opens_nothing(client)
        assert (await client.post("/api/v1/sessions/refresh")).status_code == 401
        email = rows_of(database, "SELECT email FROM users WHERE id = %s", member.user_id)[0]["email"]
        assert (await sign_in(browser, email)).json()["code"] == "sign_in_refused"


async def test_a_session_goes_on_with_a_new_pair_of_tokens(app: FastAPI, member: Member) -> None:
    async with signed_in_client(app, member) as client:
        before = {cookie.name: cookie.value for cookie in client.cookies.jar}
        answer = await client.post("/api/v1/sessions/refresh")
        after = {cookie.name: cookie.value for cookie in client.cookies.jar}
        assert answer.status_code == 200
        assert (await client.get(ME)).status_code == 200
    assert before["lyceum_refresh"] != after["lyceum_refresh"]
    assert before["lyceum_csrf"] == after["lyceum_csrf"]
    async with program_of(app, member) as (client, said):
        given = {"refresh_token": said["refresh_token"]}
        fresh = (await client.post("/api/v1/sessions/refresh", json=given)).json()
        assert fresh["session"]["id"] == said["session"]["id"]
        client.headers["authorization"] = f"Bearer {fresh['access_token']}"
        assert (await client.get(ME)).status_code == 200


async def test_a_refresh_token_that_comes_again_ends_the_session_for_whoever_has_it(
    app: FastAPI, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "TWIN_GRACE", timedelta(0))
    async with program_of(app, member) as (client, said):
        old = {"refresh_token": said["refresh_token"]}
        fresh = (await client.post("/api/v1/sessions/refresh", json=old)).json()
        again = await client.post("/api/v1/sessions/refresh", json=old)
        assert (again.status_code, again.json()["code"]) == (401, "session_revoked")
        newest = await client.post("/api/v1/sessions/refresh", json={"refresh_token": fresh["refresh_token"]})
        assert newest.json()["code"] == "session_revoked"
        await opens_nothing(client)


async def test_tabs_that_refresh_at_once_all_go_on_but_not_once_the_next_token_is_in_use(
    app: FastAPI, member: Member
) -> None:
    async with program_of(app, member) as (client, said):

        async def refreshed(token: str) -> httpx.Response:
            return await client.post("/api/v1/sessions/refresh", json={"refresh_token": token})

        twins = await asyncio.gather(*(refreshed(said["refresh_token"]) for _ in range(3)))
        assert [answer.status_code for answer in twins] == [200] * 3
        assert (await refreshed(twins[0].json()["refresh_token"])).status_code == 200
        assert (await refreshed(said["refresh_token"])).status_code == 401


@pytest.mark.parametrize("token", ["", "lyr_x", f"lyr_{'0' * 32}_{'a' * 43}", "lyr_" + "ä" * 20])
async def test_a_made_up_refresh_token_is_refused(anonymous: httpx.AsyncClient, token: str) -> None:
    answer = await anonymous.post("/api/v1/sessions/refresh", json={"refresh_token": token})
    assert (answer.status_code, answer.json()["code"]) == (401, "session_revoked")


async def test_a_made_up_token_of_somebodys_session_does_not_end_it(app: FastAPI, member: Member) -> None:
    async with program_of(app, member) as (client, said):
        made_up = said["refresh_token"][:-43] + "a" * 43
        assert (await client.post("/api/v1/sessions/refresh", json={"refresh_token": made_up})).status_code == 401
        real = {"refresh_token": said["refresh_token"]}
        assert (await client.post("/api/v1/sessions/refresh", json=real)).status_code == 200


async def test_one_sees_where_one_is_signed_in_and_signs_a_device_out(
    app: FastAPI, member: Member, stranger: Member
) -> None:
    async with (
        signed_in_client(app, member) as here,
        program_of(app, member) as (there, said),
        signed_in_client(app, stranger) as theirs,
    ):
        listed = (await here.get("/api/v1/sessions")).json()["items"]
        assert [(one["device"], one["current"]) for one in listed] == [("Python", False), ("Firefox on Linux", True)]
        other = said["session"]["id"]
        refused = await theirs.delete(f"/api/v1/sessions/{other}")
        assert (refused.status_code, refused.json()["code"]) == (404, "session_not_found")
        assert (await here.delete(f"/api/v1/sessions/{other}")).status_code == 204
        await opens_nothing(there)
        again = {"refresh_token": said["refresh_token"]}
        assert (await there.post("/api/v1/sessions/refresh", json=again)).json()["code"] == "session_revoked"
        assert [one["current"] for one in (await here.get("/api/v1/sessions")).json()["items"]] == [True]


async def test_a_key_sees_and_ends_no_sessions(app: FastAPI, member: Member) -> None:
    async with client_of(app, key=member.key) as client:
        for method, path in (("GET", "/api/v1/sessions"), ("DELETE", "/api/v1/sessions")):
            refused = await client.request(method, path)
            assert (refused.status_code, refused.json()["code"]) == (403, "session_needed")


async def test_signing_out_ends_the_session_and_clears_the_cookies(app: FastAPI, member: Member) -> None:
    async with signed_in_client(app, member) as client:
        token = client.cookies["lyceum_access"]
        assert (await client.delete("/api/v1/sessions/current")).status_code == 204
        assert len(client.cookies) == 0
    async with client_of(app) as thief:
        thief.headers["authorization"] = f"Bearer {token}"
        await opens_nothing(thief)


async def test_whoever_signs_in_anew_in_a_browser_leaves_no_session_behind(
    app: FastAPI, member: Member, stranger: Member
) -> None:
    email = await give_password(app, stranger.user_id)
    async with signed_in_client(app, member) as client:
        before = client.cookies["lyceum_access"]
        assert (await sign_in(client, email)).status_code == 201
        assert (await client.get(ME)).json()["user_id"] == str(stranger.user_id)
        assert (await sign_in(client, email)).status_code == 201
        assert len((await client.get("/api/v1/sessions")).json()["items"]) == 1
    async with client_of(app, key=before) as thief:
        await opens_nothing(thief)


async def test_signing_out_works_after_the_access_token_has_run_out(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    async with signed_in_client(app, member) as client:
        client.cookies.delete("lyceum_access")
        assert (await client.delete("/api/v1/sessions/current")).status_code == 204
        assert len(client.cookies) == 0
        assert (await client.delete("/api/v1/sessions/current")).status_code == 204
    ended = rows_of(database, "SELECT revoked_at FROM sessions WHERE user_id = %s", member.user_id)
    assert [row["revoked_at"] is not None for row in ended] == [True]


async def test_signing_out_everywhere_ends_every_session_in_every_process(
    hub_settings: Settings, member: Member
) -> None:
    async with (
        running_app(hub_settings) as one,
        running_app(hub_settings) as other,
        signed_in_client(one, member) as here,
        program_of(one, member) as (there, _),
        client_of(other) as elsewhere,
    ):
        elsewhere.headers["authorization"] = there.headers["authorization"]
        assert (await elsewhere.get(ME)).status_code == 200
        assert (await here.delete("/api/v1/sessions")).status_code == 204
        for client in (here, there, elsewhere):
            await opens_nothing(client)


async def test_of_very_many_sessions_the_oldest_end(
    app: FastAPI, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SESSIONS_MAX", 2)
    async with program_of(app, member) as (first, _), program_of(app, member), program_of(app, member) as (last, _):
        await opens_nothing(first)
        assert len((await last.get("/api/v1/sessions")).json()["items"]) == 2


async def test_a_session_nobody_comes_back_to_ends(app: FastAPI, member: Member, database: TestDatabase) -> None:
    async with program_of(app, member) as (client, said):
        rows_of(database, "UPDATE sessions SET expires_at = now() WHERE id = %s", said["session"]["id"])
        given = {"refresh_token": said["refresh_token"]}
        assert (await client.post("/api/v1/sessions/refresh", json=given)).status_code == 401


async def test_a_session_that_is_used_ends_after_its_longest_time_all_the_same(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    async with program_of(app, member) as (client, said):
        rows_of(database, "UPDATE sessions SET created_at = now() - interval '29 days'")
        given = {"refresh_token": said["refresh_token"]}
        session = (await client.post("/api/v1/sessions/refresh", json=given)).json()["session"]
    row = rows_of(database, "SELECT expires_at - now() AS left FROM sessions WHERE id = %s", session["id"])[0]
    assert timedelta(hours=23) < row["left"] <= timedelta(days=1)


async def test_the_last_use_is_noted_once_a_minute_at_most(
    app: FastAPI, member: Member, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.accounts.known.KNOWN_SECONDS", 0.0)
    monkeypatch.setattr("lyceum.accounts.known.SHARED_SECONDS", 0.0)
    used = "SELECT last_used_at FROM sessions WHERE user_id = %s"
    async with running_app(app.state.resources.settings) as forgetful, program_of(forgetful, member) as (client, _):
        first = rows_of(database, used, member.user_id)
        await client.get(ME)
        assert rows_of(database, used, member.user_id) == first
        rows_of(database, "UPDATE sessions SET last_used_at = now() - interval '2 minutes'")
        await client.get(ME)
        assert rows_of(database, used, member.user_id)[0]["last_used_at"] > first[0]["last_used_at"]


async def test_a_role_that_changes_counts_for_those_who_are_signed_in(
    app: FastAPI, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.accounts.known.SHARED_SECONDS", 0.0)
    member = make_member(database)
    async with signed_in_client(app, member) as client:
        assert "datasets:write" in (await client.get(ME)).json()["powers"]
        rows_of(database, "UPDATE memberships SET role = 'viewer' WHERE user_id = %s", member.user_id)

        async def may_write() -> bool:
            return "datasets:write" in (await client.get(ME)).json()["powers"]

        await no_longer_than(KNOWN_SECONDS, may_write)
