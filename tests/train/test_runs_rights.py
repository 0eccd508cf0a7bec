"""Who may see, start and call off training runs."""

from fastapi import FastAPI

from fixtures.app import client_of
from fixtures.rights import Ask, each, statuses
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from make.accounts import Member, make_member
from make.data import make_dataset, make_version
from make.train import make_run


def _asks(database: TestDatabase, owner: Member) -> list[Ask]:
    dataset_id, address = make_dataset(database, owner)
    run_id = make_run(database, owner, make_version(database, owner, dataset_id))
    read, write = ("runs:read",), ("runs:read", "runs:write")
    start = {"dataset": address, "target": "a"}
    return [
        Ask("GET", "/runs", read, lists=True),
        Ask("GET", f"/runs/{run_id}", read),
        Ask("GET", f"/runs/{run_id}/report", read),
        Ask("POST", f"/runs/{run_id}/cancel", write),
        Ask("POST", f"/runs/{run_id}/register", (*write, "models:write"), {"name": "delays"}),
        Ask("POST", "/runs", (*write, "datasets:read"), start),
    ]


async def test_an_owner_may_do_everything(app: FastAPI, member: Member, database: TestDatabase) -> None:
    async with client_of(app, key=member.key) as client:
        found = await statuses(client, _asks(database, member))
    assert set(found.values()) == {200, 201, 202}


async def test_nobody_is_asked_to_sign_in(app: FastAPI, member: Member, database: TestDatabase) -> None:
    asks = _asks(database, member)
    async with client_of(app) as client:
        assert await statuses(client, asks) == each(asks, 401)


async def test_a_stranger_finds_nothing(app: FastAPI, member: Member, stranger: Member, database: TestDatabase) -> None:
    asks = _asks(database, member)
    async with client_of(app, key=stranger.key) as client:
        assert await statuses(client, asks[1:]) == each(asks[1:], 404)
        assert await ok(client.get("/api/v1/runs")) == {"items": [], "next": None}


async def test_a_viewer_reads_and_does_not_write(app: FastAPI, member: Member, database: TestDatabase) -> None:
    viewer = make_member(database, organisation=(member.org_id, member.org_name), role="viewer")
    asks = _asks(database, member)
    async with client_of(app, key=viewer.key) as client:
        found = await statuses(client, asks)
    assert found == each(asks[:3], 200) | each(asks[3:], 403)


async def test_every_power_a_route_takes_is_needed(app: FastAPI, member: Member, database: TestDatabase) -> None:
    asks = _asks(database, member)
    powers = {power for ask in asks for power in ask.powers}
    for lacking in sorted(powers):
        scopes = tuple(sorted(powers - {lacking}))
        narrow = make_member(database, organisation=(member.org_id, member.org_name), scopes=scopes)
        refused = [ask for ask in asks if lacking in ask.powers]
        async with client_of(app, key=narrow.key) as client:
            assert await statuses(client, refused) == each(refused, 403)


async def test_a_run_on_anothers_internal_dataset_is_ones_own(fresh_app: FastAPI, fresh_database: TestDatabase) -> None:
    owner, other = make_member(fresh_database), make_member(fresh_database)
    dataset_id, address = make_dataset(fresh_database, owner, visibility="internal")
    make_version(fresh_database, owner, dataset_id)
    async with client_of(fresh_app, key=other.key) as client:
        run = await ok(client.post("/api/v1/runs", json={"dataset": address, "target": "a"}), 202)
        assert run["dataset"] == address
    async with client_of(fresh_app, key=owner.key) as client:
        assert (await client.get(f"/api/v1/runs/{run['id']}")).status_code == 404
        assert (await client.get(f"/api/v1/jobs/{run['job_id']}")).status_code == 404
