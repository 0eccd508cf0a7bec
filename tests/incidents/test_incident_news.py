"""What becomes of incidents, told live to whoever sees the organisation's data."""

from collections.abc import AsyncIterator

import pytest

from fixtures.servers import TestDatabase
from fixtures.sockets import live_socket, served_here
from lyceum.kernel.config import Settings
from lyceum.kernel.resources import Resources
from make.accounts import Member
from make.data import make_dataset
from make.incidents import recovery, tell, trouble


@pytest.fixture
async def url(hub_settings: Settings) -> AsyncIterator[str]:
    """Where the API is on a real socket."""
    async with served_here(hub_settings) as address:
        yield address


async def test_an_incident_that_opens_and_one_that_ends_are_told_live_to_their_organisation_alone(
    url: str,
    resources: Resources,
    database: TestDatabase,
    member: Member,
    stranger: Member,
    patient_with_valkey: None,
) -> None:
    mine_id, _ = make_dataset(database, member)
    theirs_id, _ = make_dataset(database, stranger)
    async with live_socket(url, key=member.key) as mine, live_socket(url, key=stranger.key) as theirs:
        for each in (mine, theirs):
            await each.say("follow", topic="incidents")
            await each.hear_of("following")
        opened = str(await tell(resources, member, trouble(mine_id)))
        other = str(await tell(resources, stranger, trouble(theirs_id)))
        await tell(resources, member, recovery(mine_id))
        assert (await mine.hear_of("news"))["news"] == {"incident": opened, "kind": "opened"}
        assert (await mine.hear_of("news"))["news"] == {"incident": opened, "kind": "recovered"}
        assert (await theirs.hear_of("news"))["news"] == {"incident": other, "kind": "opened"}
