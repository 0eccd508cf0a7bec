"""Who decides about access hears that somebody asks, and whoever asked hears what was decided."""

from collections.abc import AsyncIterator

import pytest

from fixtures.app import eventually, rows_of, running_worker, settings_for
from fixtures.servers import TestDatabase
from lyceum import wiring
from lyceum.accounts.events import AccessAsked, AccessDecided
from lyceum.accounts.grants import service
from lyceum.accounts.grants.schemas import Approval, NewAccessRequest
from lyceum.accounts.public import AccessRequest, access_request_of
from lyceum.kernel.db import NOBODY
from lyceum.kernel.events import Event, Subscriptions, publish
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import Resources, open_resources
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_member
from make.data import make_dataset

DELIVERY = Subscriptions.of(wiring.SUBSCRIPTIONS).handler()
GRANTABLE = {kind.kind: kind for kind in wiring.GRANTABLE}


@pytest.fixture
async def resources(
    fresh_database: TestDatabase, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Resources]:
    settings = settings_for(fresh_database, tmp_path_factory.mktemp("home"), valkey_url=valkey_url)
    async with open_resources(settings, subscribers=wiring.subscribers()) as opened:
        yield opened


async def published(resources: Resources, publisher: Member, event: Event) -> None:
    async with transaction(resources.database, publisher.scope) as tx:
        await publish(tx, event)


def told(database: TestDatabase, who: Member) -> list[str]:
    rows = rows_of(database, "SELECT kind FROM notices WHERE user_id = %s ORDER BY id", who.user_id)
    return [row["kind"] for row in rows]


async def asked_for(resources: Resources, asker: Member, address: str, *, reason: str = "For a thesis.") -> None:
    wanted = NewAccessRequest(kind="dataset", address=address, reason=reason)
    async with transaction(resources.database, asker.scope) as tx:
        await service.ask(tx, asker.actor, GRANTABLE, wanted)


async def settled(database: TestDatabase) -> None:
    undelivered = "SELECT 1 FROM jobs WHERE kind = 'events.deliver' AND state <> 'done'"
    await eventually(lambda: not rows_of(database, undelivered))


async def test_a_request_is_told_to_those_who_decide_and_its_answer_to_whoever_asked(
    resources: Resources, fresh_database: TestDatabase, fresh_member: Member
) -> None:
    outsider = make_member(fresh_database)
    organisation = (fresh_member.org_id, fresh_member.org_name)
    colleagues = {
        role: make_member(fresh_database, organisation=organisation, role=role) for role in ("maintainer", "reviewer")
    }
    datasets = [make_dataset(fresh_database, fresh_member)[1] for _ in range(2)]
    async with running_worker(resources, DELIVERY):
        for address in datasets:
            await asked_for(resources, outsider, address)
        await settled(fresh_database)
        for decider in (fresh_member, colleagues["maintainer"]):
            assert told(fresh_database, decider) == ["access_asked", "access_asked"]
        assert told(fresh_database, colleagues["reviewer"]) == told(fresh_database, outsider) == []
        notice = rows_of(fresh_database, "SELECT org_id, data FROM notices WHERE user_id = %s", fresh_member.user_id)[0]
        assert notice["org_id"] == fresh_member.org_id
        assert notice["data"]["asked_by"] == "A member"
        assert notice["data"]["reason"] == "For a thesis."
        requests = "SELECT id FROM access_requests WHERE address = %s"
        first, second = (rows_of(fresh_database, requests, address)[0]["id"] for address in datasets)
        # still open: nothing to tell
        await published(resources, fresh_member, AccessDecided(request_id=first))
        async with transaction(resources.database, fresh_member.scope) as tx:
            await service.approve(tx, fresh_member.actor, first, Approval(role="reviewer", ends_at=None))
        await settled(fresh_database)
        async with transaction(resources.database, fresh_member.scope) as tx:
            await service.refuse(tx, fresh_member.actor, second)
        # delivered twice
        await published(resources, fresh_member, AccessDecided(request_id=second))
        await settled(fresh_database)
    assert told(fresh_database, outsider) == ["access_granted", "access_refused"]
    granted = rows_of(fresh_database, "SELECT data FROM notices WHERE kind = 'access_granted'")[0]["data"]
    assert (granted["address"], granted["role"]) == (datasets[0], "reviewer")


async def test_a_request_for_what_is_not_there_is_told_to_nobody(
    resources: Resources, fresh_database: TestDatabase, fresh_member: Member
) -> None:
    outsider = make_member(fresh_database)
    async with running_worker(resources, DELIVERY):
        await asked_for(resources, outsider, f"{fresh_member.org_name}/nothing")
        await settled(fresh_database)
    assert rows_of(fresh_database, "SELECT state FROM access_requests") == [{"state": "pending"}]
    assert rows_of(fresh_database, "SELECT kind FROM notices") == []


async def test_a_request_is_read_by_whoever_asked_and_whoever_was_asked_alone(
    resources: Resources, fresh_database: TestDatabase, fresh_member: Member
) -> None:
    outsider, stranger = make_member(fresh_database), make_member(fresh_database)
    suspended = make_member(fresh_database, organisation=(fresh_member.org_id, fresh_member.org_name))
    rows_of(fresh_database, "UPDATE users SET suspended_at = now() WHERE id = %s", suspended.user_id)
    _, address = make_dataset(fresh_database, fresh_member)
    await asked_for(resources, outsider, address)
    request_id = rows_of(fresh_database, "SELECT id FROM access_requests")[0]["id"]
    for who in (outsider, fresh_member):
        async with transaction(resources.database, who.scope) as tx:
            request = await access_request_of(tx, request_id)
        assert request == AccessRequest(
            org_id=fresh_member.org_id,
            object_kind="dataset",
            address=address,
            asked_by=outsider.user_id,
            asked_by_name="A member",
            reason="For a thesis.",
            deciders=(fresh_member.user_id,),
            state="open",
            role=None,
        )
    for scope in (stranger.scope, NOBODY):
        async with transaction(resources.database, scope) as tx:
            assert await access_request_of(tx, request_id) is None


async def test_a_request_nobody_knows_is_told_to_nobody(
    resources: Resources, fresh_database: TestDatabase, fresh_member: Member
) -> None:
    async with running_worker(resources, DELIVERY):
        for event in (AccessAsked(request_id=new_id()), AccessDecided(request_id=new_id())):
            await published(resources, fresh_member, event)
        await settled(fresh_database)
    assert told(fresh_database, fresh_member) == []
