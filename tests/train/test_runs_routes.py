"""Training runs over HTTP: what is refused at once, pages, what a list costs, and calling off what has not begun."""

from typing import Any

import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of
from fixtures.query_count import counted_queries
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from make.accounts import Member, make_member
from make.data import make_dataset, make_version
from make.train import make_run, make_trial


@pytest.mark.parametrize(
    "more, code, said",
    [
        ({"target": "A"}, "target_missing", "did you mean 'a'?"),
        ({"target": "price"}, "target_missing", "it has a."),
        ({"leave_out": {"b": "why"}}, "column_unknown", "has no column 'b' to leave out"),
        ({"leave_out": {"a": "why"}}, "column_unknown", "'a' is to be predicted"),
        ({"dataset": "nothing"}, "address_invalid", "write org/name"),
        ({"dataset": "no/such"}, "dataset_not_found", "no/such"),
        ({"version": 2}, "version_not_found", "has no version 2"),
        ({"time_limit_seconds": 0}, "malformed", "time_limit_seconds"),
        ({"time_limit_seconds": 1e9}, "malformed", "time_limit_seconds"),
        ({"seed": -1}, "malformed", "seed"),
        ({"target": ""}, "malformed", "target"),
        ({"colour": 1}, "malformed", "colour"),
    ],
)
async def test_what_cannot_be_trained_is_refused_at_once(
    app: FastAPI, member: Member, database: TestDatabase, more: dict[str, Any], code: str, said: str
) -> None:
    dataset_id, address = make_dataset(database, member)
    make_version(database, member, dataset_id)
    wanted = {"dataset": address, "target": "a"} | more
    if "version" in wanted:
        wanted["dataset"] += f"@{wanted.pop('version')}"
    async with client_of(app, key=member.key) as client:
        answer = await client.post("/api/v1/runs", json=wanted)
        assert answer.status_code in {404, 422}
        assert answer.json()["code"] == code
        assert said in answer.json()["detail"]
        assert await ok(client.get("/api/v1/runs")) == {"items": [], "next": None}
    assert rows_of(database, "SELECT * FROM jobs WHERE org_id = %s", member.org_id) == []


@pytest.mark.parametrize(
    "time_limit, seconds_max", [(None, 2 * 60 + 3600), (1.5, 3 + 3600), (86_400, 2 * 86_400 + 3600)]
)
async def test_a_training_that_hangs_is_ended_long_after_its_time_limit(
    app: FastAPI, member: Member, database: TestDatabase, time_limit: float | None, seconds_max: int
) -> None:
    dataset_id, address = make_dataset(database, member)
    make_version(database, member, dataset_id)
    wanted = {"dataset": address, "target": "a"} | ({"time_limit_seconds": time_limit} if time_limit else {})
    async with client_of(app, key=member.key) as client:
        await ok(client.post("/api/v1/runs", json=wanted), 202)
    assert rows_of(database, "SELECT seconds_max FROM jobs WHERE org_id = %s", member.org_id) == [
        {"seconds_max": seconds_max}
    ]


async def test_a_run_names_the_version_it_learns_from(app: FastAPI, member: Member, database: TestDatabase) -> None:
    dataset_id, address = make_dataset(database, member)
    for number in (1, 2):
        make_version(database, member, dataset_id, number=number)
    async with client_of(app, key=member.key) as client:
        for which, number in (("", 2), ("@1", 1), ("@latest", 2)):
            run = await ok(client.post("/api/v1/runs", json={"dataset": address + which, "target": "a"}), 202)
            assert (run["dataset"], run["dataset_version"], run["state"]) == (address, number, "queued")
            assert (run["leaderboard"], run["score"], run["time_limit_seconds"]) == ([], None, 60)


async def test_a_run_that_has_not_begun_is_called_off_at_once(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    dataset_id, address = make_dataset(database, member)
    make_version(database, member, dataset_id)
    async with client_of(app, key=member.key) as client:
        run = await ok(client.post("/api/v1/runs", json={"dataset": address, "target": "a"}), 202)
        called_off = await ok(client.post(f"/api/v1/runs/{run['id']}/cancel"))
        assert (called_off["state"], called_off["error"]["code"]) == ("cancelled", "cancelled")
        assert called_off["finished_at"] is not None
        assert await ok(client.post(f"/api/v1/runs/{run['id']}/cancel")) == called_off
        assert (await ok(client.get(f"/api/v1/jobs/{run['job_id']}")))["state"] == "cancelled"
        for path in ("report", "register"):
            method = "GET" if path == "report" else "POST"
            body = None if path == "report" else {"name": "x"}
            answer = await client.request(method, f"/api/v1/runs/{run['id']}/{path}", json=body)
            assert (answer.status_code, answer.json()["code"]) == (409, "run_not_finished")
            assert "cancelled" in answer.json()["detail"]


async def test_a_finished_run_is_not_called_off(app: FastAPI, member: Member, database: TestDatabase) -> None:
    dataset_id, _ = make_dataset(database, member)
    run_id = make_run(database, member, make_version(database, member, dataset_id))
    async with client_of(app, key=member.key) as client:
        assert (await ok(client.post(f"/api/v1/runs/{run_id}/cancel")))["state"] == "finished"


async def test_the_leaderboard_is_that_of_the_last_attempt_best_first(
    app: FastAPI, member: Member, database: TestDatabase
) -> None:
    dataset_id, _ = make_dataset(database, member)
    run_id = make_run(database, member, make_version(database, member, dataset_id), state="running")
    make_trial(database, member, run_id, name="of a killed worker", score=0.99, attempt=1)
    for name, score in (("second", 0.6), ("first", 0.8), ("third", 0.5)):
        make_trial(database, member, run_id, name=name, score=score, attempt=2)
    async with client_of(app, key=member.key) as client:
        run = await ok(client.get(f"/api/v1/runs/{run_id}"))
        assert [entry["name"] for entry in run["leaderboard"]] == ["first", "second", "third"]
        # Where less is better, the order turns.
        rows_of(database, "UPDATE training_runs SET greater_is_better = false WHERE id = %s", run_id)
        run = await ok(client.get(f"/api/v1/runs/{run_id}"))
        assert [entry["name"] for entry in run["leaderboard"]] == ["third", "second", "first"]


async def test_pages_visit_every_run_once_newest_first(
    app: FastAPI, member: Member, stranger: Member, database: TestDatabase
) -> None:
    made: list[str] = []
    for owner in (member, stranger):
        dataset_id, _ = make_dataset(database, owner)
        version_id = make_version(database, owner, dataset_id)
        runs = [str(make_run(database, owner, version_id)) for _ in range(5)]
        made = made or runs
    seen: list[str] = []
    async with client_of(app, key=member.key) as client:
        cursor = None
        while True:
            params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = await ok(client.get("/api/v1/runs", params=params))
            seen += [run["id"] for run in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
    assert seen == made[::-1]


@pytest.mark.parametrize("count", [1, 30])
async def test_a_list_of_runs_takes_five_queries_and_no_reports(
    app: FastAPI, database: TestDatabase, count: int
) -> None:
    owner = make_member(database)
    for _ in range(count):
        dataset_id, _ = make_dataset(database, owner)
        version_id = make_version(database, owner, dataset_id)
        make_run(database, owner, version_id)
        run_id = make_run(database, owner, version_id, state="running")
        make_trial(database, owner, run_id, name="Linear")
    async with client_of(app, key=owner.key) as client:
        await client.get("/api/v1/me")
        with counted_queries(app) as queries:
            page = await ok(client.get("/api/v1/runs", params={"limit": 200}))
    assert len(page["items"]) == 2 * count
    assert all(len(run["leaderboard"]) == 1 for run in page["items"])
    assert len(queries) == 5
    assert not any("training_runs.report," in statement for statement in queries.statements)
