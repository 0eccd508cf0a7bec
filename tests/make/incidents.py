"""Incidents: as modules tell of them, and as rows."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import msgspec

from fixtures.app import eventually, job_row, rows_of, running_worker
from fixtures.servers import TestDatabase
from lyceum.data.incidents.jobs import HANDLERS, SUBSCRIPTIONS
from lyceum.data.incidents.public import Recovery, Subject, Trouble, see_recovery, see_trouble
from lyceum.kernel.events import DeliverEvent, Event, Subscriptions
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from make.accounts import Member

OF_INCIDENTS = (*HANDLERS, Subscriptions.of(SUBSCRIPTIONS).handler())
"""What a worker needs to run all that incidents have done."""


def trouble(dataset_id: UUID, **more: Any) -> Trouble:
    """Trouble with the mean delay of a dataset, seen now by something new."""
    values: dict[str, Any] = {
        "subject": Subject(dataset_id, "metric", "delay.mean"),
        "source": f"test:{uuid4()}",
        "seen_at": datetime.now(UTC),
        "severity": "warning",
        "title": "delay.mean",
        "summary": "The mean of delay is 41, beyond 12 to 19.",
        "evidence": {"value": 41},
    }
    return Trouble(**(values | more))


def recovery(dataset_id: UUID, **more: Any) -> Recovery:
    """The mean delay is as it should be, seen now."""
    values: dict[str, Any] = {
        "subject": Subject(dataset_id, "metric", "delay.mean"),
        "source": f"test:{uuid4()}",
        "seen_at": datetime.now(UTC),
        "summary": "The mean of delay is 15.",
    }
    return Recovery(**(values | more))


async def tell(resources: Resources, owner: Member, told: Trouble | Recovery) -> UUID | None:
    """Tell of trouble or recovery as a job of the organisation does; return the incident's id."""
    async with transaction(resources.database, owner.scope) as tx:
        return await (see_trouble(tx, told) if isinstance(told, Trouble) else see_recovery(tx, told))


async def deliver(resources: Resources, database: TestDatabase, owner: Member, event: Event) -> None:
    """Have incidents hear of an event, as a worker delivers it, and return when it has."""
    args = [
        DeliverEvent(event=event.name, subscriber=wanted.subscriber, payload=msgspec.to_builtins(event))
        for wanted in SUBSCRIPTIONS
        if wanted.event_type is type(event)
    ]
    async with running_worker(resources, *OF_INCIDENTS):
        async with transaction(resources.database, owner.scope) as tx:
            jobs = [await enqueue(tx, one) for one in args]
        for job_id in jobs:
            await eventually(partial(_is_over, database, job_id))
            assert job_row(database, job_id)["state"] == "done", job_row(database, job_id)["error"]


def _is_over(database: TestDatabase, job_id: UUID) -> bool:
    return job_row(database, job_id)["state"] in {"done", "dead"}


def make_incident(database: TestDatabase, owner: Member, dataset_id: UUID, **more: Any) -> UUID:
    """Make an incident with one line in its timeline, and return its id."""
    values: dict[str, Any] = {
        "id": new_id(),
        "org_id": owner.org_id,
        "dataset_id": dataset_id,
        "fingerprint": uuid4().hex,
        "kind": "metric",
        "subject": "delay.mean",
        "title": "delay.mean",
        "severity": "warning",
        "summary": "The mean of delay is 41.",
        "first_seen_at": datetime.now(UTC),
        "last_seen_at": datetime.now(UTC),
    }
    values |= more
    _insert(database, "incidents", values)
    line = {"id": new_id(), "org_id": owner.org_id, "incident_id": values["id"], "kind": "opened"}
    _insert(database, "incident_events", line)
    made: UUID = values["id"]
    return made


def events_of(database: TestDatabase, incident_id: UUID) -> Sequence[str]:
    """Return the kinds of what stands in a timeline, oldest first."""
    return [
        row["kind"]
        for row in rows_of(database, "SELECT kind FROM incident_events WHERE incident_id = %s ORDER BY id", incident_id)
    ]


def incident_row(database: TestDatabase, incident_id: UUID) -> dict[str, Any]:
    """Return the row of an incident."""
    [row] = rows_of(database, "SELECT * FROM incidents WHERE id = %s", incident_id)
    return row


def _insert(database: TestDatabase, table: str, values: dict[str, Any]) -> None:
    places = ", ".join(["%s"] * len(values))
    rows_of(database, f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", *values.values())
