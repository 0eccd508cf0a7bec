"""A backup of a large hub that is written to all the while is that hub at one moment, every row and every byte of it."""

import hashlib
import math
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from fixtures.app import rows_of, settings_for
from fixtures.hubs import folder, wait_until
from fixtures.servers import TestDatabase
from lyceum.backup import create
from lyceum.backup.destination import open_destination
from lyceum.backup.keys import NO_KEYS
from lyceum.backup.restore import readable_backup, restore_database, restore_files, settle_files
from lyceum.backup.snapshot import Snapshot, snapshot_of
from lyceum.data.datasets.rows.public import table_store
from lyceum.data.datasets.tables import newest_version, scan_version
from lyceum.hub.postgres import APP_ROLE
from lyceum.kernel.config import Settings
from lyceum.kernel.storage import open_storage
from make.backups import HubToCopy, log_predictions, make_hub_to_copy

__all__ = ["folder"]

MEGABYTE = 10**6
LONG_MEGABYTES = int(os.environ.get("TESTS_BACKUP_MEGABYTES", "5000"))
SHARE_OF_ROWS = 0.2
ROW_BYTES = 500
"""Of one of the long rows below, as COPY writes it."""
ROWS_AT_ONCE = 100_000
FILE_MEGABYTES = 64
TIMES_THE_ROOM = 4
"""The hub, the backup, what comes of it, and what PostgreSQL logs of its rows."""
LONG_ROWS = """
    INSERT INTO prediction_log (at, org_id, model_version_id, key_id, request_id, duration_microseconds, inputs, outputs)
    SELECT now() - n * interval '1 second', %s, %s, %s, 'long-' || n, n %% 5000,
           jsonb_build_object('x', n, 'share', random(), 'notes', jsonb_build_array(
               md5(n::text), md5((-n)::text), md5('a' || n), md5('b' || n), md5('c' || n), md5('d' || n), md5('e' || n))),
           jsonb_build_array(jsonb_build_object('late', random()))
    FROM generate_series(%s::int, %s::int) n
"""
TABLES = """
    SELECT relname AS name FROM pg_class
    WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace ORDER BY relname
"""
ACCEPTED = "SELECT delta_version FROM dataset_versions WHERE dataset_id = %s AND state = 'accepted' ORDER BY number"


@dataclass(slots=True)
class Writer:
    """Gives a hub's dataset one version after another, each of its own number of rows, and predictions beside."""

    hub: HubToCopy
    folder: Path
    enough: threading.Event = field(default_factory=threading.Event)
    rows_of_versions: dict[int, int] = field(default_factory=dict)
    working: "Future[None] | None" = None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with ThreadPoolExecutor(1) as threads:
            self.working = threads.submit(self._keep_writing)
            try:
                self.wait_for_more()
                yield
            finally:
                self.enough.set()
            self.working.result()

    def wait_for_more(self) -> None:
        """Return when a version has come that was not there at the call."""
        before = len(self.rows_of_versions)
        wait_until(self._has_come_to(before + 2))

    def _has_come_to(self, count: int) -> Callable[[], bool]:
        return lambda: len(self.rows_of_versions) >= count or (self.working is not None and self.working.done())

    def _keep_writing(self) -> None:
        rows = 100
        while not self.enough.is_set():
            rows += 1
            self.rows_of_versions[self.hub.accept_rows(rows, self.folder)] = rows
            log_predictions(self.hub, 10)


def fill(hub: HubToCopy, megabytes: int) -> None:
    """Bring a hub to a size: the larger part in files that cannot be packed, one of them half of that, the rest in rows."""
    files = open_storage(hub.settings).folder
    assert files is not None
    of_files = int(megabytes * (1 - SHARE_OF_ROWS))
    large = of_files // 2
    sizes = [large, *[FILE_MEGABYTES] * math.ceil((of_files - large) / FILE_MEGABYTES)]
    (files / "models" / "bulk").mkdir(parents=True)
    for number, size in enumerate(sizes):
        with (files / "models" / "bulk" / f"{number}.onnx").open("wb") as file:
            for _ in range(size):
                file.write(os.urandom(MEGABYTE))
    rows = int(megabytes * MEGABYTE * SHARE_OF_ROWS / ROW_BYTES)
    version_id = next(iter(hub.model.version_ids.values()))
    for first in range(1, rows + 1, ROWS_AT_ONCE):
        whose = (hub.owner.org_id, version_id, hub.owner.key_id)
        rows_of(hub.database, LONG_ROWS, *whose, first, min(rows, first + ROWS_AT_ONCE - 1))


def sums(connection: psycopg.Connection) -> dict[str, tuple[int, str]]:
    """Return the number of rows of every table and a sum over all they hold, by other means than a backup's own."""
    for statement in ("SET LOCAL row_security = off", "SET LOCAL timezone = 'UTC'", "SET LOCAL statement_timeout = 0"):
        connection.execute(statement)
    of_all = "SELECT count(*), coalesce(sum(hashtextextended(t::text, 7)::numeric), 0)::text FROM {} t"
    found: dict[str, tuple[int, str]] = {}
    for (table,) in connection.execute(TABLES).fetchall():
        row = connection.execute(sql.SQL(of_all).format(sql.Identifier(table))).fetchone()
        assert row is not None
        found[table] = row
    return found


def sums_now(database: TestDatabase) -> dict[str, tuple[int, str]]:
    with psycopg.connect(database.dsn("owner")) as connection:
        return sums(connection)


def sums_at(database: TestDatabase, snapshot: str) -> dict[str, tuple[int, str]]:
    """Return the sums as somebody else's transaction sees the tables, which has exported this."""
    with psycopg.connect(database.dsn("owner")) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
        return sums(connection)


def hashes_of(settings: Settings) -> dict[str, str]:
    """Return the SHA-256 of every file, read in parts, for they are large."""
    files = open_storage(settings).folder
    assert files is not None
    found: dict[str, str] = {}
    for path in files.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                found[path.relative_to(files).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


@pytest.mark.parametrize(
    "megabytes",
    [
        pytest.param(300, marks=[pytest.mark.deep, pytest.mark.timeout(300)]),
        pytest.param(LONG_MEGABYTES, marks=[pytest.mark.soak, pytest.mark.timeout(3600)], id="long"),
    ],
)
def test_a_hub_that_is_written_to_comes_back_as_it_was_at_one_moment_whatever_its_size(
    fresh_database: TestDatabase,
    empty_database: TestDatabase,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    megabytes: int,
) -> None:
    free, needed = shutil.disk_usage(folder).free, TIMES_THE_ROOM * megabytes * MEGABYTE
    assert free > needed, f"{folder} has {free / 10**9:.0f} GB free, and this takes {needed / 10**9:.0f} GB"
    hub = make_hub_to_copy(fresh_database, folder / "home", folder)
    fill(hub, megabytes)
    files_before = hashes_of(hub.settings)
    writer = Writer(hub, folder)
    at_the_moment: dict[str, tuple[int, str]] = {}

    @contextmanager
    def watched(owner_url: str) -> Iterator[Snapshot]:
        with snapshot_of(owner_url) as snapshot:
            [exported] = snapshot.connection.execute("SELECT pg_export_snapshot()").fetchone() or [""]
            at_the_moment.update(sums_at(fresh_database, exported))
            writer.wait_for_more()
            yield snapshot

    monkeypatch.setattr(create, "snapshot_of", watched)
    place = open_destination(str(folder / "backups"), {})
    with writer.at_work():
        made = hub.back_up(place)
    assert made.missing == ()
    assert made.manifest.file_bytes + made.manifest.table_bytes > 0.95 * megabytes * MEGABYTE
    files_after = hashes_of(hub.settings)
    shutil.rmtree(folder / "home")

    settings = settings_for(empty_database, folder / "other")
    storage = open_storage(settings)
    manifest = readable_backup(place, None, NO_KEYS)
    restore_files(manifest, place, NO_KEYS, storage)
    restore_database(manifest, place, NO_KEYS, owner_url=empty_database.owner_url, app_role=APP_ROLE)
    settle_files(storage)

    assert sums_now(empty_database) == at_the_moment
    files = hashes_of(settings)
    assert files_before.items() <= files.items() <= files_after.items()
    accepted = [row["delta_version"] for row in rows_of(empty_database, ACCEPTED, hub.dataset_id)]
    assert accepted == list(range(1, len(accepted) + 1))
    first_written, last_written = min(writer.rows_of_versions), max(writer.rows_of_versions)
    assert first_written <= accepted[-1] < last_written
    store = table_store(storage)
    for version in accepted[first_written - 1 :]:
        assert scan_version(store, hub.table, version).collect().height == writer.rows_of_versions[version]
    assert newest_version(store, hub.table) == accepted[-1]
