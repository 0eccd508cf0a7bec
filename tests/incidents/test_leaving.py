"""Whoever leaves looks after nothing any more, and takes along what they did."""

from fixtures.app import rows_of
from fixtures.servers import TestDatabase
from lyceum.accounts.events import PersonLeft
from lyceum.data.incidents.public import EXPORTERS
from lyceum.kernel.resources import Resources
from make.accounts import Member, make_member
from make.data import make_dataset
from make.incidents import deliver, incident_row, make_incident


async def test_nobody_is_assigned_who_has_left(
    resources: Resources, database: TestDatabase, member: Member, stranger: Member
) -> None:
    leaver = make_member(database, organisation=(member.org_id, member.org_name))
    here = make_incident(database, member, make_dataset(database, member)[0], assignee_id=leaver.user_id)
    elsewhere = make_incident(database, stranger, make_dataset(database, stranger)[0], assignee_id=leaver.user_id)
    await deliver(resources, database, member, PersonLeft(org_id=member.org_id, user_id=leaver.user_id))
    assert incident_row(database, here)["assignee_id"] is None
    assert incident_row(database, elsewhere)["assignee_id"] == leaver.user_id


async def test_people_take_along_what_they_said_and_nobody_elses(
    resources: Resources, database: TestDatabase, member: Member, stranger: Member
) -> None:
    incident_id = make_incident(database, member, make_dataset(database, member)[0])
    rows_of(
        database,
        "UPDATE incident_events SET user_id = %s, kind = 'commented', comment = 'It was me.' WHERE incident_id = %s",
        *(member.user_id, incident_id),
    )
    [exporter] = EXPORTERS
    assert [row async for row in exporter.rows(resources, stranger.user_id)] == []
    [row] = [row async for row in exporter.rows(resources, member.user_id)]
    assert (row["incident"], row["comment"]) == ("delay.mean", "It was me.")
