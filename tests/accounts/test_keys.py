"""Keys: whose they are, when they were used, how often they may be, and how one replaces another."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of, running_app
from fixtures.people import client_as, in_session
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from lyceum.kernel.config import Settings
from make.accounts import Member, make_key, make_member


async def test_a_viewer_has_keys_of_their_own_and_sees_no_others(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    viewer = make_member(database, organisation=(member.org_id, member.org_name), role="viewer")
    async with client_as(app, in_session(viewer)) as client:
        made = await ok(client.post("/api/v1/api-keys", json={"name": "mine"}), 201)
        assert made["scopes"] == ["datasets:read", "runs:read", "models:read", "models:predict"]
        mine = await ok(client.get("/api/v1/api-keys", params={"of": "me"}))
        assert {key["id"] for key in mine["items"]} == {made["id"], str(viewer.key_id)}
        assert (await client.get("/api/v1/api-keys")).status_code == 403
        assert (await client.delete(f"/api/v1/api-keys/{member.key_id}")).json()["code"] == "key_not_found"
        assert (await client.delete(f"/api/v1/api-keys/{made['id']}")).status_code == 200
        beyond = await client.post("/api/v1/api-keys", json={"name": "x", "scopes": ["keys:manage"]})
        assert beyond.json()["code"] == "scope_unknown"


async def test_when_a_key_was_used_is_told(hub_settings: Settings, member: Member, database: TestDatabase) -> None:
    key_id, secret = make_key(database, org_id=member.org_id, user_id=member.user_id)
    began = datetime.now(UTC)
    async with running_app(hub_settings) as app, client_of(app, key=secret) as client:
        for _ in range(3):
            await ok(client.get("/api/v1/me"))
    used = rows_of(database, "SELECT last_used_at FROM api_keys WHERE id = %s", key_id)[0]["last_used_at"]
    assert began <= used <= datetime.now(UTC)
    assert (
        rows_of(database, "SELECT last_used_at FROM api_keys WHERE id = %s", member.key_id)[0]["last_used_at"] is None
    )


async def test_a_replaced_key_works_beside_the_new_one_for_its_time(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    key_id, secret = make_key(database, org_id=member.org_id, user_id=member.user_id, scopes=("models:predict",))
    path = f"/api/v1/api-keys/{key_id}/rotate"
    async with client_of(app, key=member.key) as client:
        made = await ok(client.post(path, json={"overlap_hours": 1}), 201)
        again = await client.post(path, json={})
        assert again.json()["code"] == "key_not_in_use"
        listed = {key["id"]: key for key in (await ok(client.get("/api/v1/api-keys")))["items"]}
    assert (made["scopes"], made["expires_at"]) == (["models:predict"], None)
    assert listed[str(key_id)]["replaced_by"] == made["id"]
    left = datetime.fromisoformat(listed[str(key_id)]["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=58) < left <= timedelta(hours=1)
    for key in (secret, made["secret"]):
        async with client_of(app, key=key) as client:
            assert (await ok(client.get("/api/v1/me")))["powers"] == ["models:predict"]


async def test_nobody_replaces_a_key_that_may_do_more_or_is_somebody_elses(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    colleague = make_member(database, organisation=(member.org_id, member.org_name))
    _, keeper = make_key(database, org_id=member.org_id, user_id=member.user_id, scopes=("keys:manage",))
    async with client_of(app, key=keeper) as client:
        more = await client.post(f"/api/v1/api-keys/{member.key_id}/rotate", json={})
        others = await client.post(f"/api/v1/api-keys/{colleague.key_id}/rotate", json={})
    assert (more.status_code, more.json()["code"]) == (422, "scope_unknown")
    assert others.status_code == 403


@pytest.mark.usefixtures("patient_with_valkey")
async def test_a_key_has_a_rate_of_its_own(app: FastAPI, member: Member) -> None:
    async with client_of(app, key=member.key) as owner:
        made = await ok(owner.post("/api/v1/api-keys", json={"name": "slow", "rate_per_minute": 5}), 201)
        async with client_of(app, key=made["secret"]) as client:
            answers = [await client.get("/api/v1/me") for _ in range(7)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
        assert answers[-1].json()["code"] == "over_limit"
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert (await owner.get("/api/v1/me")).status_code == 200
