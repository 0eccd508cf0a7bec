"""Backups of a hub that takes tables in as fast as it can are each one moment of it."""

import asyncio
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from uuid import UUID

import httpx
import obstore
import polars as pl
import pytest

from fixtures.app import client_of, eventually, rows_of, running_app, served, settings_for
from fixtures.servers import PostgresForTests, TestDatabase
from fixtures.staffed import begin_version, csv_of, new_dataset, settled_version
from lyceum.backup.create import Source, create_backup
from lyceum.backup.destination import open_destination
from lyceum.backup.keys import NO_KEYS
from lyceum.backup.restore import readable_backup, restore_database, restore_files
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.rows.public import table_store
from lyceum.data.datasets.tables import newest_version, scan_version
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel.config import Settings
from lyceum.kernel.storage import open_storage
from make.accounts import make_member

DATASETS = 3
BACKUPS = 4
WAITING = (
    "SELECT content_key FROM uploads WHERE state = 'complete' OR (state = 'taken' AND definer.upload_is_awaited(id))"
)
ACCEPTED = """
    SELECT org_id, dataset_id, delta_version, row_count, operation_id FROM dataset_versions
    WHERE state = 'accepted' ORDER BY dataset_id, number
"""
PENDING = "SELECT org_id, dataset_id, operation_id, upload_id, job_id FROM dataset_versions WHERE state = 'pending'"


async def keep_writing(client: httpx.AsyncClient, written: list[str], *, enough: asyncio.Event) -> None:
    """Give datasets one version after another, each with another number of rows."""
    addresses = [await new_dataset(client) for _ in range(DATASETS)]
    number = 0
    while not enough.is_set():
        number += 1
        content = csv_of(pl.DataFrame({"a": range(number), "b": [f"row {n}" for n in range(number)]}))
        versions = [await begin_version(client, address, "t.csv", content) for address in addresses]
        written.extend([(await settled_version(client, version["id"]))["state"] for version in versions])


def has_written(written: list[str], wanted: int, writing: "asyncio.Task[None]") -> bool:
    return len(written) >= wanted or writing.done()


def look_at(database: TestDatabase, settings: Settings) -> int:
    """Find every accepted version readable as it was accepted, and nothing beyond; return how many there are."""
    storage = open_storage(settings)
    store = table_store(storage)
    newest: dict[UUID, int] = {}
    accepted = rows_of(database, ACCEPTED)
    for version in accepted:
        key = table_key(version["org_id"], version["dataset_id"])
        rows = scan_version(store, key, version["delta_version"]).collect()
        assert rows.height == version["row_count"]
        newest[version["dataset_id"]] = max(newest.get(version["dataset_id"], 0), version["delta_version"])
    for org_id, dataset_id in {(row["org_id"], row["dataset_id"]) for row in accepted}:
        # nothing was half copied behind it: the next commit finds a table that ends there
        assert newest_version(store, table_key(org_id, dataset_id)) == newest[dataset_id]
    for upload in rows_of(database, WAITING):
        assert obstore.head(storage.store, upload["content_key"])["size"] > 0
    jobs = {
        row["id"] for row in rows_of(database, "SELECT id FROM jobs WHERE state NOT IN ('done', 'dead', 'cancelled')")
    }
    assert {row["job_id"] for row in rows_of(database, PENDING)} <= jobs
    return len(accepted)


@pytest.mark.deep
@pytest.mark.timeout(300)
async def test_each_backup_holds_every_accepted_version_whole_and_what_the_others_are_to_be_made_of(
    postgres_server: PostgresForTests, fresh_database: TestDatabase, valkey_url: str, tmp_path: Path
) -> None:
    owner = make_member(fresh_database)
    settings = settings_for(fresh_database, tmp_path / "home", valkey_url=valkey_url, worker_heavy_slots=0)
    destination = open_destination(str(tmp_path / "backups"), {})
    source = Source(fresh_database.owner_url, open_storage(settings), "secret", "1", tmp_path / "seen.json", {})
    enough = asyncio.Event()
    written: list[str] = []
    ids = []
    with served("lyceum.worker", settings):
        async with running_app(settings) as app, client_of(app, key=owner.key) as client:
            writing = asyncio.create_task(keep_writing(client, written, enough=enough))
            for number in range(1, BACKUPS + 1):
                await eventually(partial(has_written, written, number * DATASETS, writing), what="versions")
                made = await asyncio.to_thread(create_backup, source, destination, NO_KEYS)
                assert made.missing == ()
                ids.append(made.manifest.id)
            enough.set()
            await writing
    assert set(written) == {"accepted"}

    counts = []
    with ExitStack() as stack:
        for number, backup_id in enumerate(ids):
            name = f"{fresh_database.name}_{number}"
            other = postgres_server.create_database(name)
            stack.callback(postgres_server.drop_database, name)
            there = settings_for(other, tmp_path / f"home-{number}")
            manifest = readable_backup(destination, backup_id, NO_KEYS)
            restore_files(manifest, destination, NO_KEYS, open_storage(there))
            restore_database(manifest, destination, NO_KEYS, owner_url=other.owner_url, app_role=APP_ROLE)
            counts.append(look_at(other, there))
    assert counts == sorted(counts)
    assert counts[0] >= 1
