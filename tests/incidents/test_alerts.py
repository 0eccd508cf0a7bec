"""Rules bring incidents to Slack, PagerDuty, a webhook and people, and tell there how they go on."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from psycopg.types.json import Jsonb

from fixtures.app import client_of, eventually, rows_of, running_worker, settings_for
from fixtures.far_http import LOOPBACK, far_http
from fixtures.module_database import database, module_database
from fixtures.receivers import ROUTING_KEY, SLACK_PATH, Receiver, careful, pagerduty, slack
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from lyceum.data.incidents.public import Subject
from lyceum.data.incidents.rounds import look_at
from lyceum.kernel.config import Settings
from lyceum.kernel.resources import Resources
from lyceum.notify.jobs import HANDLERS as NOTIFY_HANDLERS
from make.accounts import Member, make_member
from make.data import DEFINITION, make_check, make_dataset
from make.incidents import OF_INCIDENTS, events_of, incident_row, recovery, tell, trouble

__all__ = ["database", "module_database"]

HANDLERS = (*OF_INCIDENTS, *NOTIFY_HANDLERS)
ALL_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Serve = Callable[[Receiver], Any]


@pytest.fixture
def hub_settings(database: TestDatabase, valkey_url: str, tmp_path: Path) -> Settings:
    return settings_for(database, tmp_path, valkey_url=valkey_url, outward_allowed_networks=",".join(LOOPBACK))


@pytest.fixture
async def served() -> AsyncIterator[Serve]:
    """A function that serves a receiver and returns its address."""
    async with AsyncExitStack() as stack:

        async def serve(receiver: Receiver) -> str:
            return (await stack.enter_async_context(far_http(receiver.answer))).url

        yield serve


@pytest.fixture
async def mine(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, key=member.key) as client:
        yield client


@pytest.fixture
def dataset_id(database: TestDatabase, member: Member) -> UUID:
    return make_dataset(database, member)[0]


async def destination(mine: httpx.AsyncClient, member: Member, **wanted: Any) -> dict[str, Any]:
    body = {"name": "ours", "notice_kinds": ["run_finished"]} | wanted
    made: dict[str, Any] = await ok(mine.post(f"/api/v1/organisations/{member.org_name}/destinations", json=body), 201)
    return made


async def to_slack(mine: httpx.AsyncClient, member: Member, served: Serve) -> tuple[Receiver, str]:
    receiver = Receiver(slack)
    made = await destination(mine, member, kind="slack", url=f"{await served(receiver)}{SLACK_PATH}")
    return receiver, made["id"]


async def to_pagerduty(mine: httpx.AsyncClient, member: Member, served: Serve) -> tuple[Receiver, str]:
    receiver = Receiver(pagerduty)
    url = f"{await served(receiver)}/v2/enqueue"
    made = await destination(mine, member, kind="pagerduty", routing_key=ROUTING_KEY, url=url)
    return receiver, made["id"]


async def add_rule(mine: httpx.AsyncClient, member: Member, **wanted: Any) -> dict[str, Any]:
    path = f"/api/v1/organisations/{member.org_name}/alert-rules"
    made: dict[str, Any] = await ok(mine.post(path, json={"name": "a rule"} | wanted), 201)
    return made


def hurry(database: TestDatabase) -> None:
    """Have everything that is put off be due now."""
    rows_of(database, "UPDATE jobs SET run_at = now() WHERE state = 'scheduled' AND kind LIKE 'incidents.%%'")


async def settled(database: TestDatabase) -> None:
    """Wait until nothing is under way but what is put off."""
    under_way = "SELECT kind FROM jobs WHERE state NOT IN ('done', 'dead', 'cancelled') AND run_at <= now()"
    await eventually(lambda: not rows_of(database, under_way))


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


async def test_what_nobody_acknowledges_is_brought_before_others_once(
    mine: httpx.AsyncClient,
    resources: Resources,
    database: TestDatabase,
    member: Member,
    dataset_id: UUID,
    served: Serve,
) -> None:
    receiver, destination_id = await to_pagerduty(mine, member, served)
    escalation = {"after_minutes": 10, "to": {"destination_id": destination_id}}
    await add_rule(mine, member, to={"people": [str(member.user_id)]}, escalation=escalation)
    async with running_worker(resources, *HANDLERS):
        told = {name: trouble(dataset_id, subject=Subject(dataset_id, "metric", name)) for name in ("left", "taken")}
        ids = {name: await tell(resources, member, one) for name, one in told.items()}
        await settled(database)
        await ok(mine.post(f"/api/v1/incidents/{ids['taken']}/acknowledge", json={}))
        await settled(database)
        for _ in range(2):
            hurry(database)
            await settled(database)
    assert [event["dedup_key"] for event in receiver.taken] == [f"lyceum-incident-{ids['left']}"]
    assert ids["left"] is not None
    assert events_of(database, ids["left"]) == ["opened", "alerted", "escalated"]


async def test_a_destination_has_no_more_within_an_hour_than_a_rule_allows(
    mine: httpx.AsyncClient,
    resources: Resources,
    database: TestDatabase,
    member: Member,
    dataset_id: UUID,
    served: Serve,
) -> None:
    receiver, destination_id = await to_slack(mine, member, served)
    await add_rule(mine, member, to={"destination_id": destination_id}, delivery={"per_hour_max": 2})
    async with running_worker(resources, *HANDLERS):
        for name in "abcd":
            await tell(resources, member, trouble(dataset_id, subject=Subject(dataset_id, "metric", name)))
            await settled(database)
        assert len(receiver.taken) == 2
        # an hour later there is room for the others
        rows_of(database, "UPDATE alerts SET sent_at = sent_at - interval '61 minutes' WHERE state = 'sent'")
        hurry(database)
        await eventually(lambda: len(receiver.taken) == 4)
    assert receiver.refused == []


async def test_what_comes_back_is_not_told_again_at_once_unless_it_is_worse(
    mine: httpx.AsyncClient,
    resources: Resources,
    database: TestDatabase,
    member: Member,
    dataset_id: UUID,
    served: Serve,
) -> None:
    made: dict[str, Any] = {}
    receiver = Receiver(careful(lambda: str(made["secret"])))
    made |= await destination(mine, member, kind="webhook", url=f"{await served(receiver)}/in")
    await add_rule(mine, member, to={"destination_id": made["id"]})
    async with running_worker(resources, *HANDLERS):
        await tell(resources, member, trouble(dataset_id))
        await settled(database)
        await tell(resources, member, recovery(dataset_id))
        await settled(database)
        await tell(resources, member, trouble(dataset_id))
        await settled(database)
        await tell(resources, member, trouble(dataset_id, severity="critical"))
        await settled(database)
    assert receiver.refused == []
    assert [(told["kind"], told["severity"]) for told in receiver.taken] == [
        ("incident", "warning"),
        ("incident_over", "info"),
        ("incident", "critical"),
    ]


async def test_in_quiet_hours_only_what_is_critical_is_told(
    mine: httpx.AsyncClient,
    resources: Resources,
    database: TestDatabase,
    member: Member,
    dataset_id: UUID,
    served: Serve,
) -> None:
    receiver, destination_id = await to_slack(mine, member, served)
    zone, now = ZoneInfo("Asia/Kolkata"), datetime.now(UTC)
    begins, ends = ((now + timedelta(hours=hours)).astimezone(zone) for hours in (-2, 2))
    quiet = {"days": ALL_DAYS, "begins": f"{begins:%H:%M}", "ends": f"{ends:%H:%M}"}
    delivery = {"quiet": quiet, "zone": "Asia/Kolkata"}
    await add_rule(mine, member, to={"destination_id": destination_id}, delivery=delivery)
    async with running_worker(resources, *HANDLERS):
        for severity in ("warning", "critical"):
            subject = Subject(dataset_id, "metric", severity)
            await tell(resources, member, trouble(dataset_id, subject=subject, severity=severity, title=severity))
        await settled(database)
    [put_off] = rows_of(database, "SELECT send_at FROM alerts WHERE state = 'waiting' AND org_id = %s", member.org_id)
    assert f"{put_off['send_at'].astimezone(zone):%H:%M}" == quiet["ends"]
    assert len(receiver.taken) == 1
    assert "critical" in receiver.taken[0]["text"]


async def test_what_becomes_critical_in_quiet_hours_does_not_wait_with_what_it_was_before(
    mine: httpx.AsyncClient,
    resources: Resources,
    database: TestDatabase,
    member: Member,
    dataset_id: UUID,
    served: Serve,
) -> None:
    receiver, destination_id = await to_slack(mine, member, served)
    begins, ends = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-2, 2))
    quiet = {"days": ALL_DAYS, "begins": f"{begins:%H:%M}", "ends": f"{ends:%H:%M}"}
    await add_rule(mine, member, to={"destination_id": destination_id}, delivery={"quiet": quiet, "zone": "UTC"})
    async with running_worker(resources, *HANDLERS):
        await tell(resources, member, trouble(dataset_id))
        await eventually(lambda: rows_of(database, "SELECT 1 FROM alerts WHERE org_id = %s", member.org_id))
        assert receiver.taken == []
        await tell(resources, member, trouble(dataset_id, severity="critical"))
        await eventually(lambda: receiver.taken)
    [alert] = rows_of(database, "SELECT state FROM alerts WHERE rule_id IS NOT NULL AND org_id = %s", member.org_id)
    assert (alert["state"], len(receiver.taken)) == ("sent", 1)


async def test_what_rested_and_is_still_open_is_told_anew(
    mine: httpx.AsyncClient,
    resources: Resources,
    database: TestDatabase,
    member: Member,
    dataset_id: UUID,
    served: Serve,
) -> None:
    receiver, destination_id = await to_slack(mine, member, served)
    await add_rule(mine, member, to={"destination_id": destination_id})
    async with running_worker(resources, *HANDLERS):
        incident_id = await tell(resources, member, trouble(dataset_id))
        await eventually(lambda: receiver.taken)
        over = "UPDATE incidents SET snoozed_until = now() - interval '1 s', look_at = now() - interval '1 s' WHERE id = %s"
        rows_of(database, over, incident_id)
        assert incident_id is not None
        await look_at(resources, member.org_id, incident_id)
        await eventually(lambda: len(receiver.taken) == 2)
    assert "woken" in events_of(database, incident_id)


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
