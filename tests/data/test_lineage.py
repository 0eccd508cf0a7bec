"""Where a dataset's versions come from and what was made of them."""

from typing import Any

from fastapi import FastAPI

from fixtures.app import client_of, rows_of
from fixtures.query_count import counted_queries
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from make.accounts import Member
from make.data import make_dataset, make_version
from make.train import make_run


def _came_of(database: TestDatabase, version_id: object, source: str) -> None:
    rows_of(database, "UPDATE dataset_versions SET source = %s::jsonb WHERE id = %s", source, version_id)


def _edges(found: dict[str, Any]) -> set[tuple[str, str, str]]:
    titles = {node["id"]: f"{node['kind']} {node['title']}" for node in found["nodes"]}
    return {(titles[edge["source"]], edge["kind"], titles[edge["target"]]) for edge in found["edges"]}


async def test_versions_are_shown_with_what_they_came_of_and_what_was_made_of_them(
    app: FastAPI, database: TestDatabase, member: Member, stranger: Member
) -> None:
    dataset_id, address = make_dataset(database, member)
    versions = [make_version(database, member, dataset_id, number=number) for number in (1, 2, 3, 4)]
    _came_of(database, versions[1], '{"format": "push", "follows": 1}')
    _came_of(database, versions[2], '{"format": "csv", "restores": 1}')
    _came_of(database, versions[3], '{"format": "kafka", "follows": 3}')
    make_version(database, member, dataset_id, state="rejected")
    run_id = make_run(database, member, versions[0])
    async with client_of(app, key=member.key) as client:
        found = await ok(client.get(f"/api/v1/datasets/{address}/lineage"))
        assert (found["dataset"], found["next"]) == (address, None)
        assert _edges(found) == {
            ("upload table.csv", "read", "version version 1"),
            ("push pushed records", "appended", "version version 2"),
            ("version version 1", "follows", "version version 2"),
            ("version version 1", "restores", "version version 3"),
            ("stream table.csv", "appended", "version version 4"),
            ("version version 3", "follows", "version version 4"),
            ("upload table.csv", "read", "version table.csv"),
            ("version version 1", "trained", next(f"run {n['title']}" for n in found["nodes"] if n["kind"] == "run")),
        }
        assert f"run:{run_id}" in {node["id"] for node in found["nodes"]}
        # a version on another page is named all the same
        page = await ok(client.get(f"/api/v1/datasets/{address}/lineage?limit=3"))
        assert page["next"] is not None
        beside = [node for node in page["nodes"] if node["kind"] == "version" and node["state"] is None]
        assert [node["number"] for node in beside] == [1]
    async with client_of(app, key=stranger.key) as client:
        assert (await client.get(f"/api/v1/datasets/{address}/lineage")).status_code == 404


async def test_the_lineage_of_many_versions_costs_as_many_queries_as_that_of_one(
    app: FastAPI, database: TestDatabase, member: Member
) -> None:
    dataset_id, address = make_dataset(database, member)
    for number in range(1, 31):
        make_run(database, member, make_version(database, member, dataset_id, number=number))
    async with client_of(app, key=member.key) as client:
        await ok(client.get(f"/api/v1/datasets/{address}/lineage"))
        counts = []
        for limit in (1, 30):
            with counted_queries(app) as queries:
                found = await ok(client.get(f"/api/v1/datasets/{address}/lineage?limit={limit}"))
            counts.append(len(queries))
        assert sum(node["kind"] == "run" for node in found["nodes"]) == 30
        assert counts[0] == counts[1] <= 10
