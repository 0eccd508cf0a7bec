"""What grants cost: no more queries, and no more rows looked at than are shown."""

import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of
from fixtures.query_count import counted_queries, plans_of, rows_looked_at
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from make.accounts import Member, make_grant, make_member
from make.data import make_check, make_check_run, make_dataset, make_version
from make.serve import make_registered
from make.train import make_run

OTHERS = 3_000
_MORE = {
    "datasets": "INSERT INTO datasets (id, org_id, name) SELECT gen_random_uuid(), %s, 'd' || n FROM generate_series(1, %s) n",
    "models": "INSERT INTO models (id, org_id, name) SELECT gen_random_uuid(), %s, 'm' || n FROM generate_series(1, %s) n",
    "training_runs": """
        INSERT INTO training_runs (id, org_id, dataset_version_id, target, time_limit_seconds)
        SELECT gen_random_uuid(), %s, gen_random_uuid(), 'a', 60 FROM generate_series(1, %s) n
    """,
}


@pytest.mark.parametrize(
    "path, table, most_queries", [("/datasets", "datasets", 4), ("/models", "models", 4), ("/runs", "training_runs", 5)]
)
async def test_a_list_looks_at_what_it_shows_and_at_nothing_of_others(
    fresh_app: FastAPI, fresh_database: TestDatabase, path: str, table: str, most_queries: int
) -> None:
    reader, owner, crowd = (make_member(fresh_database) for _ in range(3))
    for who in (reader, reader, owner, owner):
        dataset_id, _ = make_dataset(fresh_database, who)
        run_id = make_run(fresh_database, who, make_version(fresh_database, who, dataset_id))
        model_id, _ = make_registered(fresh_database, who)
        if who is owner:
            for kind, object_id in (("dataset", dataset_id), ("model", model_id), ("run", run_id)):
                make_grant(fresh_database, owner, kind, object_id, to=reader)
    make_dataset(fresh_database, owner, visibility="internal")
    make_registered(fresh_database, owner, visibility="internal")
    rows_of(fresh_database, _MORE[table], crowd.org_id, OTHERS)
    rows_of(fresh_database, "ANALYZE")
    shown = 4 if table == "training_runs" else 5
    async with client_of(fresh_app, key=reader.key) as client:
        await client.get("/api/v1/me")
        with counted_queries(fresh_app) as queries:
            assert len((await ok(client.get(f"/api/v1{path}")))["items"]) == shown
    assert len(queries) <= most_queries
    looked_at = rows_looked_at(queries, fresh_database, reader.org_id, table=table, user_id=reader.user_id)
    assert shown <= max(looked_at.values()) <= 4 * shown, looked_at


def _asked_for_grants(nodes: list[dict[str, object]]) -> int:
    asks = [node for node in nodes if "granted_ids" in str(node.get("Output")) and not node.get("Relation Name")]
    return sum(int(str(node["Actual Loops"])) for node in asks)


async def test_of_ones_own_objects_nobody_asks_what_was_granted(
    fresh_app: FastAPI, fresh_database: TestDatabase
) -> None:
    owner = make_member(fresh_database)
    dataset_id, address = make_dataset(fresh_database, owner)
    version_id = make_version(fresh_database, owner, dataset_id)
    check_id = make_check(fresh_database, owner, dataset_id)
    check_run_id = make_check_run(fresh_database, owner, version_id, results_of=(check_id,))
    _, model = make_registered(fresh_database, owner)
    run_id = make_run(fresh_database, owner, version_id)
    async with client_of(fresh_app, key=owner.key) as client:
        await client.get("/api/v1/me")
        with counted_queries(fresh_app) as queries:
            for path in (
                *(f"/datasets/{address}{rest}" for rest in ("", "/versions", "/versions/latest", "/checks")),
                f"/check-runs/{check_run_id}",
                f"/models/{model}",
                f"/models/{model}/versions/1",
                f"/runs/{run_id}",
            ):
                await ok(client.get(f"/api/v1{path}"))
    asked = {
        statement: _asked_for_grants(nodes)
        for statement, nodes in plans_of(queries, fresh_database, owner.org_id, user_id=owner.user_id).items()
    }
    assert {statement for statement, times in asked.items() if times} == set()


async def test_what_was_granted_is_read_in_one_query_more_than_ones_own(
    app: FastAPI, database: TestDatabase, member: Member, stranger: Member
) -> None:
    dataset_id, address = make_dataset(database, member)
    make_grant(database, member, "dataset", dataset_id, to=stranger)
    async with client_of(app, key=stranger.key) as client:
        await client.get("/api/v1/me")
        with counted_queries(app) as queries:
            await ok(client.get(f"/api/v1/datasets/{address}"))
    # whose name it is, which of one's own is known
    assert len(queries) == 2
    plans = plans_of(queries, database, stranger.org_id, user_id=stranger.user_id)
    assert sum(_asked_for_grants(nodes) for nodes in plans.values()) > 0
