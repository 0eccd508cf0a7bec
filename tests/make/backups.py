"""Hubs with something in them to copy, and what of them can be compared."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import obstore
import polars as pl
import psycopg
from psycopg.types.json import Jsonb

from fixtures.app import rows_of, settings_for
from fixtures.servers import TestDatabase
from lyceum.backup.create import Made, Source, create_backup
from lyceum.backup.destination import Destination
from lyceum.backup.keys import NO_KEYS, BackupKeys
from lyceum.backup.tables import digest_of, list_tables, set_up_session
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.rows.public import table_store
from lyceum.data.datasets.tables import commit, discard_staged, newest_version, stage
from lyceum.kernel.config import Settings
from lyceum.kernel.ids import new_id
from lyceum.kernel.storage import open_storage
from make.accounts import Member, make_member
from make.data import make_check, make_check_run, make_dataset, make_version
from make.predictions import MadeModel, make_model, onnx_file

SECRET = "the-key-of-the-hub"


@dataclass(frozen=True, slots=True)
class HubToCopy:
    """A hub's data without its processes."""

    database: TestDatabase
    settings: Settings
    owner: Member
    model: MadeModel
    dataset_id: UUID

    @property
    def table(self) -> str:
        return table_key(self.owner.org_id, self.dataset_id)

    def source(self) -> Source:
        """Return it as what a backup is made of."""
        return Source(
            owner_url=self.database.owner_url,
            storage=open_storage(self.settings),
            secret_key=SECRET,
            product_version="1.2.3",
            seen_file=self.settings.home / "seen.json",
            private={"secret_key": SECRET},
        )

    def back_up(self, destination: Destination, keys: BackupKeys = NO_KEYS) -> Made:
        return create_backup(self.source(), destination, keys)

    def commit_rows(self, rows: int, folder: Path) -> int:
        """Commit rows to the dataset's table without telling the database; return the Delta version."""
        file = folder / f"{new_id()}.parquet"
        pl.DataFrame({"a": range(rows), "b": [f"row {n}" for n in range(rows)]}).write_parquet(file)
        store, operation = table_store(open_storage(self.settings)), str(new_id())
        data = stage(store, operation, [file])
        version = commit(store, self.table, data, base=newest_version(store, self.table))
        discard_staged(store, operation)
        return version

    def accept_rows(self, rows: int, folder: Path) -> int:
        """Commit rows and have the database accept them as the next version."""
        version = self.commit_rows(rows, folder)
        version_id = make_version(self.database, self.owner, self.dataset_id, number=version)
        make_check_run(
            self.database, self.owner, version_id, results_of=(make_check(self.database, self.owner, self.dataset_id),)
        )
        return version


def make_hub_to_copy(database: TestDatabase, home: Path, folder: Path, **settings: object) -> HubToCopy:
    """Make a hub with a dataset of two versions, a model, predictions, jobs, and values that are hard to copy."""
    owner = make_member(database)
    held = settings_for(database, home, database_owner_url=database.owner_url, **settings)
    model = make_model(database, home, owner, onnx_file(), aliases={"champion": 1})
    if held.storage_url:
        storage = open_storage(held)
        for file in (home / "files").rglob("*.onnx"):
            obstore.put(storage.store, file.relative_to(home / "files").as_posix(), file)
    dataset_id, _ = make_dataset(database, owner)
    hub = HubToCopy(database, held, owner, model, dataset_id)
    for rows in (10, 20):
        hub.accept_rows(rows, folder)
    log_predictions(hub, 500)
    hard = {"text": "tab\t, line\n, \\N, NUL-free, 'quotes', \u2028 and 🦉", "number": 1e-300, "none": None}
    for number in range(3):
        rows_of(
            database,
            "INSERT INTO jobs (id, org_id, kind, args) VALUES (%s, %s, 'test.nothing', %s)",
            *(new_id(), owner.org_id, Jsonb(hard | {"n": number})),
        )
    return hub


def log_predictions(hub: HubToCopy, count: int) -> None:
    """Add so many rows to the prediction log."""
    version_id = next(iter(hub.model.version_ids.values()))
    rows_of(
        hub.database,
        """
        INSERT INTO prediction_log (at, org_id, model_version_id, key_id, request_id, duration_microseconds, inputs, outputs)
        SELECT now() - n * interval '1 second', %s, %s, %s, 'r' || n, n, jsonb_build_object('x', n, 'y', md5(n::text)), '[1]'
        FROM generate_series(1, %s) n
        """,
        *(hub.owner.org_id, version_id, hub.owner.key_id, count),
    )


def digests(database: TestDatabase) -> dict[str, tuple[int, str]]:
    """Return the number of rows and the digest of every table."""
    with psycopg.connect(database.dsn("owner"), autocommit=True) as connection:
        set_up_session(connection)
        return {table.name: digest_of(connection, table) for table in list_tables(connection)}


def files_of(settings: Settings) -> dict[str, str]:
    """Return the SHA-256 of every file in a hub's storage."""
    store = open_storage(settings).store
    return {
        meta["path"]: hashlib.sha256(bytes(obstore.get(store, meta["path"]).bytes())).hexdigest()
        for batch in obstore.list(store)
        for meta in batch
    }


def manifest_path(destination: Destination) -> str:
    """Return where the newest backup's manifest lies."""
    return destination.backups()[-1].manifest_name


def last_note(home: Path) -> dict[str, str]:
    """Return what a hub's home says of its last backup."""
    found: dict[str, str] = json.loads((home / "last-backup.json").read_text(encoding="utf-8"))
    return found
