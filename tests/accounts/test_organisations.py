"""Organisations: made, handed over, left and deleted; their members and groups."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from fixtures.app import client_of, eventually, rows_of, running_app, running_worker
from fixtures.people import alone, client_as, in_session
from fixtures.rights import Ask, each, statuses
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from fixtures.within import is_let_in, no_longer_than
from lyceum.accounts.jobs import handlers
from lyceum.accounts.known import KNOWN_SECONDS
from lyceum.accounts.policy import ALL_SCOPES, POWERS, Actor, Role
from lyceum.kernel.config import Settings
from lyceum.kernel.resources import Resources
from lyceum.wiring import ERASERS
from make.accounts import Member, make_grant, make_group, make_member, make_user
from make.data import make_check, make_check_run, make_dataset, make_version
from make.rows import fill_optional_columns, insert_row, tables_in_order
from make.serve import make_registered
from make.train import make_run


def _colleague(database: TestDatabase, member: Member, role: str = "viewer") -> Member:
    return make_member(database, organisation=(member.org_id, member.org_name), role=role)


async def test_whoever_is_signed_in_makes_an_organisation_and_owns_it(app: FastAPI, database: TestDatabase) -> None:
    user_id = make_user(database)
    name = f"lab-{uuid4().hex[:8]}"
    async with client_as(app, alone(user_id)) as client:
        assert (await ok(client.get("/api/v1/organisations")))["items"] == []
        made = await ok(client.post("/api/v1/organisations", json={"name": name}), 201)
        assert (made["name"], made["title"], made["role"]) == (name, name, "owner")
        assert (await ok(client.get("/api/v1/organisations")))["items"] == [made]
        assert await ok(client.get(f"/api/v1/organisations/{name}")) == made
        twin = await client.post("/api/v1/organisations", json={"name": name})
    assert (twin.status_code, twin.json()["code"]) == (409, "name_taken")


async def test_an_administrator_may_keep_the_making_of_organisations_to_administrators(
    hub_settings: Settings, database: TestDatabase
) -> None:
    settings = hub_settings.model_copy(update={"organisations_by": "administrators"})
    async with running_app(settings) as app, client_as(app, alone(make_user(database))) as client:
        refused = await client.post("/api/v1/organisations", json={"name": "mine-alone"})
    assert refused.status_code == 403


async def test_a_key_makes_deletes_and_leaves_no_organisation(app: FastAPI, member: Member) -> None:
    asks = [
        Ask("POST", "/organisations", (), {"name": "by-a-key"}),
        Ask("DELETE", f"/organisations/{member.org_name}", (), {"name": member.org_name}),
        Ask("POST", f"/organisations/{member.org_name}/leave", ()),
        Ask("POST", f"/organisations/{member.org_name}/transfer", (), {"user_id": str(member.user_id)}),
    ]
    async with client_of(app, key=member.key) as client:
        assert await statuses(client, asks) == each(asks, 403)


async def test_members_are_listed_to_members_and_to_nobody_else(
    app: FastAPI, member: Member, stranger: Member, database: TestDatabase
) -> None:
    viewer = _colleague(database, member)
    path = f"/api/v1/organisations/{member.org_name}/members"
    async with client_of(app, key=viewer.key) as client, client_of(app, key=stranger.key) as other:
        listed = await ok(client.get(path))
        assert (await other.get(path)).status_code == 404
        assert (await other.get(f"/api/v1/organisations/{member.org_name}")).status_code == 404
    assert {item["user_id"]: item["role"] for item in listed["items"]} == {
        str(member.user_id): "owner",
        str(viewer.user_id): "viewer",
    }


async def test_another_role_counts_within_a_second(app: FastAPI, member: Member, database: TestDatabase) -> None:
    viewer = _colleague(database, member)
    async with client_of(app, key=member.key) as owner, client_of(app, key=viewer.key) as client:
        assert (await client.post("/api/v1/datasets", json={"name": "x"})).status_code == 403
        path = f"/api/v1/organisations/{member.org_name}/members/{viewer.user_id}"
        assert (await ok(owner.patch(path, json={"role": "maintainer"})))["role"] == "maintainer"

        async def is_viewer() -> bool:
            return (await client.post("/api/v1/datasets", json={"name": "x"})).status_code == 403

        await no_longer_than(KNOWN_SECONDS, is_viewer)


async def test_only_owners_change_members(app: FastAPI, member: Member, database: TestDatabase) -> None:
    maintainer, viewer = _colleague(database, member, "maintainer"), _colleague(database, member)
    path = f"/organisations/{member.org_name}/members/{viewer.user_id}"
    asks = [
        Ask("PATCH", path, (), {"role": "owner"}),
        Ask("DELETE", path, ()),
        Ask("PATCH", f"/organisations/{member.org_name}", (), {"title": "x"}),
        Ask("POST", f"/organisations/{member.org_name}/groups", (), {"name": "x"}),
    ]
    async with client_of(app, key=maintainer.key) as client:
        assert await statuses(client, asks) == each(asks, 403)
    async with client_of(app, key=member.key) as client:
        assert await statuses(client, asks) == dict(zip(each(asks, 0), (200, 204, 200, 201), strict=True))


async def test_who_is_removed_has_nothing_left_of_it(
    app: FastAPI, member: Member, stranger: Member, database: TestDatabase
) -> None:
    leaver = _colleague(database, member)
    group_id = make_group(database, member, leaver)
    dataset_id, address = make_dataset(database, member)
    make_grant(database, member, "dataset", dataset_id, to=leaver)
    kept_id, kept = make_dataset(database, stranger)
    make_grant(database, stranger, "dataset", kept_id, to=leaver)
    async with client_of(app, key=member.key) as owner, client_of(app, key=leaver.key) as client:
        assert (await client.get(f"/api/v1/datasets/{address}")).status_code == 200
        path = f"/api/v1/organisations/{member.org_name}/members/{leaver.user_id}"
        assert (await owner.delete(path)).status_code == 204
        await no_longer_than(KNOWN_SECONDS, lambda: is_let_in(client))
        assert (await owner.delete(path)).json()["code"] == "member_not_found"
    async with client_as(app, alone(leaver.user_id)) as client:
        assert (await client.get(f"/api/v1/datasets/{address}")).status_code == 404
        # what others granted them is not this organisation's to take
        assert (await client.get(f"/api/v1/datasets/{kept}")).status_code == 200
    assert rows_of(database, "SELECT * FROM group_members WHERE group_id = %s", group_id) == []


async def test_the_last_owner_neither_leaves_nor_becomes_less(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    viewer = _colleague(database, member)
    base = f"/api/v1/organisations/{member.org_name}"
    async with client_as(app, in_session(member)) as client:
        for refused in (
            await client.post(f"{base}/leave"),
            await client.patch(f"{base}/members/{member.user_id}", json={"role": "viewer"}),
            await client.delete(f"{base}/members/{member.user_id}"),
        ):
            assert (refused.status_code, refused.json()["code"]) == (409, "last_owner")
        nobody = await client.post(f"{base}/transfer", json={"user_id": str(uuid4())})
        assert nobody.json()["code"] == "member_not_found"
        assert (await ok(client.post(f"{base}/transfer", json={"user_id": str(viewer.user_id)})))["role"] == "owner"
    roles = rows_of(database, "SELECT user_id, role FROM memberships WHERE org_id = %s", member.org_id)
    assert {row["user_id"]: row["role"] for row in roles} == {
        member.user_id: "maintainer",
        viewer.user_id: "owner",
    }
    async with client_as(app, in_session(member)) as client:
        assert (await client.post(f"{base}/leave")).status_code == 204


async def test_of_two_owners_who_leave_at_once_one_stays(app: FastAPI, member: Member, database: TestDatabase) -> None:
    other = _colleague(database, member, "owner")
    path = f"/api/v1/organisations/{member.org_name}/leave"
    async with client_as(app, in_session(member)) as one, client_as(app, in_session(other)) as two:
        answers = await asyncio.gather(one.post(path), two.post(path))
    assert sorted(answer.status_code for answer in answers) == [204, 409]


async def test_groups_hold_members_of_their_organisation_alone(
    app: FastAPI, member: Member, stranger: Member, database: TestDatabase
) -> None:
    viewer = _colleague(database, member)
    base = f"/api/v1/organisations/{member.org_name}/groups"
    async with client_of(app, key=member.key) as owner, client_of(app, key=stranger.key) as other:
        group = await ok(owner.post(base, json={"name": "Readers"}), 201)
        assert (await owner.post(base, json={"name": "readers"})).json()["code"] == "name_taken"
        members = f"{base}/{group['id']}/members"
        assert (await ok(owner.post(members, json={"user_id": str(viewer.user_id)}), 201))["member_count"] == 1
        foreign = await owner.post(members, json={"user_id": str(stranger.user_id)})
        assert foreign.json()["code"] == "member_not_found"
        assert [item["user_id"] for item in (await ok(owner.get(members)))["items"]] == [str(viewer.user_id)]
        for path in (base, f"{base}/{group['id']}", members):
            assert (await other.get(path)).status_code == 404
        assert (await owner.delete(f"{members}/{viewer.user_id}")).status_code == 204
        assert (await ok(owner.get(base)))["items"][0]["member_count"] == 0
        assert (await owner.delete(f"{base}/{group['id']}")).status_code == 204
        assert (await owner.get(f"{base}/{group['id']}")).json()["code"] == "group_not_found"


async def test_a_group_is_named_anew_and_keeps_its_members(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    viewer = _colleague(database, member)
    group_id = make_group(database, member, viewer)
    base = f"/api/v1/organisations/{member.org_name}/groups"
    async with client_of(app, key=member.key) as owner, client_of(app, key=viewer.key) as client:
        other = await ok(owner.post(base, json={"name": f"others-{group_id.hex[:8]}"}), 201)
        assert (await client.patch(f"{base}/{group_id}", json={"name": "mine"})).status_code == 403
        taken = await owner.patch(f"{base}/{group_id}", json={"name": other["name"].upper()})
        assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")
        renamed = await ok(owner.patch(f"{base}/{group_id}", json={"name": f"readers-{group_id.hex[:8]}"}))
    assert (renamed["name"], renamed["member_count"]) == (f"readers-{group_id.hex[:8]}", 1)


async def test_members_are_found_by_what_occurs_in_their_name_or_address(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    found, _ = _colleague(database, member), _colleague(database, member)
    rows_of(
        database,
        "UPDATE users SET display_name = '100%% Grace_Hopper', email = %s WHERE id = %s",
        f"{found.user_id.hex}@Example.org",
        found.user_id,
    )
    path = f"/api/v1/organisations/{member.org_name}/members"
    async with client_of(app, key=member.key) as client:
        for words in ("grace_h", "0% g", f"{found.user_id.hex[:20]}", f"{found.user_id.hex.upper()}@example.ORG"):
            listed = await ok(client.get(path, params={"named": words}))
            assert [item["user_id"] for item in listed["items"]] == [str(found.user_id)], words
        percent = (await ok(client.get(path, params={"named": "%"})))["items"]
        assert [item["user_id"] for item in percent] == [str(found.user_id)]
        assert (await ok(client.get(path, params={"named": "graceXh"})))["items"] == []


async def test_what_each_role_may_do_is_told_from_the_table_that_decides(app: FastAPI, member: Member) -> None:
    async with client_of(app, key=member.key) as client:
        items = (await ok(client.get("/api/v1/roles")))["items"]
    assert [item["role"] for item in items] == ["owner", "maintainer", "reviewer", "viewer"]
    assert {item["role"]: set(item["powers"]) for item in items} == {role: set(POWERS[role]) for role in Role}
    assert [item["on_object"] for item in items if item["role"] == "owner"] == [[]]


async def _left(database: TestDatabase, org_id: UUID) -> set[str]:
    tables = rows_of(
        database,
        """
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        """,
    )
    return {
        table["relname"]
        for table in tables
        if rows_of(database, f"SELECT 1 FROM {table['relname']} WHERE org_id = %s", org_id)
    }


async def test_a_deleted_organisation_opens_nothing_and_leaves_nothing(
    app: FastAPI, resources: Resources, stranger: Member, database: TestDatabase, administrator_key: str
) -> None:
    owner = make_member(database)
    dataset_id, address = make_dataset(database, owner)
    version_id = make_version(database, owner, dataset_id)
    check_id = make_check(database, owner, dataset_id)
    make_check_run(database, owner, version_id, results_of=(check_id,))
    make_registered(database, owner, visibility="public")
    make_run(database, owner, version_id)
    theirs = make_run(database, stranger, version_id)
    make_group(database, owner, owner)
    make_grant(database, owner, "dataset", dataset_id, to=stranger)
    for folder in ("tables", "models", "uploads"):
        path = resources.settings.home / "files" / folder / str(owner.org_id) / "x"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    base = f"/api/v1/organisations/{owner.org_name}"
    async with client_as(app, in_session(owner)) as client:
        wrong = await client.request("DELETE", base, json={"name": "another"})
        assert wrong.json()["code"] == "name_differs"
        assert (await client.request("DELETE", base, json={"name": owner.org_name})).status_code == 202
        assert (await ok(client.get("/api/v1/organisations")))["items"] == []
    async with client_of(app, key=stranger.key) as client:
        async with running_worker(resources, *handlers(ERASERS)):
            erasing = "SELECT state, error FROM jobs WHERE org_id = %s AND kind = 'accounts.erase_organisation'"
            erasing += " ORDER BY run_at LIMIT 1"
            await eventually(lambda: _ended(rows_of(database, erasing, owner.org_id)[0]))
        assert (await client.get(f"/api/v1/datasets/{address}")).status_code == 404
        assert (await client.get(f"/api/v1/runs/{theirs}")).status_code == 200
    # keys are kept for what they did, revoked, and so is what was recorded
    assert await _left(database, owner.org_id) == {"api_keys", "audit_log", "jobs"}
    assert rows_of(database, "SELECT 1 FROM api_keys WHERE org_id = %s AND revoked_at IS NULL", owner.org_id) == []
    assert not [
        path for path in resources.settings.home.rglob("*") if path.is_file() and str(owner.org_id) in str(path)
    ]


def _ended(job: dict[str, Any]) -> bool:
    assert job["error"] is None, job
    return bool(job["state"] == "done")


@pytest.mark.deep
async def test_of_rows_in_every_table_a_deleted_organisation_keeps_what_it_did_alone(
    fresh_app: FastAPI, fresh_database: TestDatabase
) -> None:
    org_id = _in_every_table(fresh_database)
    owner = Actor(
        org_id, "a1", org_id, None, frozenset(ALL_SCOPES), stepped_up_until=datetime.now(UTC) + timedelta(hours=1)
    )
    async with client_as(fresh_app, owner) as client:
        ended = await client.request("DELETE", "/api/v1/organisations/a1", json={"name": "a1"})
    assert ended.status_code == 202, ended.text
    open_jobs = (
        "SELECT kind, run_at > now() AS later FROM jobs WHERE org_id = %s AND state NOT IN ('done', 'cancelled')"
    )
    found = [row for row in rows_of(fresh_database, open_jobs, org_id) if row["kind"] == "accounts.erase_organisation"]
    assert sorted(row["later"] for row in found) == [False, True]
    assert rows_of(fresh_database, "SELECT state FROM jobs WHERE kind = 'a1'") == [{"state": "cancelled"}]
    assert rows_of(fresh_database, "SELECT 1 FROM job_schedules") == []
    async with running_worker(fresh_app.state.resources, *handlers(ERASERS)):
        erased = "SELECT state, error FROM jobs WHERE kind = 'accounts.erase_organisation' ORDER BY run_at LIMIT 1"
        await eventually(lambda: _ended(rows_of(fresh_database, erased)[0]))
    assert await _left(fresh_database, org_id) == {"api_keys", "audit_log", "jobs"}
    assert rows_of(fresh_database, "SELECT 1 FROM sign_on_rules WHERE target_id = %s", org_id) == []


def _in_every_table(database: TestDatabase) -> UUID:
    """Put a row of one organisation, which has the id of its owner, into each table; return the id."""
    org_id = UUID("00000000-0000-7000-8000-000000000001")
    for table in tables_in_order(database):
        if not rows_of(database, f'SELECT 1 FROM "{table}" LIMIT 1'):
            insert_row(database, table, 1)
        fill_optional_columns(database, table, 1)
    rows_of(database, "UPDATE organisations SET deleted_at = NULL")
    rows_of(database, "UPDATE users SET suspended_at = NULL, erased_at = NULL")
    rows_of(
        database, "UPDATE jobs SET state = 'ready', finished_at = NULL, ordering_key = NULL, cancel_requested = false"
    )
    rows_of(database, "UPDATE sign_on_rules SET target_kind = 'organisation'")
    return org_id


async def test_what_comes_round_for_somebody_who_left_goes_on_as_nobodys(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    leaver = _colleague(database, member)
    made = "INSERT INTO job_schedules (id, org_id, owner_id, name, kind, args, cron, zone, next_at)"
    made += " VALUES (gen_random_uuid(), %s, %s, 'nightly', 'x', '{}', '0 3 * * *', 'UTC', now() + interval '1 day')"
    rows_of(database, made, member.org_id, leaver.user_id)
    async with client_as(app, in_session(leaver)) as client:
        assert (await client.post(f"/api/v1/organisations/{member.org_name}/leave")).status_code == 204
    kept = rows_of(database, "SELECT name, owner_id FROM job_schedules WHERE org_id = %s", member.org_id)
    assert kept == [{"name": "nightly", "owner_id": None}]


@pytest.mark.usefixtures("administrator_key")
async def test_the_organisation_of_the_hubs_own_administrator_stays(app: FastAPI, database: TestDatabase) -> None:
    row = rows_of(database, "SELECT * FROM definer.first_administrator()")[0]
    member = Member(row["org_id"], row["org_name"], row["user_id"], uuid4(), "", "owner", ())
    async with client_as(app, in_session(member)) as client:
        refused = await client.request(
            "DELETE", f"/api/v1/organisations/{row['org_name']}", json={"name": row["org_name"]}
        )
    assert refused.json()["code"] == "home_of_the_hub"
