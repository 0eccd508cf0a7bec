"""Who may see and change datasets, versions and checks."""

from uuid import UUID

import pytest
from fastapi import FastAPI

from fixtures.app import client_of
from fixtures.rights import Ask, each, statuses
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from make.accounts import Member, make_member
from make.data import DEFINITION, make_check, make_check_run, make_dataset, make_version
from make.schemas import make_schema

NOBODY_HAS = UUID(int=7)


def _asks(database: TestDatabase, owner: Member, *, visibility: str = "private") -> list[Ask]:
    dataset_id, address = make_dataset(database, owner, visibility=visibility)
    version_id = make_version(database, owner, dataset_id)
    check_id = make_check(database, owner, dataset_id)
    run_id = make_check_run(database, owner, version_id, results_of=(check_id,))
    make_schema(database, owner, dataset_id=dataset_id)
    read, write = ("datasets:read",), ("datasets:read", "datasets:write")
    return [
        Ask("GET", "/datasets", read, lists=True),
        Ask("GET", f"/datasets/{address}", read),
        Ask("GET", f"/datasets/{address}/versions", read),
        Ask("GET", f"/datasets/{address}/versions/1", read),
        Ask("GET", f"/datasets/{address}/versions/latest/profile", read),
        Ask("GET", f"/dataset-versions/{version_id}", read),
        Ask("GET", f"/datasets/{address}/checks", read),
        Ask("GET", f"/check-runs/{run_id}", read),
        Ask("GET", f"/datasets/{address}/schemas", read),
        Ask("GET", f"/datasets/{address}/schema-diff", read),
        Ask("GET", f"/datasets/{address}/schema-compatibility", read),
        Ask("PUT", f"/datasets/{address}/schema-compatibility", write, {"mode": "FULL"}),
        Ask("GET", f"/datasets/{address}/retention", read),
        Ask(
            "PUT",
            f"/datasets/{address}/retention",
            write,
            {"keep_versions": 9, "keep_days": None, "dormant_days": None},
        ),
        Ask("PUT", f"/datasets/{address}/dormancy", write, {"dormant": False}),
        Ask("GET", f"/datasets/{address}/lineage", read),
        Ask("POST", f"/datasets/{address}/checks", write, {"definition": {**DEFINITION, "at_most_failing": 0.5}}),
        Ask("POST", f"/datasets/{address}/checks/suggest", write),
        Ask("POST", f"/datasets/{address}/versions/1/check-runs", write, {}),
        Ask("DELETE", f"/checks/{check_id}", write),
        Ask("PATCH", f"/datasets/{address}", write, {"description": "x"}, headers={"if-match": "*"}),
        Ask("DELETE", f"/datasets/{address}", write),
    ]


async def test_an_owner_may_do_everything(fresh_app: FastAPI, fresh_database: TestDatabase) -> None:
    member = make_member(fresh_database)
    asks = _asks(fresh_database, member)
    async with client_of(fresh_app, key=member.key) as client:
        found = await statuses(client, asks)
    assert set(found.values()) == {200, 201, 202, 204}


async def test_nobody_is_asked_to_sign_in(fresh_app: FastAPI, fresh_database: TestDatabase) -> None:
    member = make_member(fresh_database)
    for visibility in ("private", "public"):
        asks = _asks(fresh_database, member, visibility=visibility)
        preview = Ask("GET", asks[3].path + "/preview", ())
        create = Ask("POST", "/datasets", (), {"name": "x"})
        begin = Ask("POST", asks[2].path, (), {"upload_id": str(NOBODY_HAS)})
        async with client_of(fresh_app) as client:
            found = await statuses(client, [*asks, preview, create, begin])
        assert set(found.values()) == {401}


async def test_a_stranger_finds_nothing_of_a_private_dataset(fresh_app: FastAPI, fresh_database: TestDatabase) -> None:
    member = make_member(fresh_database)
    stranger = make_member(fresh_database)
    asks = _asks(fresh_database, member)
    begin = Ask("POST", asks[2].path, (), {"upload_id": str(NOBODY_HAS)})
    preview = Ask("GET", asks[3].path + "/preview", ())
    async with client_of(fresh_app, key=stranger.key) as client:
        found = await statuses(client, [*asks[1:], begin, preview])
        listed = await ok(client.get("/api/v1/datasets"))
    assert found == each([*asks[1:], begin, preview], 404)
    assert listed == {"items": [], "next": None}


@pytest.mark.parametrize("visibility", ["internal", "public"])
async def test_a_shown_dataset_is_read_and_not_written_by_another_organisation(
    fresh_app: FastAPI, fresh_database: TestDatabase, visibility: str
) -> None:
    member = make_member(fresh_database)
    stranger = make_member(fresh_database)
    asks = _asks(fresh_database, member, visibility=visibility)
    reads = [ask for ask in asks if "check" not in ask.path and ask.method == "GET"]
    writes = [ask for ask in asks if ask.method != "GET"]
    async with client_of(fresh_app, key=stranger.key) as client:
        assert await statuses(client, reads) == each(reads, 200)
        assert await statuses(client, writes) == each(writes, 404)
        listed = await ok(client.get("/api/v1/datasets"))
        address = asks[1].path.removeprefix("/datasets/")
        assert address in [dataset["address"] for dataset in listed["items"]]
        # What was asked of the data, and what failed, stays with the organisation.
        assert await ok(client.get(f"/api/v1/datasets/{address}/checks")) == {"items": []}
        assert (await client.get(f"/api/v1{asks[7].path}")).status_code == 404


async def test_of_a_shown_dataset_only_accepted_versions_are_seen_elsewhere(
    fresh_app: FastAPI, fresh_database: TestDatabase
) -> None:
    member = make_member(fresh_database)
    stranger = make_member(fresh_database)
    dataset_id, address = make_dataset(fresh_database, member, visibility="internal")
    make_version(fresh_database, member, dataset_id)
    pending = make_version(fresh_database, member, dataset_id, state="pending")
    rejected = make_version(fresh_database, member, dataset_id, state="rejected")
    async with client_of(fresh_app, key=stranger.key) as client:
        listed = await ok(client.get(f"/api/v1/datasets/{address}/versions"))
        hidden = [(await client.get(f"/api/v1/dataset-versions/{found}")).status_code for found in (pending, rejected)]
    assert [version["number"] for version in listed["items"]] == [1]
    assert hidden == [404, 404]
    async with client_of(fresh_app, key=member.key) as client:
        listed = await ok(client.get(f"/api/v1/datasets/{address}/versions"))
    assert [version["state"] for version in listed["items"]] == ["rejected", "pending", "accepted"]


async def test_a_viewer_reads_and_does_not_write(fresh_app: FastAPI, fresh_database: TestDatabase) -> None:
    member = make_member(fresh_database)
    viewer = make_member(fresh_database, organisation=(member.org_id, member.org_name), role="viewer")
    asks = _asks(fresh_database, member)
    writes = [
        *(ask for ask in asks if ask.method != "GET"),
        Ask("POST", "/datasets", (), {"name": "x"}),
        Ask("POST", asks[2].path, (), {"upload_id": str(NOBODY_HAS)}),
    ]
    reads = [ask for ask in asks if ask.method == "GET"]
    async with client_of(fresh_app, key=viewer.key) as client:
        assert await statuses(client, writes) == each(writes, 403)
        assert await statuses(client, reads) == each(reads, 200)


async def test_a_key_without_the_scope_opens_nothing(fresh_app: FastAPI, fresh_database: TestDatabase) -> None:
    member = make_member(fresh_database)
    asks = _asks(fresh_database, member)
    for scopes in (("datasets:write",), ("runs:read", "models:write")):
        narrow = make_member(fresh_database, organisation=(member.org_id, member.org_name), scopes=scopes)
        refused = [ask for ask in asks if set(ask.powers) - set(scopes) and "datasets:read" in ask.powers]
        refused = [ask for ask in refused if ask.method == "GET" or "datasets:write" not in scopes]
        async with client_of(fresh_app, key=narrow.key) as client:
            assert await statuses(client, refused) == each(refused, 403)
    narrow = make_member(fresh_database, organisation=(member.org_id, member.org_name), scopes=("datasets:read",))
    async with client_of(fresh_app, key=narrow.key) as client:
        found = await statuses(client, asks)
    assert found == each([a for a in asks if a.method == "GET"], 200) | each(
        [a for a in asks if a.method != "GET"], 403
    )
