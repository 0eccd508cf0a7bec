"""A worker killed with -9 in mid-training: the run goes on elsewhere, soon, and what it finds is found once."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from fixtures.app import ServedProcess, client_of, rows_of, running_app, settings_for
from fixtures.servers import TestDatabase
from fixtures.staffed import csv_of, dataset_with, ended_run, ok, until
from make.accounts import make_member

LEASE_SECONDS = 2.0
TAKEN_UP_SECONDS_MAX = LEASE_SECONDS + 13
"""The start of another worker, a lease, a second look at it, and a machine with other work."""
ROWS = 600


@pytest.mark.deep
@pytest.mark.timeout(240)
async def test_a_training_whose_worker_is_killed_goes_on_within_a_lease_and_makes_one_model(
    fresh_database: TestDatabase, valkey_url: str, tmp_path: Path, serve: Callable[..., ServedProcess]
) -> None:
    settings = settings_for(fresh_database, tmp_path, valkey_url=valkey_url, job_lease_seconds=LEASE_SECONDS)
    owner = make_member(fresh_database)
    frame = pl.DataFrame({"x": [i % 97 for i in range(ROWS)], "y": [int(i % 97 > 40) for i in range(ROWS)]})
    first = serve("lyceum.worker", settings)
    async with running_app(settings) as app, client_of(app, key=owner.key) as client:
        address = await dataset_with(client, csv_of(frame))
        wanted = {"dataset": address, "target": "y", "time_limit_seconds": 12}
        begun = await ok(client.post("/api/v1/runs", json=wanted), 202)
        path = f"/api/v1/runs/{begun['id']}"
        before = await until(lambda: ok(client.get(path)), lambda run: run["leaderboard"])
        # at once: such a table is soon learned
        first.end(9)
        serve("lyceum.worker", settings)
        await until(lambda: _attempt(fresh_database), lambda attempt: attempt == 2, seconds=TAKEN_UP_SECONDS_MAX)
        assert (await ok(client.get(path)))["state"] == "running"

        run = await ended_run(client, begun["id"])
        assert run["state"] == "finished", run["error"]
        assert run["started_at"] > before["started_at"]
        attempts = rows_of(fresh_database, "SELECT DISTINCT attempt FROM trials WHERE run_id = %s", run["id"])
        assert attempts == [{"attempt": 2}]
        names = [entry["name"] for entry in run["leaderboard"]]
        assert len(names) == len(set(names))
        for _ in range(2):
            await ok(client.post(f"{path}/register", json={"name": "steps"}), 201)
        versions = (await ok(client.get(f"/api/v1/models/{owner.org_name}/steps/versions")))["items"]
        assert [version["number"] for version in versions] == [1]
        artefacts = list((settings.home / "files" / "models").rglob("*.onnx"))
        assert len(artefacts) == 1


async def _attempt(database: TestDatabase) -> int:
    # a claimed job's next attempt counts from its start on
    taken = (
        "SELECT attempt + (state = 'claimed')::integer AS attempt FROM jobs"
        " WHERE kind = 'train.fit_model' AND state IN ('claimed', 'running')"
    )
    rows = rows_of(database, taken)
    attempt: int = rows[0]["attempt"] if rows else 0
    return attempt
