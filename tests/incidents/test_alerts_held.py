"""Alerts that wait: how often a rule tells, when nobody is to be disturbed, and who hears when nobody acts."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
from psycopg.types.json import Jsonb

from fixtures.alerting import (
    ALL_DAYS,
    HANDLERS,
    Serve,
    add_rule,
    dataset_id,
    destination,
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
from fixtures.receivers import Receiver, careful
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from lyceum.data.incidents.public import Subject
from lyceum.data.incidents.rounds import look_at
from lyceum.kernel.resources import Resources
from make.accounts import Member, make_member
from make.incidents import events_of, make_incident, recovery, tell, trouble

__all__ = ["database", "dataset_id", "hub_settings", "mine", "module_database", "served"]


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


async def test_people_have_no_more_within_an_hour_than_a_rule_allows(
    mine: httpx.AsyncClient, resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    await add_rule(mine, member, to={"people": [str(member.user_id)]}, delivery={"per_hour_max": 2})

    def told() -> int:
        return len(rows_of(database, "SELECT 1 FROM alerts WHERE state = 'sent' AND org_id = %s", member.org_id))

    async with running_worker(resources, *HANDLERS):
        for name in "abcd":
            await tell(resources, member, trouble(dataset_id, subject=Subject(dataset_id, "metric", name)))
            await settled(database)
        assert told() == 2
        rows_of(database, "UPDATE alerts SET sent_at = sent_at - interval '61 minutes' WHERE state = 'sent'")
        hurry(database)
        await eventually(lambda: told() == 4)


async def test_what_had_to_wait_does_not_come_in_quiet_hours(
    mine: httpx.AsyncClient, resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    begins, ends = (datetime.now(UTC) + timedelta(minutes=minutes) for minutes in (30, 180))
    quiet = {"days": ALL_DAYS, "begins": f"{begins:%H:%M}", "ends": f"{ends:%H:%M}"}
    delivery = {"quiet": quiet, "zone": "UTC", "per_hour_max": 1}
    await add_rule(mine, member, to={"people": [str(member.user_id)]}, delivery=delivery)
    async with running_worker(resources, *HANDLERS):
        for name in "ab":
            await tell(resources, member, trouble(dataset_id, subject=Subject(dataset_id, "metric", name)))
            await settled(database)
    [waiting] = rows_of(database, "SELECT send_at FROM alerts WHERE state = 'waiting' AND org_id = %s", member.org_id)
    assert f"{waiting['send_at'].astimezone(UTC):%H:%M}" == quiet["ends"]


async def test_nobody_else_is_told_in_quiet_hours_that_nobody_acknowledged(
    mine: httpx.AsyncClient, resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    other = make_member(database, organisation=(member.org_id, member.org_name), role="maintainer")
    escalation = {"after_minutes": 5, "to": {"people": [str(other.user_id)]}}
    rule = await add_rule(mine, member, to={"people": [str(member.user_id)]}, escalation=escalation)
    async with running_worker(resources, *HANDLERS):
        incident_id = await tell(resources, member, trouble(dataset_id))
        await settled(database)
        begins, ends = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-2, 2))
        quiet = {"days": ALL_DAYS, "begins": f"{begins:%H:%M}", "ends": f"{ends:%H:%M}"}
        kept = Jsonb({**rule["delivery"], "quiet": quiet})
        rows_of(database, "UPDATE alert_rules SET delivery = %s WHERE id = %s", kept, rule["id"])
        hurry(database)
        await settled(database)
        assert incident_id is not None
        assert events_of(database, incident_id) == ["opened", "alerted"]
        [put_off] = rows_of(
            database, "SELECT run_at FROM jobs WHERE kind = 'incidents.escalate' AND state = 'scheduled'"
        )
        assert f"{put_off['run_at'].astimezone(UTC):%H:%M}" == quiet["ends"]
        rows_of(database, "UPDATE alert_rules SET delivery = %s WHERE id = %s", Jsonb(rule["delivery"]), rule["id"])
        hurry(database)
        await eventually(lambda: events_of(database, incident_id) == ["opened", "alerted", "escalated"])


async def test_hundreds_that_gathered_are_told_of_as_one_and_each_is_known_to_have_been(
    mine: httpx.AsyncClient, resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    delivery = {"group_by": "rule", "group_seconds": 3600}
    await add_rule(mine, member, to={"people": [str(member.user_id)]}, delivery=delivery)
    async with running_worker(resources, *HANDLERS):
        await tell(resources, member, trouble(dataset_id))
        await settled(database)
        [alert] = rows_of(database, "SELECT id FROM alerts WHERE org_id = %s", member.org_id)
        for place in range(249):
            incident_id = make_incident(database, member, dataset_id, title=f"delay.{place}")
            line = "INSERT INTO alert_incidents (alert_id, incident_id, org_id) VALUES (%s, %s, %s)"
            rows_of(database, line, alert["id"], incident_id, member.org_id)
        hurry(database)
        told = "SELECT data FROM notices WHERE kind = 'incidents' AND org_id = %s"
        [notice] = await eventually(lambda: rows_of(database, told, member.org_id))
    assert notice["data"]["incidents"] == 250
    noted = "SELECT 1 FROM incident_events WHERE kind = 'alerted' AND org_id = %s"
    assert len(rows_of(database, noted, member.org_id)) == 250


async def test_a_rule_that_tells_nobody_any_more_keeps_nothing_from_the_next(
    mine: httpx.AsyncClient, resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    gone = make_member(database, organisation=(member.org_id, member.org_name), role="viewer")
    await add_rule(mine, member, name="of who left", to={"people": [str(gone.user_id)]})
    await add_rule(mine, member, name="of who is here", to={"people": [str(member.user_id)]})
    rows_of(database, "DELETE FROM memberships WHERE user_id = %s", gone.user_id)
    async with running_worker(resources, *HANDLERS):
        incident_id = await tell(resources, member, trouble(dataset_id))
        assert incident_id is not None
        await eventually(lambda: events_of(database, incident_id) == ["opened", "alerted"])
    [noted] = rows_of(
        database, "SELECT data FROM incident_events WHERE kind = 'alerted' AND incident_id = %s", incident_id
    )
    assert noted["data"] == {"rule": "of who is here"}
