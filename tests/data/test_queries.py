"""Lists cost the same number of queries however long they are, and do not carry what nobody asked for."""

import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of
from fixtures.query_count import counted_queries, rows_looked_at
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from make.accounts import Member, make_member
from make.data import make_check, make_check_run, make_dataset, make_version

VERSIONS = 10_000
_MORE_VERSIONS = """
    INSERT INTO dataset_versions (id, org_id, dataset_id, number, state, operation_id, delta_version, file_name, source,
                                  row_count, byte_count, table_schema, profile)
    SELECT gen_random_uuid(), org_id, dataset_id, n, state, gen_random_uuid(), n, file_name, source,
           row_count, byte_count, table_schema, profile
    FROM dataset_versions, generate_series(1, %s) n WHERE state = 'accepted'
"""
_MORE_DATASETS = """
    INSERT INTO datasets (id, org_id, name) SELECT gen_random_uuid(), org_id, 'other-' || n
    FROM datasets, generate_series(1, 1000) n
"""


async def _cost(app: FastAPI, who: Member, path: str) -> tuple[int, int]:
    """Return how many items a list has and how many statements it took, the key being known."""
    async with client_of(app, key=who.key) as client:
        await client.get("/api/v1/me")
        with counted_queries(app) as queries:
            page = await ok(client.get(f"/api/v1{path}"))
    items = page["items"] if "items" in page else page["results"]
    assert not any("dataset_versions.profile" in statement for statement in queries.statements)
    return len(items), len(queries)


@pytest.mark.parametrize("count", [1, 30])
async def test_a_list_of_datasets_takes_one_query_and_two_for_how_they_stand(
    fresh_app: FastAPI, fresh_database: TestDatabase, count: int
) -> None:
    owner = make_member(fresh_database)
    for _ in range(count):
        dataset_id, _ = make_dataset(fresh_database, owner)
        make_version(fresh_database, owner, dataset_id)
        make_version(fresh_database, owner, dataset_id, number=2)
    assert await _cost(fresh_app, owner, "/datasets") == (count, 3)


@pytest.mark.parametrize("count", [1, 30])
async def test_the_names_of_other_organisations_take_one_query_more(
    fresh_app: FastAPI, fresh_database: TestDatabase, count: int
) -> None:
    for _ in range(count):
        make_dataset(fresh_database, make_member(fresh_database), visibility="public")
    assert await _cost(fresh_app, make_member(fresh_database), "/datasets") == (count, 4)


async def test_a_check_run_starts_in_three_queries(fresh_app: FastAPI, fresh_database: TestDatabase) -> None:
    owner = make_member(fresh_database)
    dataset_id, address = make_dataset(fresh_database, owner)
    make_version(fresh_database, owner, dataset_id)
    make_check(fresh_database, owner, dataset_id)
    async with client_of(fresh_app, key=owner.key) as client:
        await client.get("/api/v1/me")
        with counted_queries(fresh_app) as queries:
            started = await ok(client.post(f"/api/v1/datasets/{address}/versions/1/check-runs"), 202)
        assert len(queries) == 3
        assert await ok(client.get(f"/api/v1/check-runs/{started['id']}")) == started


async def test_a_dataset_is_changed_in_two_queries(fresh_app: FastAPI, fresh_database: TestDatabase) -> None:
    owner = make_member(fresh_database)
    _, address = make_dataset(fresh_database, owner)
    async with client_of(fresh_app, key=owner.key) as client:
        await client.get("/api/v1/me")
        with counted_queries(fresh_app) as queries:
            await ok(client.patch(f"/api/v1/datasets/{address}", json={"description": "x"}, headers={"if-match": "*"}))
    assert len(queries) == 2


@pytest.mark.parametrize("count", [1, 30])
async def test_a_list_of_versions_takes_two_queries(
    fresh_app: FastAPI, fresh_database: TestDatabase, count: int
) -> None:
    owner = make_member(fresh_database)
    dataset_id, address = make_dataset(fresh_database, owner)
    for number in range(1, count + 1):
        make_version(fresh_database, owner, dataset_id, number=number)
    assert await _cost(fresh_app, owner, f"/datasets/{address}/versions") == (count, 2)


@pytest.mark.parametrize(
    "path, shows",
    [
        ("", {"latest_version": VERSIONS}),
        ("/versions/latest", {"number": VERSIONS}),
        ("/versions/7", {"number": 7}),
        ("/versions?limit=1", {}),
    ],
    ids=["the dataset", "its latest", "one by number", "the first page"],
)
async def test_of_ten_thousand_versions_and_a_thousand_datasets_no_other_one_is_read(
    fresh_app: FastAPI, fresh_database: TestDatabase, path: str, shows: dict[str, int]
) -> None:
    owner = make_member(fresh_database)
    dataset_id, address = make_dataset(fresh_database, owner)
    make_version(fresh_database, owner, dataset_id, number=VERSIONS)
    for _ in range(2):
        make_version(fresh_database, owner, dataset_id, state="rejected")
    rows_of(fresh_database, _MORE_VERSIONS, VERSIONS - 1)
    rows_of(fresh_database, _MORE_DATASETS)
    rows_of(fresh_database, "ANALYZE dataset_versions, datasets")
    async with client_of(fresh_app, key=owner.key) as client:
        await client.get("/api/v1/me")
        with counted_queries(fresh_app) as queries:
            told = await ok(client.get(f"/api/v1/datasets/{address}{path}"))
    assert told.items() >= shows.items()
    for table in ("dataset_versions", "datasets"):
        looked_at = rows_looked_at(queries, fresh_database, owner.org_id, table=table)
        assert 1 <= max(looked_at.values()) <= 2, looked_at


@pytest.mark.parametrize("count", [1, 30])
async def test_a_list_of_checks_takes_two_queries(fresh_app: FastAPI, fresh_database: TestDatabase, count: int) -> None:
    owner = make_member(fresh_database)
    dataset_id, address = make_dataset(fresh_database, owner)
    for _ in range(count):
        make_check(fresh_database, owner, dataset_id)
    assert await _cost(fresh_app, owner, f"/datasets/{address}/checks") == (count, 2)


@pytest.mark.parametrize("count", [1, 30])
async def test_a_check_run_takes_four_queries(fresh_app: FastAPI, fresh_database: TestDatabase, count: int) -> None:
    owner = make_member(fresh_database)
    dataset_id, _ = make_dataset(fresh_database, owner)
    version_id = make_version(fresh_database, owner, dataset_id)
    checks = tuple(make_check(fresh_database, owner, dataset_id) for _ in range(count))
    run_id = make_check_run(fresh_database, owner, version_id, results_of=checks)
    assert await _cost(fresh_app, owner, f"/check-runs/{run_id}") == (count, 4)
