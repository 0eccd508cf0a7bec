"""Rules bring incidents to Slack, PagerDuty, a webhook and people, and tell there how they go on."""

from uuid import UUID

import httpx
from psycopg.types.json import Jsonb

from fixtures.alerting import (
    HANDLERS,
    Serve,
    add_rule,
    dataset_id,
    hub_settings,
    hurry,
    mine,
    served,
    settled,
    to_pagerduty,
    to_slack,
)
from fixtures.app import eventually, rows_of, running_worker
from fixtures.module_database import database, module_database
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from lyceum.data.incidents.public import Subject
from lyceum.data.incidents.rounds import look_at
from lyceum.kernel.resources import Resources
from make.accounts import Member, make_member
from make.data import DEFINITION, make_check
from make.incidents import events_of, incident_row, recovery, tell, trouble

__all__ = ["database", "dataset_id", "hub_settings", "mine", "module_database", "served"]


async def test_pagerduty_is_told_that_an_incident_opens_is_looked_after_and_is_over(
    mine: httpx.AsyncClient,
    resources: Resources,
    database: TestDatabase,
    member: Member,
    dataset_id: UUID,
    served: Serve,
) -> None:
    receiver, destination_id = await to_pagerduty(mine, member, served)
    await add_rule(mine, member, to={"destination_id": destination_id})
    async with running_worker(resources, *HANDLERS):
        incident_id = await tell(resources, member, trouble(dataset_id, severity="warning"))
        await eventually(lambda: len(receiver.taken) == 1 or receiver.refused)
        await ok(mine.post(f"/api/v1/incidents/{incident_id}/acknowledge", json={}))
        await eventually(lambda: len(receiver.taken) == 2 or receiver.refused)
        await tell(resources, member, recovery(dataset_id))
        await eventually(lambda: len(receiver.taken) == 3 or receiver.refused)
    assert receiver.refused == []
    assert [event["event_action"] for event in receiver.taken] == ["trigger", "acknowledge", "resolve"]
    assert {event["dedup_key"] for event in receiver.taken} == {f"lyceum-incident-{incident_id}"}
    assert receiver.taken[0]["payload"]["severity"] == "warning"
    assert receiver.taken[0]["links"][0]["href"].endswith(f"/incidents/{incident_id}")
    assert incident_id is not None
    assert events_of(database, incident_id) == ["opened", "alerted", "acknowledged", "recovered"]


async def test_slack_gets_one_message_of_what_gathers_and_one_when_it_is_over(
    mine: httpx.AsyncClient,
    resources: Resources,
    database: TestDatabase,
    member: Member,
    dataset_id: UUID,
    served: Serve,
) -> None:
    receiver, destination_id = await to_slack(mine, member, served)
    delivery = {"group_by": "dataset", "group_seconds": 3600}
    await add_rule(mine, member, to={"destination_id": destination_id}, delivery=delivery)
    subjects = [Subject(dataset_id, "metric", name) for name in "abc"]
    async with running_worker(resources, *HANDLERS):
        for subject in subjects:
            await tell(resources, member, trouble(dataset_id, subject=subject, summary=f"<!here> {subject.name}"))
        # one of them is over before anybody is told of it
        await tell(resources, member, recovery(dataset_id, subject=subjects[0]))
        await settled(database)
        assert receiver.taken == []
        hurry(database)
        await eventually(lambda: receiver.taken or receiver.refused)
        await tell(resources, member, recovery(dataset_id, subject=subjects[1]))
        await eventually(lambda: len(receiver.taken) == 2 or receiver.refused)
        await settled(database)
    assert receiver.refused == []
    assert len(receiver.taken) == 2
    assert receiver.taken[0]["text"].startswith("2 incidents: ")
    assert "<!here>" not in str(receiver.taken)
    assert "as it should be again" in receiver.taken[1]["text"]


async def test_the_first_rule_tells_and_what_falls_under_none_goes_to_whoever_made_the_dataset(
    mine: httpx.AsyncClient, resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    colleague = make_member(database, organisation=(member.org_id, member.org_name), role="viewer")
    other = make_member(database, organisation=(member.org_id, member.org_name), role="viewer")
    critical = {"severities": ["critical"]}
    told_of = "SELECT 1 FROM notices WHERE kind = 'incident' AND org_id = %s"
    await add_rule(mine, member, conditions=critical, to={"people": [str(colleague.user_id)]})
    await add_rule(mine, member, conditions=critical, to={"people": [str(other.user_id)]})
    async with running_worker(resources, *HANDLERS):
        grave = trouble(dataset_id, subject=Subject(dataset_id, "metric", "a"), severity="critical")
        await tell(resources, member, grave)
        await tell(resources, member, trouble(dataset_id, subject=Subject(dataset_id, "metric", "b")))
        await eventually(lambda: len(rows_of(database, told_of, member.org_id)) == 2)
        await settled(database)
    notices = rows_of(database, "SELECT user_id, data FROM notices WHERE org_id = %s", member.org_id)
    told = {row["user_id"]: row["data"]["level"] for row in notices}
    assert told == {colleague.user_id: "critical", member.user_id: "warning"}


async def test_rules_go_by_the_tags_of_the_dataset_and_of_the_check(
    mine: httpx.AsyncClient, resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    owners, keepers = (
        make_member(database, organisation=(member.org_id, member.org_name), role="viewer") for _ in range(2)
    )
    rows_of(database, "UPDATE datasets SET tags = %s WHERE id = %s", Jsonb(["finance", "daily"]), dataset_id)
    check_id = make_check(database, member, dataset_id, definition=DEFINITION | {"tags": ["Personal data"]})
    wanted = {"dataset_tags": ["finance"], "check_tags": ["Personal data", "x"]}
    made = await add_rule(mine, member, conditions=wanted, to={"people": [str(keepers.user_id)]})
    assert {name: made["conditions"][name] for name in wanted} == wanted
    await add_rule(mine, member, conditions={"dataset_tags": ["hourly"]}, to={"people": [str(member.user_id)]})
    by_dataset = await add_rule(
        mine, member, conditions={"dataset_tags": ["finance"]}, to={"people": [str(owners.user_id)]}
    )
    async with running_worker(resources, *HANDLERS):
        await tell(resources, member, trouble(dataset_id, subject=Subject(dataset_id, "check", str(check_id))))
        await tell(resources, member, trouble(dataset_id))
        told_of = "SELECT user_id FROM notices WHERE kind = 'incident' AND org_id = %s"
        await eventually(lambda: len(rows_of(database, told_of, member.org_id)) == 2)
        await settled(database)
    assert {row["user_id"] for row in rows_of(database, told_of, member.org_id)} == {keepers.user_id, owners.user_id}
    # as a rule stands that was kept before rules had tags
    kept = "UPDATE alert_rules SET conditions = conditions - 'dataset_tags' - 'check_tags' WHERE id = %s"
    rows_of(database, kept, by_dataset["id"])
    path = f"/api/v1/organisations/{member.org_name}/alert-rules/{by_dataset['id']}"
    assert (await ok(mine.get(path)))["conditions"]["dataset_tags"] == []


async def test_a_rule_is_tried_changed_ordered_and_removed(
    mine: httpx.AsyncClient, resources: Resources, member: Member, stranger: Member, served: Serve
) -> None:
    receiver, destination_id = await to_slack(mine, member, served)
    path = f"/api/v1/organisations/{member.org_name}/alert-rules"
    first = await add_rule(mine, member, to={"destination_id": destination_id})
    second = await add_rule(mine, member, name="second", to={"people": [str(member.user_id)]})
    async with running_worker(resources, *HANDLERS):
        assert await ok(mine.post(f"{path}/{first['id']}/test")) == {"destinations": 1, "people": 0}
        await eventually(lambda: receiver.taken or receiver.refused)
    assert receiver.refused == []
    ordered = await ok(mine.put(f"{path}/order", json={"ids": [second["id"], first["id"]]}))
    assert [rule["id"] for rule in ordered["items"]] == [second["id"], first["id"]]
    assert ordered["destinations"] == [{"id": destination_id, "kind": "slack", "name": "ours"}]
    wanted = {"name": "other", "to": {"people": [str(member.user_id)]}, "enabled": False}
    assert (await mine.put(f"{path}/{first['id']}", json=wanted)).status_code == 428
    changed = await mine.put(f"{path}/{first['id']}", json=wanted, headers={"if-match": '"1"'})
    assert (changed.status_code, changed.json()["enabled"], changed.headers["etag"]) == (200, False, '"2"')
    for to in ({}, {"people": [str(stranger.user_id)]}, {"destination_id": str(stranger.org_id)}):
        refused = await mine.post(path, json={"name": "x", "to": to})
        assert (refused.status_code, refused.json()["code"]) == (422, "alert_rule_invalid")
    assert (await mine.delete(f"{path}/{first['id']}")).status_code == 204
    assert (await mine.get(f"{path}/{first['id']}")).status_code == 404


async def test_an_overdue_incident_reminds_whoever_looks_after_it(
    mine: httpx.AsyncClient, resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    colleague = make_member(database, organisation=(member.org_id, member.org_name), role="reviewer")
    incident_id = await tell(resources, member, trouble(dataset_id))
    assert incident_id is not None
    await ok(mine.put(f"/api/v1/incidents/{incident_id}/assignee", json={"user_id": str(colleague.user_id)}))
    rows_of(
        database,
        "UPDATE incidents SET acknowledge_due_at = now(), look_at = now() - interval '1 second' WHERE id = %s",
        incident_id,
    )
    async with running_worker(resources, *HANDLERS):
        await look_at(resources, member.org_id, incident_id)
        told = "SELECT 1 FROM notices WHERE user_id = %s AND kind = 'incident'"
        await eventually(lambda: rows_of(database, told, colleague.user_id))
    assert incident_row(database, incident_id)["acknowledge_breached_at"] is not None
