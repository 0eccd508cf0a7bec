"""People look at incidents and act on them: who may, what it leaves, and what a list costs."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of
from fixtures.query_count import counted_queries, rows_looked_at
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from lyceum.kernel.resources import Resources
from make.accounts import Member, make_grant, make_member
from make.data import make_dataset, make_version
from make.incidents import make_incident, recovery, tell, trouble
from make.serve import make_registered
from make.train import make_run

API = "/api/v1/incidents"
OTHERS = 2_000


@pytest.fixture
async def mine(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, key=member.key) as client:
        yield client


def colleague(database: TestDatabase, member: Member, role: str) -> Member:
    return make_member(database, organisation=(member.org_id, member.org_name), role=role)


async def test_an_incident_goes_from_hand_to_hand_and_its_timeline_tells(
    mine: httpx.AsyncClient, database: TestDatabase, member: Member
) -> None:
    dataset_id, address = make_dataset(database, member)
    path = f"{API}/{make_incident(database, member, dataset_id)}"
    reviewer = colleague(database, member, "reviewer")
    taken = await ok(mine.post(f"{path}/acknowledge", json={"comment": "I look"}))
    assert (taken["state"], taken["assignee"]["user_id"]) == ("acknowledged", str(member.user_id))
    given = await ok(mine.put(f"{path}/assignee", json={"user_id": str(reviewer.user_id)}))
    assert given["assignee"]["user_id"] == str(reviewer.user_id)
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    assert (await ok(mine.post(f"{path}/snooze", json={"until": until})))["snoozed_until"] is not None
    said = await ok(mine.post(f"{path}/comments", json={"comment": "The sensor was moved."}), 201)
    assert said["comment"] == "The sensor was moved."
    over = await ok(mine.post(f"{path}/resolve", json={"resolution": "expected", "comment": "as planned"}))
    assert (over["state"], over["resolution"], over["snoozed_until"]) == ("resolved", "expected", None)
    assert (await ok(mine.post(f"{path}/reopen", json={})))["state"] == "open"
    events = (await ok(mine.get(f"{path}/events")))["items"]
    kinds = ["reopened", "resolved", "commented", "snoozed", "assigned", "acknowledged", "opened"]
    assert [event["kind"] for event in events] == kinds
    given_to = {event["kind"]: event["assigned_to"] for event in events if event["assigned_to"] is not None}
    assert {kind: person["user_id"] for kind, person in given_to.items()} == {"assigned": str(reviewer.user_id)}
    assert given_to["assigned"]["name"]
    shown = await ok(mine.get(path))
    assert (shown["dataset"], shown["may_act"], shown["consumers"]) == (address, True, [])


@pytest.mark.parametrize(
    "verb, body, code",
    [
        ("acknowledge", {}, "incident_resolved"),
        ("snooze", {"until": "2999-01-01T00:00:00Z"}, "snooze_invalid"),
        ("resolve", {"resolution": "fixed"}, "incident_resolved"),
    ],
)
async def test_what_is_resolved_is_opened_again_first(
    mine: httpx.AsyncClient, database: TestDatabase, member: Member, verb: str, body: dict[str, Any], code: str
) -> None:
    path = f"{API}/{make_incident(database, member, make_dataset(database, member)[0])}"
    assert (await mine.post(f"{path}/reopen", json={})).json()["code"] == "incident_not_resolved"
    await ok(mine.post(f"{path}/resolve", json={"resolution": "fixed"}))
    assert (await mine.post(f"{path}/{verb}", json=body)).json()["code"] == code


async def test_of_one_thing_only_one_incident_is_opened_again(
    mine: httpx.AsyncClient, resources: Resources, database: TestDatabase, member: Member
) -> None:
    dataset_id, _ = make_dataset(database, member)
    first = await tell(resources, member, trouble(dataset_id))
    await ok(mine.post(f"{API}/{first}/resolve", json={"resolution": "fixed"}))
    second = await tell(resources, member, trouble(dataset_id))
    assert second not in {None, first}
    refused = await mine.post(f"{API}/{first}/reopen", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "incident_open_already")
    await tell(resources, member, recovery(dataset_id))
    assert (await ok(mine.post(f"{API}/{first}/reopen", json={})))["state"] == "open"


async def test_nobody_is_assigned_who_is_no_member(
    mine: httpx.AsyncClient, database: TestDatabase, member: Member, stranger: Member
) -> None:
    path = f"{API}/{make_incident(database, member, make_dataset(database, member)[0])}"
    refused = await mine.put(f"{path}/assignee", json={"user_id": str(stranger.user_id)})
    assert (refused.status_code, refused.json()["code"]) == (422, "assignee_unknown")


async def test_viewers_look_reviewers_act_and_maintainers_set_limits(
    app: FastAPI, database: TestDatabase, member: Member
) -> None:
    incident_id = make_incident(database, member, make_dataset(database, member)[0])
    settings_path = f"/api/v1/organisations/{member.org_name}/incident-settings"
    limits = {"info": None, "warning": 10, "critical": 5}
    wanted = {"acknowledge_minutes": limits, "resolve_minutes": limits, "reopen_minutes": 0}
    wanted |= {"weekly_digest": False, "zone": "Europe/Berlin"}
    for role, acts, sets in (("viewer", 403, 403), ("reviewer", 200, 403), ("maintainer", 200, 200)):
        async with client_of(app, key=colleague(database, member, role).key) as client:
            shown = await ok(client.get(f"{API}/{incident_id}"))
            assert shown["may_act"] is (acts == 200)
            done = await client.post(f"{API}/{incident_id}/acknowledge", json={})
            assert done.status_code == acts, done.text
            changed = await client.put(settings_path, json=wanted, headers={"if-match": '"1"'})
            assert changed.status_code == sets, changed.text
            await ok(client.get(settings_path))
    assert changed.json() == wanted | {"revision": 2}
    assert changed.headers["etag"] == '"2"'


async def test_incidents_of_a_dataset_are_seen_by_whom_it_was_granted_and_by_nobody_else(
    app: FastAPI, database: TestDatabase, member: Member, stranger: Member
) -> None:
    dataset_id, address = make_dataset(database, member, visibility="internal")
    incident_id = make_incident(database, member, dataset_id)
    guest, viewer = make_member(database), make_member(database)
    make_grant(database, member, "dataset", dataset_id, to=guest, role="reviewer")
    make_grant(database, member, "dataset", dataset_id, to=viewer)
    async with client_of(app, key=stranger.key) as client:
        assert (await client.get(f"{API}/{incident_id}")).status_code == 404
        assert (await client.post(f"{API}/{incident_id}/acknowledge", json={})).status_code == 404
        assert (await ok(client.get(API, params={"dataset": address})))["items"] == []
        assert (await ok(client.get(f"{API}/count", params={"dataset": address})))["unresolved"] == 0
    async with client_of(app, key=viewer.key) as client:
        assert (await ok(client.get(f"{API}/{incident_id}")))["may_act"] is False
        assert (await client.post(f"{API}/{incident_id}/acknowledge", json={})).status_code in {403, 404}
    async with client_of(app, key=guest.key) as client:
        assert [item["id"] for item in (await ok(client.get(API)))["items"]] == [str(incident_id)]
        taken = await ok(client.post(f"{API}/{incident_id}/acknowledge", json={}))
        # a guest is no member, whom one could assign
        assert (taken["state"], taken["assignee"]) == ("acknowledged", None)
    rows_of(database, "UPDATE datasets SET visibility = 'private' WHERE id = %s", dataset_id)


async def test_the_models_that_ate_the_bad_version_are_told(
    mine: httpx.AsyncClient, resources: Resources, database: TestDatabase, member: Member
) -> None:
    dataset_id, _ = make_dataset(database, member)
    bad, good = (make_version(database, member, dataset_id, number=number) for number in (1, 2))
    run_id = make_run(database, member, bad)
    make_run(database, member, good)
    model_id, model = make_registered(database, member)
    rows_of(database, "UPDATE model_versions SET operation_id = %s WHERE model_id = %s", run_id, model_id)
    incident_id = await tell(resources, member, trouble(dataset_id, version_id=bad))
    shown = await ok(mine.get(f"{API}/{incident_id}"))
    told = [(consumer["kind"], consumer["address"]) for consumer in shown["consumers"]]
    assert told == [("model", f"{model}@1"), ("run", str(run_id))]
    assert (shown["version"], shown["version_state"]) == (1, "accepted")


async def test_lists_are_filtered_and_paged(mine: httpx.AsyncClient, database: TestDatabase, member: Member) -> None:
    dataset_id, address = make_dataset(database, member)
    other_id, _ = make_dataset(database, member)
    resolved = {"state": "resolved", "resolution": "fixed", "resolved_at": datetime.now(UTC)}
    made = {
        "open": make_incident(database, member, dataset_id),
        "mine": make_incident(database, member, dataset_id, assignee_id=member.user_id),
        "grave": make_incident(database, member, other_id, severity="critical", state="acknowledged"),
        "rests": make_incident(database, member, other_id, snoozed_until=datetime.now(UTC) + timedelta(hours=1)),
        "over": make_incident(database, member, other_id, **resolved),
    }

    async def found(**wanted: Any) -> set[str]:
        items = (await ok(mine.get(API, params=wanted)))["items"]
        return {name for name, made_id in made.items() if str(made_id) in {item["id"] for item in items}}

    assert await found() == set(made)
    assert await found(state="unresolved") == set(made) - {"over"}
    assert await found(state=["snoozed", "resolved"]) == {"rests", "over"}
    assert await found(state="open") == {"open", "mine"}
    assert await found(severity="critical") == {"grave"}
    assert await found(dataset=address) == {"open", "mine"}
    assert await found(mine=True) == await found(assignee=str(member.user_id)) == {"mine"}
    assert await ok(mine.get(f"{API}/count")) == {"unresolved": 4, "critical": 1}
    seen: list[str] = []
    page: dict[str, Any] = {"next": None}
    while True:
        page = await ok(mine.get(API, params={"limit": 2} | ({"cursor": page["next"]} if page["next"] else {})))
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
    assert seen == [str(made_id) for made_id in reversed(made.values())]


async def test_a_list_costs_the_same_however_many_there_are(
    fresh_app: FastAPI, fresh_database: TestDatabase, fresh_member: Member
) -> None:
    owner, crowd = make_member(fresh_database), make_member(fresh_database)
    for who in (fresh_member, owner, crowd):
        dataset_id, _ = make_dataset(fresh_database, who)
        incidents = 2 if who is owner else OTHERS
        _make_many(fresh_database, who, dataset_id, incidents)
        if who is owner:
            make_grant(fresh_database, owner, "dataset", dataset_id, to=fresh_member)
    rows_of(fresh_database, "ANALYZE")
    async with client_of(fresh_app, key=fresh_member.key) as client:
        await client.get("/api/v1/me")
        costs = {}
        for params in ({}, {"state": "unresolved"}, {"mine": True}):
            with counted_queries(fresh_app) as queries:
                items = (await ok(client.get(API, params=params | {"limit": 10})))["items"]
            assert len(items) == (0 if "mine" in params else 10)
            assert len(queries) <= 7, queries.statements
            costs[str(params)] = rows_looked_at(
                queries, fresh_database, fresh_member.org_id, table="incidents", user_id=fresh_member.user_id
            )
    for asked, looked_at in costs.items():
        # of each part, and once more of those that are shown; of the granted ones all
        assert max(looked_at.values()) <= 40, (asked, looked_at)


def _make_many(database: TestDatabase, owner: Member, dataset_id: UUID, count: int) -> None:
    rows_of(
        database,
        """
        INSERT INTO incidents (id, org_id, dataset_id, fingerprint, kind, subject, title, severity, summary, first_seen_at, last_seen_at)
        SELECT gen_random_uuid(), %s, %s, gen_random_uuid()::text, 'metric', 'm' || n, 'm', 'warning', 's', now(), now()
        FROM generate_series(1, %s) n
        """,
        *(owner.org_id, dataset_id, count),
    )
