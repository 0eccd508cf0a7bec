"""A worker killed between the commit of a table and its row in PostgreSQL: one version, one commit, nothing left over."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import UUID

import httpx
import polars as pl
import pytest
from pydantic import SecretStr

from fixtures.app import ServedProcess, client_of, environment_of, eventually, rows_of, running_app, settings_for
from fixtures.s3 import S3Place
from fixtures.servers import TestDatabase
from fixtures.staffed import add_version, begin_version, csv_of, new_dataset, ok, settled_version, until
from fixtures.tables import operations_of
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.rows.public import scan_unmasked, sweep_staging, table_store
from lyceum.data.datasets.tables import newest_version, stage
from lyceum.kernel.config import Settings
from lyceum.kernel.storage import Storage, open_storage
from make.accounts import Member, make_member
from make.data import make_check, make_dataset

DYING_WORKER = "data.programs.dying_worker"
LEASE_SECONDS = 2.0
FRAME = pl.DataFrame({"a": range(30), "b": ["x", "y", None] * 10})


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.deep)])
def settings(request: pytest.FixtureRequest, fresh_database: TestDatabase, tmp_path: Path) -> Settings:
    """A hub that keeps its files in a folder, and one that keeps them in an object store."""
    more: dict[str, object] = {"job_lease_seconds": LEASE_SECONDS}
    if request.param == "s3":
        place: S3Place = request.getfixturevalue("s3_place")
        options = {name: SecretStr(value) for name, value in place.options.items()}
        more |= {"storage_url": place.url, "storage_options": options}
    return settings_for(fresh_database, tmp_path, worker_heavy_slots=0, **more)


@pytest.fixture
def owner(fresh_database: TestDatabase) -> Member:
    """An owner of an organisation of this hub."""
    return make_member(fresh_database)


@pytest.fixture
async def client(settings: Settings, owner: Member) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the owner's."""
    async with running_app(settings) as app, client_of(app, key=owner.key) as opened:
        yield opened


@contextmanager
def dying_worker(settings: Settings) -> Iterator[ServedProcess]:
    """Run a worker that is killed with -9 when it would record an accepted table."""
    worker = ServedProcess(DYING_WORKER, environment_of(settings))
    worker.start()
    try:
        yield worker
    finally:
        worker.end(9)


def _killed(worker: ServedProcess) -> bool:
    return worker.process is not None and worker.process.poll() == -9


@asynccontextmanager
async def _one_killed(settings: Settings) -> AsyncIterator[None]:
    with dying_worker(settings) as worker:
        yield
        await eventually(lambda: _killed(worker), seconds=60, what="the worker committed the table and died")


def _operations(storage: Storage, table: str) -> list[str]:
    return [operation for _, operation in operations_of(table_store(storage), table)]


async def test_another_worker_finishes_what_a_killed_one_committed(
    settings: Settings,
    owner: Member,
    client: httpx.AsyncClient,
    serve: Callable[..., ServedProcess],
    fresh_database: TestDatabase,
) -> None:
    storage = open_storage(settings)
    address = await new_dataset(client)
    async with _one_killed(settings):
        begun = await begin_version(client, address, "table.csv", csv_of(FRAME))
    row = rows_of(fresh_database, "SELECT * FROM dataset_versions")[0]
    table = table_key(owner.org_id, row["dataset_id"])
    assert (row["state"], row["number"]) == ("pending", None)
    assert _operations(storage, table) == [str(row["operation_id"])]

    serve("lyceum.worker", settings)
    version = await settled_version(client, begun["id"])
    assert (version["state"], version["number"], version["row_count"]) == ("accepted", 1, 30)
    assert _operations(storage, table) == [str(row["operation_id"])]
    assert scan_unmasked(storage, table, 1).collect().equals(FRAME)
    preview = await ok(client.get(f"/api/v1/datasets/{address}/versions/1/preview"))
    assert preview["rows"][0] == [0, "x"]
    job = rows_of(fresh_database, "SELECT attempt, state FROM jobs WHERE kind = 'data.read_upload'")
    assert job == [{"attempt": 2, "state": "done"}]

    later = await add_version(client, address, "later.csv", csv_of(FRAME.head(7)))
    assert (later["number"], later["row_count"]) == (2, 7)
    assert len(_operations(storage, table)) == 2
    listed = (await ok(client.get(f"/api/v1/datasets/{address}/versions")))["items"]
    assert [found["number"] for found in listed] == [2, 1]


async def test_pushed_records_are_appended_once_though_a_worker_is_killed_between_the_table_and_its_version(
    settings: Settings,
    owner: Member,
    client: httpx.AsyncClient,
    serve: Callable[..., ServedProcess],
    fresh_database: TestDatabase,
) -> None:
    storage = open_storage(settings)
    address = await new_dataset(client)
    path = f"/api/v1/datasets/{address}/records"
    async with _one_killed(settings):
        for number in range(3):
            await ok(client.post(path, json=[{"a": number}, {"a": 10 + number}]), 202)
    [row] = rows_of(fresh_database, "SELECT * FROM dataset_versions")
    table = table_key(owner.org_id, row["dataset_id"])
    assert (row["state"], row["number"]) == ("pending", None)
    assert _operations(storage, table) == [str(row["operation_id"])]
    # what comes while the version is undecided waits for the next
    await ok(client.post(path, json=[{"a": 100}]), 202)

    serve("lyceum.worker", settings)
    assert (await settled_version(client, str(row["id"])))["state"] == "accepted"
    whole = await until(
        lambda: ok(client.get(path)), lambda state: state["waiting_records"] + state["in_hand_records"] == 0
    )
    assert whole["held_records"] == 0
    latest = await ok(client.get(f"/api/v1/datasets/{address}/versions/latest"))
    deltas = rows_of(fresh_database, "SELECT max(delta_version) AS newest FROM dataset_versions")
    rows = scan_unmasked(storage, table, deltas[0]["newest"]).collect()
    assert sorted(rows["a"].to_list()) == [0, 1, 2, 10, 11, 12, 100]
    assert latest["row_count"] == 7
    assert len(_operations(storage, table)) == latest["number"]


async def test_a_version_that_is_held_back_is_so_once_though_the_worker_is_killed_before_it_says_so(
    settings: Settings,
    owner: Member,
    client: httpx.AsyncClient,
    serve: Callable[..., ServedProcess],
    fresh_database: TestDatabase,
) -> None:
    dataset_id, address = make_dataset(fresh_database, owner)
    check_id = make_check(
        fresh_database, owner, dataset_id, definition={"kind": "row_count", "min": 99, "blocking": True}
    )
    async with _one_killed(settings):
        begun = await begin_version(client, address, "table.csv", csv_of(FRAME))
    assert rows_of(fresh_database, "SELECT id FROM check_runs") == []
    serve("lyceum.worker", settings)
    version = await settled_version(client, begun["id"])
    assert (version["state"], version["error"]["code"]) == ("rejected", "checks_failed")
    [result] = rows_of(fresh_database, "SELECT check_id, result FROM check_results")
    assert (result["check_id"], result["result"]["status"]) == (check_id, "failed")
    assert len(rows_of(fresh_database, "SELECT id FROM check_runs")) == 1
    storage = open_storage(settings)
    assert newest_version(table_store(storage), table_key(owner.org_id, dataset_id)) is None
    # what its files were staged as is gone
    assert await sweep_staging(storage, older_than_seconds=-1) == 0


@pytest.mark.deep
@pytest.mark.parametrize("settings", ["folder", "s3"], indirect=True)
async def test_a_table_that_kills_every_worker_is_rejected_and_the_next_one_is_taken(
    settings: Settings,
    owner: Member,
    client: httpx.AsyncClient,
    serve: Callable[..., ServedProcess],
    fresh_database: TestDatabase,
) -> None:
    storage = open_storage(settings)
    address = await new_dataset(client)
    async with _one_killed(settings):
        begun = await begin_version(client, address, "table.csv", csv_of(FRAME))
    # It was the last attempt the job had.
    rows_of(fresh_database, "UPDATE jobs SET attempts_max = 1 WHERE kind = 'data.read_upload'")
    serve("lyceum.worker", settings)
    version = await settled_version(client, begun["id"])
    assert (version["state"], version["number"]) == ("rejected", None)
    assert version["error"]["code"] == "worker_lost"
    nothing = await client.get(f"/api/v1/datasets/{address}/versions/latest")
    assert nothing.status_code == 404

    later = await add_version(client, address, "later.csv", csv_of(FRAME.head(7)))
    assert (later["number"], later["row_count"]) == (1, 7)
    preview = await ok(client.get(f"/api/v1/datasets/{address}/versions/1/preview"))
    assert len(preview["rows"]) == 7
    table = table_key(owner.org_id, UUID((await ok(client.get(f"/api/v1/datasets/{address}")))["id"]))
    assert newest_version(table_store(storage), table) == 2


async def test_what_a_killed_worker_had_staged_is_swept(settings: Settings, tmp_path: Path) -> None:
    storage = open_storage(settings)
    store = table_store(storage)
    FRAME.write_parquet(tmp_path / "part.parquet")
    stage(store, f"killed-{secrets.token_hex(4)}", [tmp_path / "part.parquet"])
    assert await sweep_staging(storage, older_than_seconds=3600) == 0
    assert await sweep_staging(storage, older_than_seconds=-1) == 1
    assert await sweep_staging(storage, older_than_seconds=-1) == 0
