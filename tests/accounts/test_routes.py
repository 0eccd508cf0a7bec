"""Set-up, keys and who may do what, over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of, running_app
from fixtures.query_count import counted_queries
from fixtures.servers import TestDatabase
from fixtures.within import no_longer_than
from lyceum.accounts.known import KNOWN_SECONDS
from lyceum.kernel.config import Settings
from make.accounts import Member, make_key, make_member, make_setup_link, make_user

PASSWORD = "correct horse battery"


def _wanted(token: str, **more: str) -> dict[str, str]:
    return {"token": token, "email": "first@example.org", "display_name": "First", "password": PASSWORD} | more


async def test_a_set_up_link_gives_the_administrator_a_key_that_works(
    fresh_app: FastAPI, fresh_database: TestDatabase
) -> None:
    async with client_of(fresh_app) as anonymous:
        answer = await anonymous.post("/api/v1/setup", json=_wanted(make_setup_link(fresh_database)))
    assert answer.status_code == 201
    made = answer.json()
    assert made["organisation"] == "main"
    async with client_of(fresh_app, key=made["key"]["secret"]) as client:
        me = (await client.get("/api/v1/me")).json()
    assert me["organisation"] == "main"
    assert "keys:manage" in me["powers"]
    row = rows_of(fresh_database, "SELECT * FROM users WHERE email = 'first@example.org'")[0]
    assert row["instance_admin"]
    assert row["password_hash"].startswith("$argon2id$")


async def test_a_set_up_link_works_once(anonymous: httpx.AsyncClient, database: TestDatabase) -> None:
    wanted = _wanted(make_setup_link(database))
    assert (await anonymous.post("/api/v1/setup", json=wanted)).status_code == 201
    again = await anonymous.post("/api/v1/setup", json=wanted)
    assert again.status_code == 410
    assert again.json()["code"] == "setup_link_used"
    assert "lyceum admin link" in again.json()["detail"]


async def test_of_two_uses_at_once_one_wins(anonymous: httpx.AsyncClient, database: TestDatabase) -> None:
    wanted = _wanted(make_setup_link(database))
    answers = await asyncio.gather(*(anonymous.post("/api/v1/setup", json=wanted) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 410, 410, 410]


async def test_two_first_administrators_at_once_are_one(
    fresh_database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from fixtures.app import running_app, settings_for

    tokens = [make_setup_link(fresh_database) for _ in range(4)]
    async with (
        running_app(settings_for(fresh_database, tmp_path_factory.mktemp("home"))) as app,
        client_of(app) as asks,
    ):
        answers = await asyncio.gather(*(asks.post("/api/v1/setup", json=_wanted(token)) for token in tokens))
    assert {answer.status_code for answer in answers} == {201}
    assert rows_of(fresh_database, "SELECT count(*) FROM users") == [{"count": 1}]
    assert rows_of(fresh_database, "SELECT count(*) FROM organisations") == [{"count": 1}]


async def test_nobody_without_a_link_has_the_hub_compute_a_password_hash(
    anonymous: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []
    monkeypatch.setattr("lyceum.kernel.security.Passwords.hash", computed.append)
    assert (await anonymous.post("/api/v1/setup", json=_wanted("no link"))).status_code == 410
    assert computed == []


async def test_an_address_without_an_at_is_told_as_that(anonymous: httpx.AsyncClient, database: TestDatabase) -> None:
    token = make_setup_link(database)
    refused = await anonymous.post("/api/v1/setup", json=_wanted(token, email="ada"))
    assert refused.json()["detail"] == "body.email: 'ada' is no e-mail address such as ada@example.org."


async def test_an_expired_set_up_link_is_refused(anonymous: httpx.AsyncClient, database: TestDatabase) -> None:
    token = make_setup_link(database, expires_in=timedelta(seconds=-1))
    assert (await anonymous.post("/api/v1/setup", json=_wanted(token))).status_code == 410


async def test_a_refused_password_leaves_the_link_unused(anonymous: httpx.AsyncClient, database: TestDatabase) -> None:
    token = make_setup_link(database)
    weak = await anonymous.post("/api/v1/setup", json=_wanted(token, password="short"))
    assert weak.status_code == 422
    assert weak.json()["code"] == "password_weak"
    assert (await anonymous.post("/api/v1/setup", json=_wanted(token))).status_code == 201


async def test_an_address_somebody_has_leaves_the_link_unused(
    anonymous: httpx.AsyncClient, database: TestDatabase
) -> None:
    make_user(database, email="Taken@example.org")
    token = make_setup_link(database)
    refused = await anonymous.post("/api/v1/setup", json=_wanted(token, email="taken@EXAMPLE.org"))
    assert refused.status_code == 409
    assert refused.json()["code"] == "name_taken"
    assert (await anonymous.post("/api/v1/setup", json=_wanted(token))).status_code == 201


@pytest.mark.parametrize("header", [None, "Basic abc", "Bearer", "Bearer ", "Bearer lyk_nobody_has_this", "Bearer ä"])
async def test_without_a_usable_key_one_is_asked_to_sign_in(anonymous: httpx.AsyncClient, header: str | None) -> None:
    sent = [] if header is None else [(b"authorization", header.encode("latin-1"))]
    answer = await anonymous.get("/api/v1/me", headers=sent)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "sign_in_needed"


async def test_what_could_not_be_a_key_is_refused_without_asking_the_database(app: FastAPI, member: Member) -> None:
    for asked, secret in ((0, "lyk_nobody_has_this"), (0, member.key[:-1]), (1, f"lyk_{'a' * 8}_{'a' * 32}")):
        async with client_of(app, key=secret) as client:
            with counted_queries(app) as queries:
                assert (await client.get("/api/v1/me")).status_code == 401
        assert len([statement for statement in queries.statements if "key_lookup" in statement]) == asked


async def test_a_keys_secret_is_shown_once_and_its_digest_is_kept(app: FastAPI, member: Member) -> None:
    async with client_of(app, key=member.key) as client:
        made = (await client.post("/api/v1/api-keys", json={"name": "ci", "scopes": ["models:predict"]})).json()
        listed = (await client.get("/api/v1/api-keys")).json()["items"]
    assert made["secret"].startswith(f"lyk_{made['prefix']}_")
    assert [key["name"] for key in listed] == ["ci", "a key"]
    assert all("secret" not in key for key in listed)


async def test_scopes_limit_what_a_key_may_do(app: FastAPI, member: Member) -> None:
    async with client_of(app, key=member.key) as owner:
        made = (await owner.post("/api/v1/api-keys", json={"name": "ci", "scopes": ["models:predict"]})).json()
    async with client_of(app, key=made["secret"]) as client:
        assert (await client.get("/api/v1/me")).json()["powers"] == ["models:predict"]
        refused = await client.post("/api/v1/api-keys", json={"name": "more", "scopes": ["models:predict"]})
    assert refused.status_code == 403
    assert "keys:manage" in refused.json()["detail"]


async def test_a_key_gives_no_power_its_maker_lacks(app: FastAPI, database: TestDatabase) -> None:
    maker = make_member(database, scopes=("keys:manage", "models:read"))
    async with client_of(app, key=maker.key) as client:
        refused = await client.post("/api/v1/api-keys", json={"name": "x", "scopes": ["models:read", "models:write"]})
        unknown = await client.post("/api/v1/api-keys", json={"name": "x", "scopes": ["everything"]})
    assert refused.status_code == unknown.status_code == 422
    assert refused.json()["code"] == unknown.json()["code"] == "scope_unknown"
    assert "models:write" in refused.json()["detail"]


async def test_a_viewers_key_has_a_viewers_powers_whatever_its_scopes(app: FastAPI, database: TestDatabase) -> None:
    viewer = make_member(database, role="viewer")
    async with client_of(app, key=viewer.key) as client:
        powers = (await client.get("/api/v1/me")).json()["powers"]
        assert (await client.post("/api/v1/api-keys", json={"name": "x"})).status_code == 403
    assert powers == ["datasets:read", "models:predict", "models:read", "runs:read"]


async def test_a_revoked_key_opens_nothing_within_a_second(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    key_id, secret = make_key(database, org_id=member.org_id, user_id=member.user_id)
    async with client_of(app, key=member.key) as owner, client_of(app, key=secret) as client:
        assert (await client.get("/api/v1/me")).status_code == 200
        revoked = await owner.delete(f"/api/v1/api-keys/{key_id}")
        assert revoked.json()["revoked_at"] is not None

        async def is_somebody() -> bool:
            return (await client.get("/api/v1/me")).status_code != 401

        await no_longer_than(KNOWN_SECONDS, is_somebody)
        again = await owner.delete(f"/api/v1/api-keys/{key_id}")
    assert again.json()["revoked_at"] == revoked.json()["revoked_at"]


async def test_an_expired_key_opens_nothing(app: FastAPI, member: Member, database: TestDatabase) -> None:
    _, secret = make_key(database, org_id=member.org_id, user_id=member.user_id, expires_in=timedelta(seconds=-1))
    async with client_of(app, key=secret) as client:
        assert (await client.get("/api/v1/me")).status_code == 401


async def test_a_suspended_persons_key_opens_nothing(app: FastAPI, member: Member, database: TestDatabase) -> None:
    rows_of(database, "UPDATE users SET suspended_at = now() WHERE id = %s", member.user_id)
    async with client_of(app, key=member.key) as client:
        assert (await client.get("/api/v1/me")).status_code == 401


async def test_a_key_that_would_never_work_is_refused(app: FastAPI, member: Member) -> None:
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    async with client_of(app, key=member.key) as client:
        refused = await client.post("/api/v1/api-keys", json={"name": "x", "expires_at": past})
        naive = await client.post("/api/v1/api-keys", json={"name": "x", "expires_at": "2100-01-01T00:00:00"})
    assert refused.json()["code"] == "expiry_past"
    assert naive.json()["code"] == "malformed"


async def test_a_strangers_key_is_not_found(app: FastAPI, member: Member, stranger: Member) -> None:
    async with client_of(app, key=member.key) as client:
        refused = await client.delete(f"/api/v1/api-keys/{stranger.key_id}")
        listed = (await client.get("/api/v1/api-keys")).json()["items"]
    assert refused.status_code == 404
    assert refused.json()["code"] == "key_not_found"
    assert [key["id"] for key in listed] == [str(member.key_id)]


async def test_pages_visit_every_key_once(app: FastAPI, member: Member, database: TestDatabase) -> None:
    for _ in range(6):
        make_key(database, org_id=member.org_id, user_id=member.user_id)
    seen: list[str] = []
    async with client_of(app, key=member.key) as client:
        cursor: str | None = ""
        while cursor is not None:
            page = (
                await client.get("/api/v1/api-keys", params={"limit": 3} | ({"cursor": cursor} if cursor else {}))
            ).json()
            seen += [key["id"] for key in page["items"]]
            cursor = page["next"]
    assert len(seen) == len(set(seen)) == 7
    assert seen == sorted(seen, reverse=True)


async def test_a_key_in_use_is_looked_up_once_for_all_processes_until_it_is_revoked(
    hub_settings: Settings, member: Member, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.accounts.known.KNOWN_SECONDS", 0.0)
    # a stall of the machine is not Valkey being away
    monkeypatch.setattr("lyceum.kernel.valkey.ASK_SECONDS_MAX", 30.0)
    key_id, key = make_key(database, org_id=member.org_id, user_id=member.user_id)
    async with running_app(hub_settings) as one, running_app(hub_settings) as other:
        with counted_queries(one) as of_one, counted_queries(other) as of_other:
            for app in (one, other) * 10:
                async with client_of(app, key=key) as client:
                    assert (await client.get("/api/v1/me")).status_code == 200
        lookups = [statement for statement in of_one.statements + of_other.statements if "key_lookup" in statement]
        assert len(lookups) == 1
        async with client_of(one, key=member.key) as client:
            assert (await client.delete(f"/api/v1/api-keys/{key_id}")).status_code == 200
        for app in (one, other):
            async with client_of(app, key=key) as client:
                assert (await client.get("/api/v1/me")).status_code == 401


async def test_a_key_that_runs_out_opens_nothing_however_it_is_remembered(
    hub_settings: Settings, member: Member, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.accounts.known.KNOWN_SECONDS", 0.0)
    async with running_app(hub_settings) as app:
        _, key = make_key(database, org_id=member.org_id, user_id=member.user_id, expires_in=timedelta(seconds=2))
        async with client_of(app, key=key) as client:

            async def is_somebody() -> bool:
                return (await client.get("/api/v1/me")).status_code != 401

            assert await is_somebody()
            await no_longer_than(2.0, is_somebody)
