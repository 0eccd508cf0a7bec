"""Single objects granted to people and groups of other organisations, and asked for."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of
from fixtures.people import alone, client_as
from fixtures.rights import Ask, each, statuses
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from make.accounts import Member, email_of, make_grant, make_group, make_member, make_user
from make.data import DEFINITION, make_check, make_check_run, make_dataset, make_version
from make.serve import make_registered
from make.train import make_run


class _Things:
    """One object of each kind that nobody else may see, with what belongs to it."""

    def __init__(self, database: TestDatabase, owner: Member) -> None:
        self.dataset_id, self.dataset = make_dataset(database, owner)
        self.version_id = make_version(database, owner, self.dataset_id)
        self.check_id = make_check(database, owner, self.dataset_id)
        self.check_run_id = make_check_run(database, owner, self.version_id, results_of=(self.check_id,))
        self.model_id, self.model = make_registered(database, owner, versions=2)
        self.run_id = make_run(database, owner, self.version_id)

    def reads(self) -> list[Ask]:
        of_dataset = [
            *("", "/versions", "/versions/1", "/versions/latest/profile", "/checks"),
        ]
        return [
            *(Ask("GET", f"/datasets/{self.dataset}{rest}", ()) for rest in of_dataset),
            Ask("GET", f"/dataset-versions/{self.version_id}", ()),
            Ask("GET", f"/check-runs/{self.check_run_id}", ()),
            *(Ask("GET", f"/models/{self.model}{rest}", ()) for rest in ("", "/versions", "/versions/2")),
            Ask("GET", f"/runs/{self.run_id}", ()),
            Ask("GET", f"/runs/{self.run_id}/report", ()),
        ]

    def writes(self) -> list[Ask]:
        return [
            Ask("PATCH", f"/datasets/{self.dataset}", (), {"description": "mine"}, headers={"if-match": "*"}),
            Ask("POST", f"/datasets/{self.dataset}/checks", (), {"definition": {**DEFINITION, "at_most_failing": 0.5}}),
            Ask("POST", f"/datasets/{self.dataset}/versions/1/check-runs", ()),
            Ask("POST", f"/datasets/{self.dataset}/checks/suggest", ()),
            Ask("DELETE", f"/checks/{self.check_id}", ()),
            Ask("PUT", f"/models/{self.model}/aliases/tried", (), {"version": 1}),
            Ask("POST", f"/runs/{self.run_id}/cancel", ()),
        ]

    def grant(self, database: TestDatabase, owner: Member, **how: Any) -> None:
        for kind, object_id in (("dataset", self.dataset_id), ("model", self.model_id), ("run", self.run_id)):
            make_grant(database, owner, kind, object_id, **how)


@pytest.fixture
def things(database: TestDatabase, member: Member) -> _Things:
    return _Things(database, member)


@pytest.fixture
async def theirs(app: FastAPI, stranger: Member) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, key=stranger.key) as client:
        yield client


async def _listed(client: httpx.AsyncClient) -> list[int]:
    return [len((await ok(client.get(f"/api/v1/{kind}")))["items"]) for kind in ("datasets", "models", "runs")]


async def test_what_was_not_granted_is_not_there(theirs: httpx.AsyncClient, things: _Things) -> None:
    assert await statuses(theirs, things.reads() + things.writes()) == each(things.reads() + things.writes(), 404)
    assert await _listed(theirs) == [0, 0, 0]


@pytest.mark.parametrize("role", ["viewer", "reviewer"])
async def test_what_was_granted_to_look_at_is_read_with_all_that_belongs_to_it_and_not_changed(
    theirs: httpx.AsyncClient, things: _Things, member: Member, stranger: Member, database: TestDatabase, role: str
) -> None:
    things.grant(database, member, to=stranger, role=role)
    assert await statuses(theirs, things.reads()) == each(things.reads(), 200)
    assert await statuses(theirs, things.writes()) == each(things.writes(), 404)
    assert await _listed(theirs) == [1, 1, 1]
    assert len((await ok(theirs.get(f"/api/v1/datasets/{things.dataset}/checks")))["items"]) == 1
    assert len((await ok(theirs.get(f"/api/v1/check-runs/{things.check_run_id}")))["results"]) == 1
    assert (await ok(theirs.get(f"/api/v1/runs/{things.run_id}")))["dataset"] == things.dataset


async def test_a_viewer_elsewhere_who_was_granted_to_maintain_changes_that_object_and_no_other(
    app: FastAPI, things: _Things, member: Member, database: TestDatabase
) -> None:
    viewer = make_member(database, role="viewer")
    others = _Things(database, member)
    things.grant(database, member, to=viewer, role="maintainer")
    async with client_of(app, key=viewer.key) as client:
        found = await statuses(client, things.writes())
        assert set(found.values()) <= {200, 201, 202, 204}, found
        assert set((await statuses(client, others.writes())).values()) <= {403, 404}
        own = await client.post("/api/v1/datasets", json={"name": "x"})
        assert own.status_code == 403
        refused = await client.delete(f"/api/v1/datasets/{things.dataset}")
        shown = await client.patch(
            f"/api/v1/datasets/{things.dataset}", json={"visibility": "public"}, headers={"if-match": "*"}
        )
    assert [refused.status_code, shown.status_code] == [403, 403]
    made = rows_of(database, "SELECT org_id, created_by FROM checks WHERE created_by = %s", viewer.user_id)
    assert {row["org_id"] for row in made} == {member.org_id}
    jobs = rows_of(database, "SELECT org_id FROM jobs WHERE owner_id = %s", viewer.user_id)
    assert {job["org_id"] for job in jobs} == {member.org_id}


async def test_a_viewer_at_home_may_be_granted_to_maintain_one_object(
    app: FastAPI, things: _Things, member: Member, database: TestDatabase
) -> None:
    viewer = make_member(database, organisation=(member.org_id, member.org_name), role="viewer")
    asks = things.writes()
    async with client_of(app, key=viewer.key) as client:
        assert await statuses(client, asks) == each(asks, 403)
        things.grant(database, member, to=viewer, role="maintainer")
        assert set((await statuses(client, asks)).values()) <= {200, 201, 202, 204}


async def test_a_keys_scopes_limit_what_was_granted_as_well(
    app: FastAPI, things: _Things, member: Member, database: TestDatabase
) -> None:
    narrow = make_member(database, scopes=("datasets:read", "models:read", "runs:read"))
    things.grant(database, member, to=narrow, role="maintainer")
    async with client_of(app, key=narrow.key) as client:
        assert await statuses(client, things.reads()) == each(things.reads(), 200)
        assert await statuses(client, things.writes()) == each(things.writes(), 403)


async def test_a_grant_to_a_group_is_its_members_and_goes_with_the_group(
    app: FastAPI, things: _Things, member: Member, stranger: Member, database: TestDatabase, theirs: httpx.AsyncClient
) -> None:
    colleague = make_member(database, organisation=(stranger.org_id, stranger.org_name), role="viewer")
    group_id = make_group(database, stranger, colleague)
    things.grant(database, member, group_id=group_id)
    async with client_of(app, key=colleague.key) as client:
        assert await statuses(client, things.reads()) == each(things.reads(), 200)
        assert await statuses(theirs, things.reads()) == each(things.reads(), 404)
        rows_of(database, "DELETE FROM memberships WHERE user_id = %s", colleague.user_id)
        assert rows_of(database, "SELECT * FROM group_members WHERE group_id = %s", group_id) == []
    rows_of(database, "DELETE FROM groups WHERE id = %s", group_id)
    assert rows_of(database, "SELECT * FROM grants WHERE group_id = %s", group_id) == []


async def test_a_grant_ends_at_its_time(
    theirs: httpx.AsyncClient, things: _Things, member: Member, stranger: Member, database: TestDatabase
) -> None:
    things.grant(database, member, to=stranger, ends_in=timedelta(seconds=-1))
    assert await statuses(theirs, things.reads()) == each(things.reads(), 404)
    assert await _listed(theirs) == [0, 0, 0]


async def test_a_person_in_no_organisation_uses_what_they_were_granted(
    app: FastAPI, things: _Things, member: Member, stranger: Member, database: TestDatabase
) -> None:
    user_id = make_user(database)
    rows_of(
        database,
        "INSERT INTO grants (id, org_id, kind, object_id, user_id, role) VALUES (%s, %s, 'dataset', %s, %s, 'maintainer')",
        uuid4(),
        member.org_id,
        things.dataset_id,
        user_id,
    )
    async with client_as(app, alone(user_id)) as client:
        read, write = things.reads()[:5], things.writes()[:4]
        assert await statuses(client, read) == each(read, 200)
        assert set((await statuses(client, write)).values()) <= {200, 201, 202}
        assert [item["address"] for item in (await ok(client.get("/api/v1/datasets")))["items"]] == [things.dataset]
        refused = await client.post("/api/v1/datasets", json={"name": "x"})
    assert refused.json()["code"] == "organisation_needed"


async def test_an_object_is_granted_listed_and_taken_back(
    app: FastAPI, things: _Things, member: Member, database: TestDatabase
) -> None:
    guest = make_member(database)
    rows_of(
        database,
        "INSERT INTO memberships (org_id, user_id, role) VALUES (%s, %s, 'viewer')",
        guest.org_id,
        member.user_id,
    )
    wanted = {"kind": "dataset", "address": things.dataset, "user_email": email_of(database, guest.user_id)}
    ends_at = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    async with client_of(app, key=member.key) as owner, client_of(app, key=guest.key) as client:
        made = await ok(owner.post("/api/v1/grants", json={**wanted, "role": "viewer", "ends_at": ends_at}), 201)
        assert made["address"] == things.dataset
        assert made["to"]["user_id"] == str(guest.user_id)
        changed = await ok(owner.post("/api/v1/grants", json={**wanted, "role": "reviewer"}), 201)
        assert (changed["id"], changed["role"], changed["ends_at"]) == (made["id"], "reviewer", None)
        listed = await ok(owner.get("/api/v1/grants", params={"kind": "dataset", "address": things.dataset}))
        assert listed["items"] == [changed]
        of_other = await ok(owner.get("/api/v1/grants", params={"kind": "model", "address": things.model}))
        assert of_other["items"] == []
        mine = await ok(client.get("/api/v1/grants-to-me"))
        assert [(item["address"], item["role"]) for item in mine["items"]] == [(things.dataset, "reviewer")]
        assert (await client.get("/api/v1/grants")).json() == {"items": [], "next": None}
        assert (await owner.delete(f"/api/v1/grants/{made['id']}")).status_code == 204
        assert (await client.get(f"/api/v1/datasets/{things.dataset}")).status_code == 404


async def test_what_one_was_granted_can_be_given_back(
    theirs: httpx.AsyncClient, things: _Things, member: Member, stranger: Member, database: TestDatabase
) -> None:
    grant_id = make_grant(database, member, "dataset", things.dataset_id, to=stranger)
    others = make_grant(database, member, "dataset", things.dataset_id, to=make_member(database))
    assert (await theirs.delete(f"/api/v1/grants/{others}")).status_code == 404
    assert (await theirs.delete(f"/api/v1/grants/{grant_id}")).status_code == 204
    assert (await theirs.get(f"/api/v1/datasets/{things.dataset}")).status_code == 404


async def test_granting_does_not_tell_who_is_on_the_hub(
    app: FastAPI, things: _Things, member: Member, stranger: Member, database: TestDatabase
) -> None:
    group_id = make_group(database, stranger)
    known = email_of(database, stranger.user_id)
    wanted = {"kind": "dataset", "address": things.dataset, "role": "viewer"}
    async with client_of(app, key=member.key) as owner:
        there = await owner.post("/api/v1/grants", json={**wanted, "user_email": known})
        nowhere = await owner.post("/api/v1/grants", json={**wanted, "user_email": "nobody@example.org"})
        group = await owner.post("/api/v1/grants", json={**wanted, "group_id": str(group_id)})
        no_group = await owner.post("/api/v1/grants", json={**wanted, "group_id": str(uuid4())})
    assert [r.status_code for r in (there, nowhere, group, no_group)] == [404] * 4
    assert there.json()["detail"].replace(known, "nobody@example.org") == nowhere.json()["detail"]
    assert there.json()["code"] == "person_not_found"
    assert group.json()["code"] == no_group.json()["code"] == "group_not_found"


async def test_others_objects_are_not_granted_on(
    theirs: httpx.AsyncClient, things: _Things, member: Member, stranger: Member, database: TestDatabase
) -> None:
    things.grant(database, member, to=stranger, role="maintainer")
    wanted = {"kind": "dataset", "address": things.dataset, "role": "viewer", "user_email": "a@example.org"}
    assert (await theirs.post("/api/v1/grants", json=wanted)).status_code == 403


async def test_asking_for_what_is_hidden_tells_nothing_of_it(
    theirs: httpx.AsyncClient, things: _Things, stranger: Member
) -> None:
    asked = [
        await theirs.post("/api/v1/access-requests", json={"kind": kind, "address": address, "reason": "to compare"})
        for kind, address in (
            ("dataset", things.dataset),
            ("dataset", f"{things.dataset}-not-there"),
            ("run", str(things.run_id)),
            ("run", str(uuid4())),
            ("model", things.model),
            ("model", "nobody/nothing"),
        )
    ]
    assert {(reply.status_code, reply.text) for reply in asked} == {(202, '{"state":"asked"}')}
    mine = (await ok(theirs.get("/api/v1/access-requests")))["items"]
    assert len(mine) == 6
    assert {(item["state"], item["asked_by"]) for item in mine} == {("pending", None)}
    again = {"kind": "dataset", "address": things.dataset, "reason": "please"}
    assert (await theirs.post("/api/v1/access-requests", json=again)).status_code == 202
    assert len((await ok(theirs.get("/api/v1/access-requests")))["items"]) == 6


async def test_what_was_asked_for_is_approved_or_refused_by_whoever_may_grant_it(
    app: FastAPI, theirs: httpx.AsyncClient, things: _Things, member: Member, stranger: Member, database: TestDatabase
) -> None:
    for kind, address in (("dataset", things.dataset), ("model", things.model)):
        wanted = {"kind": kind, "address": address, "reason": "to compare"}
        await ok(theirs.post("/api/v1/access-requests", json=wanted), 202)
    reviewer = make_member(database, organisation=(member.org_id, member.org_name), role="reviewer")
    async with client_of(app, key=member.key) as owner, client_of(app, key=reviewer.key) as other:
        to_decide = (await ok(owner.get("/api/v1/access-requests", params={"of": "organisation"})))["items"]
        assert {item["asked_by"]["user_id"] for item in to_decide} == {str(stranger.user_id)}
        by_kind: dict[str, UUID] = {item["kind"]: item["id"] for item in to_decide}
        approve = f"/api/v1/access-requests/{by_kind['dataset']}/approve"
        assert (await other.post(approve, json={})).status_code == 403
        assert (await theirs.post(approve, json={})).status_code == 404
        assert (await ok(owner.post(approve, json={"role": "reviewer"})))["state"] == "approved"
        assert (await owner.post(approve, json={})).json()["code"] == "request_decided"
        refuse = f"/api/v1/access-requests/{by_kind['model']}/refuse"
        assert (await ok(owner.post(refuse, json={"note": "ask the lab"})))["state"] == "refused"
        waiting = {"of": "organisation", "state": "pending"}
        assert (await ok(owner.get("/api/v1/access-requests", params=waiting)))["items"] == []
        assert (await other.get("/api/v1/access-requests", params={"of": "organisation"})).status_code == 403
    assert (await theirs.get(f"/api/v1/datasets/{things.dataset}")).status_code == 200
    assert (await theirs.get(f"/api/v1/models/{things.model}")).status_code == 404
    mine = (await ok(theirs.get("/api/v1/access-requests")))["items"]
    assert {item["kind"]: (item["state"], item["note"]) for item in mine} == {
        "dataset": ("approved", ""),
        "model": ("refused", "ask the lab"),
    }
    refused = (await ok(theirs.get("/api/v1/access-requests", params={"state": "refused"})))["items"]
    assert [item["kind"] for item in refused] == ["model"]
