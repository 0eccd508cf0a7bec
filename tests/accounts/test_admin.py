"""What whoever runs the hub sees and does: people, organisations, suspension, acting as somebody, what is not set up."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from fixtures.app import client_of, rows_of
from fixtures.people import client_as
from fixtures.servers import TestDatabase
from fixtures.sign_in import signed_in_client
from fixtures.within import is_let_in, no_longer_than
from lyceum.accounts.edge import ADMINISTRATOR, OPEN, needs_of
from lyceum.accounts.known import KNOWN_SECONDS
from lyceum.accounts.policy import Actor
from lyceum.wiring import ROUTERS
from make.accounts import Member, make_member, make_organisation, make_user
from make.changing import changing
from make.creating import make_place
from make.creating_people import CREATING

ADMIN = "/api/v1/admin"
NOWHERE = "00000000-0000-7000-8000-000000000000"


def administrator(database: TestDatabase) -> Member:
    """Make an owner of an organisation who runs the hub, too."""
    made = make_member(database)
    rows_of(database, "UPDATE users SET instance_admin = true WHERE id = %s", made.user_id)
    return made


@pytest.fixture
async def client(app: FastAPI, database: TestDatabase) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which somebody who runs the hub has just signed in."""
    operator = administrator(database)
    async with signed_in_client(app, operator) as opened:
        yield opened
    rows_of(database, "UPDATE users SET instance_admin = false WHERE id = %s", operator.user_id)


async def impersonating(client: httpx.AsyncClient, member: Member) -> dict[str, str]:
    begun = await client.post(f"{ADMIN}/users/{member.user_id}/impersonate", json={"reason": "a ticket"})
    assert begun.status_code == 201, begun.text
    return {"lyceum-as": begun.json()["id"]}


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("GET", "/users", None),
        ("GET", "/users/{id}", None),
        ("POST", "/users/{id}/suspend", None),
        ("POST", "/users/{id}/restore", None),
        ("PUT", "/users/{id}/administrator", {"administrator": True}),
        ("POST", "/users/{id}/impersonate", {"reason": "curious"}),
        ("DELETE", "/impersonation", None),
        ("GET", "/organisations", None),
        ("GET", "/schedules", None),
        ("POST", "/schedules/files.sweep_uploads/run", None),
        ("GET", "/status", None),
    ],
)
async def test_nobody_but_an_administrator_does_any_of_it(
    app: FastAPI, member: Member, stranger: Member, method: str, path: str, body: Any
) -> None:
    address = f"{ADMIN}{path.format(id=stranger.user_id)}"
    async with client_of(app, key=member.key) as owner, client_of(app) as nobody:
        assert (await owner.request(method, address, json=body)).status_code == 403
        assert (await nobody.request(method, address, json=body)).status_code == 401


async def test_people_are_found_by_what_they_are_called(
    client: httpx.AsyncClient, database: TestDatabase, member: Member
) -> None:
    other = make_user(database, email="Ada.Lovelace@example.net")
    found = (await client.get(f"{ADMIN}/users", params={"q": "ada.love"})).json()["items"]
    assert [(person["id"], person["organisations"]) for person in found] == [(str(other), [])]
    one = (await client.get(f"{ADMIN}/users/{member.user_id}")).json()
    assert [(of["name"], of["role"]) for of in one["organisations"]] == [(member.org_name, "owner")]
    none = await client.get(f"{ADMIN}/users/{member.org_id}")
    assert (none.status_code, none.json()["code"]) == (404, "person_not_found")
    first = (await client.get(f"{ADMIN}/users", params={"limit": 1})).json()
    second = (await client.get(f"{ADMIN}/users", params={"limit": 1, "cursor": first["next"]})).json()
    assert first["items"][0]["id"] > second["items"][0]["id"]


async def test_organisations_are_listed_with_what_is_in_them(
    client: httpx.AsyncClient, app: FastAPI, database: TestDatabase, member: Member
) -> None:
    make_member(database, organisation=(member.org_id, member.org_name), role="viewer")
    async with client_of(app, key=member.key) as owner:
        await owner.post("/api/v1/datasets", json={"name": "d"})
    listed = (await client.get(f"{ADMIN}/organisations", params={"q": member.org_name})).json()["items"]
    assert [(one["members"], one["datasets"], one["models"], one["byte_count"]) for one in listed] == [(2, 1, 0, 0)]


async def test_a_suspended_person_is_out_within_a_second_and_back_in_when_restored(
    client: httpx.AsyncClient, app: FastAPI, member: Member
) -> None:
    async with client_of(app, key=member.key) as theirs:
        assert (await theirs.get("/api/v1/me")).status_code == 200
        suspended = (await client.post(f"{ADMIN}/users/{member.user_id}/suspend")).json()
        assert suspended["suspended_at"] is not None
        await no_longer_than(KNOWN_SECONDS, lambda: is_let_in(theirs))
        restored = (await client.post(f"{ADMIN}/users/{member.user_id}/restore")).json()
        assert restored["suspended_at"] is None

        async def is_out() -> bool:
            return not await is_let_in(theirs)

        await no_longer_than(KNOWN_SECONDS, is_out)


async def test_a_suspended_persons_session_opens_nothing_within_a_second(
    client: httpx.AsyncClient, app: FastAPI, member: Member
) -> None:
    async with signed_in_client(app, member) as theirs:
        assert (await theirs.get("/api/v1/me")).status_code == 200
        assert (await client.post(f"{ADMIN}/users/{member.user_id}/suspend")).status_code == 200
        await no_longer_than(KNOWN_SECONDS, lambda: is_let_in(theirs))


async def test_an_administrator_who_is_signed_in_acts_as_somebody_until_they_sign_out(
    app: FastAPI, database: TestDatabase, member: Member
) -> None:
    other = administrator(database)
    async with signed_in_client(app, other) as client:
        acting = await impersonating(client, member)
        named = {**acting, "lyceum-organisation": member.org_name}
        me = (await client.get("/api/v1/me", headers=named)).json()
        assert (me["user_id"], me["impersonator_id"]) == (str(member.user_id), str(other.user_id))
        assert (await client.post("/api/v1/datasets", json={"name": "d"}, headers=named)).status_code == 201
        no_csrf = {**acting, "x-csrf-token": "forged"}
        refused = await client.post("/api/v1/datasets", json={"name": "e"}, headers=no_csrf)
        assert refused.status_code == 403
        unknown = await client.get("/api/v1/me", headers={**acting, "lyceum-organisation": "main"})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "organisation_not_found")
        assert (await client.delete("/api/v1/sessions/current")).status_code == 204
        over = await client.get("/api/v1/me", headers=acting)
        assert (over.status_code, over.json()["code"]) == (403, "impersonation_over")
        assert (await client.get("/api/v1/me")).status_code == 401
    rows_of(database, "UPDATE users SET instance_admin = false WHERE id = %s", other.user_id)


async def test_the_last_administrator_stays_one(fresh_app: FastAPI, fresh_database: TestDatabase) -> None:
    first, member = administrator(fresh_database), make_member(fresh_database)
    async with signed_in_client(fresh_app, first) as client:
        address = f"{ADMIN}/users/{first.user_id}"
        refused = await client.put(f"{address}/administrator", json={"administrator": False})
        assert (refused.status_code, refused.json()["code"]) == (409, "last_administrator")
        oneself = await client.post(f"{address}/suspend")
        assert (oneself.status_code, oneself.json()["code"]) == (409, "not_this_person")
        made = await client.put(f"{ADMIN}/users/{member.user_id}/administrator", json={"administrator": True})
        assert made.json()["administrator"] is True
        assert (await client.put(f"{address}/administrator", json={"administrator": False})).status_code == 200


async def test_of_two_administrators_who_dismiss_each_other_one_stays(
    fresh_app: FastAPI, fresh_database: TestDatabase
) -> None:
    one, other = administrator(fresh_database), administrator(fresh_database)
    async with signed_in_client(fresh_app, one) as first, signed_in_client(fresh_app, other) as second:
        answers = await asyncio.gather(
            first.put(f"{ADMIN}/users/{other.user_id}/administrator", json={"administrator": False}),
            second.put(f"{ADMIN}/users/{one.user_id}/administrator", json={"administrator": False}),
        )
    assert 200 in {answer.status_code for answer in answers}
    left = rows_of(fresh_database, "SELECT count(*) FROM users WHERE instance_admin")
    assert left == [{"count": 1}]


async def test_what_is_done_as_somebody_else_is_recorded_with_both(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    own = (await client.get("/api/v1/me")).json()
    assert own["impersonator_id"] is None
    acting = await impersonating(client, member)
    me = (await client.get("/api/v1/me", headers=acting)).json()
    assert (me["user_id"], me["impersonator_id"]) == (str(member.user_id), own["user_id"])
    assert (await client.post("/api/v1/datasets", json={"name": "d"}, headers=acting)).status_code == 201
    line = rows_of(database, "SELECT * FROM audit_log WHERE org_id = %s", member.org_id)[0]
    assert (line["actor_id"], str(line["impersonator_id"])) == (member.user_id, own["user_id"])
    begun = rows_of(database, "SELECT * FROM audit_log WHERE object_id = %s", str(member.user_id))[0]
    assert (begun["action"], str(begun["actor_id"])) == ("impersonate_person", own["user_id"])


WORK_OF_AN_ORGANISATION = {
    *("POST /datasets", "PATCH /datasets/{org}/{name}", "DELETE /datasets/{org}/{name}"),
    *("POST /datasets/{org}/{name}/versions", "POST /datasets/{org}/{name}/versions/{number}/check-runs"),
    *("POST /datasets/{org}/{name}/checks", "POST /datasets/{org}/{name}/checks/suggest", "DELETE /checks/{check_id}"),
    *("PATCH /checks/{check_id}", "POST /datasets/{org}/{name}/checks/try", "PUT /datasets/{org}/{name}/checks.yaml"),
    "POST /datasets/{org}/{name}/checks/records",
    *("POST /datasets/{org}/{name}/checks/suggestions", "POST /datasets/{org}/{name}/checks/import"),
    "POST /datasets/{org}/{name}/versions/{number}/outside-runs",
    *("POST /datasets/{org}/{name}/versions/{number}/slices", "POST /check-runs/{check_run_id}/quarantine"),
    "POST /datasets/{org}/{name}/versions/{number}/odd-rows",
    *("POST /datasets/{org}/{name}/records", "POST /dataset-versions/{version_id}/push-again"),
    *("POST /datasets/{org}/{name}/versions/{number}/restore", "POST /datasets/{org}/{name}/diffs"),
    *("POST /datasets/{org}/{name}/erasures", "PUT /datasets/{org}/{name}/personal-columns"),
    *("POST /datasets/{org}/{name}/fetches", "POST /datasets/{org}/{name}/schema-tries"),
    *("POST /datasets/{org}/{name}/streams", "PATCH /streams/{stream_id}", "DELETE /streams/{stream_id}"),
    *("POST /streams/{stream_id}/pause", "POST /streams/{stream_id}/resume"),
    *("POST /dead-letters/{letter_id}/retry", "POST /dead-letters/{letter_id}/give-up"),
    *("POST /datasets/{org}/{name}/sql-imports", "PUT /datasets/{org}/{name}/sql-source"),
    "DELETE /datasets/{org}/{name}/sql-source",
    *("PUT /datasets/{org}/{name}/schema-compatibility", "PUT /datasets/{org}/{name}/watch"),
    "PUT /datasets/{org}/{name}/anomalies/{anomaly_id}/answer",
    *("PUT /datasets/{org}/{name}/retention", "PUT /datasets/{org}/{name}/dormancy"),
    *("POST /uploads", "POST /uploads/{upload_id}/complete", "DELETE /uploads/{upload_id}"),
    *("POST /runs", "POST /runs/{run_id}/cancel", "POST /runs/{run_id}/register"),
    *("POST /jobs/{job_id}/cancel", "POST /jobs/{job_id}/retry"),
    *("POST /incidents/{incident_id}/acknowledge", "PUT /incidents/{incident_id}/assignee"),
    *("POST /incidents/{incident_id}/snooze", "POST /incidents/{incident_id}/comments"),
    *("POST /incidents/{incident_id}/resolve", "POST /incidents/{incident_id}/reopen"),
    "POST /models/{org}/{name}/watch",
    *("PUT /models/{org}/{name}/aliases/{alias}", "PUT /models/{org}/{name}/sensitive", "DELETE /models/{org}/{name}"),
}
"""What an administrator does as somebody, to see what they see; a route with another first word is closed or stands here."""
ASK_NOT_WHO_ASKS = {
    *("PUT /uploads/{upload_id}/content", "PUT /uploads/{upload_id}/parts/{number}"),
    *("POST /sessions", "POST /sessions/refresh", "POST /sessions/passkey", "POST /sessions/passkey-options"),
    *("POST /sessions/second-factor", "POST /sessions/second-factor/passkey-options"),
    *("POST /setup", "POST /registrations", "POST /guardian-consents"),
    *("POST /email-confirmations", "POST /email-confirmations/letters"),
    *("POST /password-resets", "POST /password-resets/confirm"),
    *("POST /oauth/token", "POST /oauth/userinfo", "POST /sign-on/{provider}/back-channel-logout"),
}
"""They take a password, a link, a token or a cookie of the browser's own for what these are, whoever is acted as."""


async def test_nobody_changes_anything_but_work_while_acting_as_somebody(
    client: httpx.AsyncClient, app: FastAPI, member: Member
) -> None:
    acting = await impersonating(client, member)
    left = set()
    for route in app.routes:
        if not isinstance(route, APIRoute) or not route.path.startswith("/api/v1/"):
            continue
        for method in sorted((route.methods or set()) - {"GET", "HEAD", "OPTIONS"}):
            path = re.sub(r"{(\w+)(?::\w+)?}", NOWHERE, route.path)
            answer = await client.request(method, path, json={}, headers=acting)
            if (answer.status_code, answer.json().get("code")) != (403, "not_while_impersonating"):
                named = f"{method} {route.path.removeprefix('/api/v1')}"
                assert (OPEN in (needs_of(route.endpoint) or ())) == (named in ASK_NOT_WHO_ASKS), named
                left.add(named)
    assert left == WORK_OF_AN_ORGANISATION | ASK_NOT_WHO_ASKS
    powers = (await client.get("/api/v1/me", headers=acting)).json()["powers"]
    assert not {"keys:manage", "members:manage", "organisation:manage", "grants:manage", "hub:operate"} & set(powers)
    assert (await client.get("/api/v1/admin/users", headers=acting)).status_code == 403


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/me/exports"),
        ("GET", "/me/exports/00000000-0000-7000-8000-000000000000/content"),
        ("GET", "/me/factors"),
        ("GET", "/me/sign-ons"),
        ("GET", "/me/deletion"),
        ("GET", "/sessions"),
        ("GET", "/authorizations?client_id=x"),
        ("POST", "/authorizations"),
        ("POST", "/sign-on/any/connection"),
        ("POST", "/me/export"),
        ("POST", "/me/email"),
        ("POST", "/me/password"),
        ("POST", "/me/recovery-codes"),
        ("POST", "/me/authenticator-apps"),
        ("POST", "/api-keys/00000000-0000-7000-8000-000000000000/rotate"),
    ],
)
async def test_what_is_a_persons_own_is_shown_to_nobody_who_acts_as_them(
    client: httpx.AsyncClient, member: Member, method: str, path: str
) -> None:
    acting = await impersonating(client, member)
    refused = await client.request(method, f"/api/v1{path}", headers=acting, json={} if method == "POST" else None)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_while_impersonating"), refused.text


async def test_acting_as_somebody_ends_when_it_is_ended_or_over(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    acting = await impersonating(client, member)
    assert (await client.delete(f"{ADMIN}/impersonation")).status_code == 204
    ended = await client.get("/api/v1/me", headers=acting)
    assert (ended.status_code, ended.json()["code"]) == (403, "impersonation_over")
    acting = await impersonating(client, member)
    row = rows_of(database, "SELECT * FROM impersonations WHERE id = %s", acting["lyceum-as"])[0]
    assert row["ends_at"] - datetime.now(UTC) < timedelta(minutes=30)
    rows_of(database, "UPDATE impersonations SET ends_at = now() WHERE id = %s", acting["lyceum-as"])
    assert (await client.get("/api/v1/me", headers=acting)).status_code == 403


async def test_an_impersonation_is_of_use_to_nobody_else(
    client: httpx.AsyncClient, app: FastAPI, database: TestDatabase, member: Member, stranger: Member
) -> None:
    acting = await impersonating(client, member)
    other = administrator(database)
    for key in (other.key, stranger.key, None):
        async with client_of(app, key=key) as client_of_other:
            assert (await client_of_other.get("/api/v1/me", headers=acting)).status_code == 403
    assert (await client.get("/api/v1/me", headers={"lyceum-as": "nothing"})).status_code == 403
    refused = await client.post(f"{ADMIN}/users/{other.user_id}/impersonate", json={"reason": "a ticket"})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_this_person")
    rows_of(database, "UPDATE users SET instance_admin = false WHERE id = %s", other.user_id)


async def test_an_administrator_acts_in_each_organisation_of_a_person(
    client: httpx.AsyncClient, database: TestDatabase, member: Member
) -> None:
    org_id, org_name = make_organisation(database)
    rows_of(
        database, "INSERT INTO memberships (org_id, user_id, role) VALUES (%s, %s, 'viewer')", org_id, member.user_id
    )
    acting = await impersonating(client, member)
    named = {**acting, "lyceum-organisation": org_name}
    assert (await client.get("/api/v1/me", headers=named)).json()["organisation"] == org_name
    assert (await client.get("/api/v1/me", headers=acting)).json()["organisation"] == member.org_name


async def test_the_status_says_what_is_not_set_up(fresh_app: FastAPI, fresh_database: TestDatabase) -> None:
    async with signed_in_client(fresh_app, administrator(fresh_database)) as client:
        said = {item["name"]: item for item in (await client.get(f"{ADMIN}/status")).json()["items"]}
    assert said["public_url"]["state"] == said["backup"]["state"] == "missing"
    assert "LYCEUM_PUBLIC_URL" in said["public_url"]["says"]
    assert "LYCEUM_BACKUP_SCHEDULE" in said["backup"]["says"]
    assert said["disk"]["state"] == "ok"
    assert said["sign_on"]["state"] == "missing"
    assert "identity provider" in said["sign_on"]["says"]


async def test_what_comes_round_is_listed(client: httpx.AsyncClient, database: TestDatabase, member: Member) -> None:
    rows_of(
        database,
        "INSERT INTO job_schedules (id, org_id, name, kind, args, cron, zone, next_at) "
        "VALUES (gen_random_uuid(), %s, 'nightly', 'x', '{}', '0 2 * * *', 'UTC', now())",
        member.org_id,
    )
    items = (await client.get(f"{ADMIN}/schedules")).json()["items"]
    assert {item["every_seconds"] for item in items if item["kind"] == "accounts.forget_audit"} == {6 * 3600}
    assert ("nightly", member.org_name) in {(item["name"], item["organisation"]) for item in items}


async def test_what_comes_round_for_the_hub_is_run_now_and_not_twice_at_once(
    client: httpx.AsyncClient, database: TestDatabase
) -> None:
    kind = "files.recount_storage"
    first = await client.post(f"{ADMIN}/schedules/{kind}/run")
    assert first.status_code == 200, first.text
    second = await client.post(f"{ADMIN}/schedules/{kind}/run")
    assert second.json() == first.json()
    queued = rows_of(database, "SELECT org_id, state FROM jobs WHERE id = %s", first.json()["job_id"])
    assert queued == [{"org_id": None, "state": "ready"}]
    unknown = await client.post(f"{ADMIN}/schedules/nothing.like_it/run")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "schedule_not_found")
    rows_of(database, "UPDATE jobs SET state = 'cancelled' WHERE id = %s", first.json()["job_id"])


async def test_an_administrator_in_no_organisation_gets_to_every_route_of_administrators(
    app: FastAPI, database: TestDatabase, member: Member
) -> None:
    alone = Actor(None, "", make_user(database), None, frozenset({"hub:operate"}))
    fresh = replace(alone, stepped_up_until=datetime.now(UTC) + timedelta(minutes=5))
    rows_of(database, "UPDATE users SET instance_admin = true WHERE id = %s", fresh.user_id)
    bodies = changing(org_name=member.org_name, user_id=member.user_id)
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    theirs = [route for route in routes if ADMINISTRATOR in (needs_of(route.endpoint) or ())]
    assert len(theirs) > 38
    wrong = {}
    async with client_as(app, fresh) as client, client_of(app, key=member.key) as owner:
        place = make_place(app, database, owner, member)
        for route in theirs:
            for method in route.methods or ():
                asked, expected = f"{method} {route.path}", {200, 204, 404}
                path, body = re.sub(r"\{\w+\}", NOWHERE, route.path), bodies.get(asked)
                if method == "POST" and route.path in CREATING:
                    wanted = await CREATING[route.path](place)
                    path, body, expected = wanted.path, wanted.body, {201}
                answer = await client.request(method, path, json=body, headers={"if-match": '"1"'})
                # no mail is set up here
                sends = asked == "POST /api/v1/admin/mail/test" and answer.json()["code"] == "mail_not_set_up"
                if answer.status_code not in expected and not sends:
                    wrong[asked] = (answer.status_code, answer.text[:300])
    rows_of(database, "UPDATE users SET instance_admin = false WHERE id = %s", fresh.user_id)
    assert wrong == {}
