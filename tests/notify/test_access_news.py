"""Who decides about access hears that somebody asks, and whoever asked hears what was decided."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from fixtures.app import eventually, rows_of, running_worker, settings_for
from fixtures.servers import TestDatabase
from lyceum import wiring
from lyceum.accounts import public as accounts
from lyceum.accounts.events import AccessAsked, AccessDecided
from lyceum.accounts.public import AccessRequest
from lyceum.kernel.events import Event, Subscriptions, publish
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import Resources, open_resources
from lyceum.kernel.tx import transaction
from make.accounts import Member, make_member

DELIVERY = Subscriptions.of(wiring.SUBSCRIPTIONS).handler()
ASKED = {"object_kind": "dataset", "address": "main/flights", "asked_by_name": "Eve", "reason": "For a thesis."}


@pytest.fixture
async def resources(
    fresh_database: TestDatabase, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Resources]:
    settings = settings_for(fresh_database, tmp_path_factory.mktemp("home"), valkey_url=valkey_url)
    async with open_resources(settings, subscribers=wiring.subscribers()) as opened:
        yield opened


async def delivered(resources: Resources, database: TestDatabase, decider: Member, event: Event) -> None:
    async with running_worker(resources, DELIVERY):
        async with transaction(resources.database, decider.scope) as tx:
            await publish(tx, event)
        done = "SELECT 1 FROM jobs WHERE kind = 'events.deliver' AND state <> 'done'"
        await eventually(lambda: not rows_of(database, done))


def told(database: TestDatabase, who: Member) -> list[str]:
    rows = rows_of(database, "SELECT kind FROM notices WHERE user_id = %s ORDER BY id", who.user_id)
    return [row["kind"] for row in rows]


async def test_a_request_is_told_to_those_who_decide_and_its_answer_to_whoever_asked(
    resources: Resources, fresh_database: TestDatabase, fresh_member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    outsider = make_member(fresh_database)
    requests: dict[UUID, AccessRequest] = {}

    async def access_request_of(_tx: object, request_id: UUID) -> AccessRequest | None:
        return requests.get(request_id)

    monkeypatch.setattr(accounts, "access_request_of", access_request_of)
    for state, role, answer in (("approved", "viewer", "access_granted"), ("refused", None, "access_refused")):
        request_id = new_id()

        def request(state: str, role: str | None = None) -> AccessRequest:
            people = {"asked_by": outsider.user_id, "deciders": (fresh_member.user_id, outsider.user_id)}
            return AccessRequest(**ASKED, **people, state=state, role=role)  # type: ignore[arg-type]  # a row of a table

        requests[request_id] = request("open")
        await delivered(resources, fresh_database, fresh_member, AccessAsked(request_id=request_id))
        # still open: nothing to tell
        await delivered(resources, fresh_database, fresh_member, AccessDecided(request_id=request_id))
        requests[request_id] = request(state, role)
        await delivered(resources, fresh_database, fresh_member, AccessDecided(request_id=request_id))
        # delivered twice
        await delivered(resources, fresh_database, fresh_member, AccessDecided(request_id=request_id))
        assert told(fresh_database, outsider)[-1] == answer
    assert told(fresh_database, fresh_member) == ["access_asked", "access_asked"]
    assert told(fresh_database, outsider) == ["access_granted", "access_refused"]


async def test_a_request_nobody_knows_is_told_to_nobody(
    resources: Resources, fresh_database: TestDatabase, fresh_member: Member
) -> None:
    for event in (AccessAsked(request_id=new_id()), AccessDecided(request_id=new_id())):
        await delivered(resources, fresh_database, fresh_member, event)
    assert told(fresh_database, fresh_member) == []
