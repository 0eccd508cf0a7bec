"""Data of older releases is brought to this one, after a backup; when that fails it is as it was."""

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from fixtures.app import rows_of
from fixtures.commands import TRAINS_NOTHING, lyceum, told, up
from fixtures.hubs import StartHub
from fixtures.servers import TestDatabase
from lyceum.backup.destination import open_destination
from lyceum.backup.keys import NO_KEYS
from lyceum.backup.verify import verify_backup
from lyceum.hub import upgrading
from lyceum.hub.at_rest import hub_at_rest, running_postgres
from lyceum.hub.credentials import load_credentials
from lyceum.hub.errors import HubFailed, HubRefused
from lyceum.hub.folders import prepare_folders, prepare_run_folder
from lyceum.hub.postgres import EmbeddedPostgres
from lyceum.hub.server_home import prepare_server_home
from lyceum.kernel import history, migrate
from lyceum.kernel.config import load_settings
from lyceum_client import Client
from make.accounts import make_member
from make.backups import HubToCopy, digests, files_of, make_hub_to_copy
from make.rows import fill_optional_columns, insert_row, previous_revision, tables_in_order

Row = dict[str, str | None]

OLD_POSTGRES = 16
FAILS_HALF_WAY = """
from alembic import op

revision = "9999"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE made_half_way (n integer)")
    op.execute("UPDATE users SET display_name = 'changed'")
    op.execute("DELETE FROM jobs")
    op.execute("SELECT 1 / (SELECT 0)")
"""

OPTIONAL_COLUMNS_KEPT_EMPTY_MAX = 5
TYPES = """
    SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""


@pytest.fixture
def hub(fresh_database: TestDatabase, tmp_path: Path) -> HubToCopy:
    return make_hub_to_copy(fresh_database, tmp_path / "home", tmp_path)


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations that this process uses from now on."""
    folder = tmp_path / "migrations"
    shutil.copytree(history.migrations_folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrate, "migrations_folder", lambda: folder)
    return folder


def test_a_migration_that_fails_half_way_leaves_the_data_as_it_was_beside_a_backup(
    hub: HubToCopy, migrations: Path, tmp_path: Path
) -> None:
    before = digests(hub.database)
    head = migrate.head_revision()
    (migrations / "versions" / "9999_fails.py").write_text(FAILS_HALF_WAY.format(head=head))
    with pytest.raises(HubFailed, match=r"the data is as it was, and the backup .* was made before: division by zero"):
        upgrading.upgrade_hub(hub.settings, NO_KEYS, to=str(tmp_path / "backups"))
    assert digests(hub.database) == before
    assert migrate.revision_of(hub.database.owner_url) == head
    verify_backup(open_destination(str(tmp_path / "backups"), {}), None, NO_KEYS)


def test_an_upgrade_makes_a_backup_first_and_with_nothing_to_do_none(
    hub: HubToCopy, migrations: Path, tmp_path: Path
) -> None:
    place = open_destination(str(tmp_path / "backups"), {})
    assert upgrading.upgrade_hub(hub.settings, NO_KEYS, to=place.name).backup_id is None
    assert place.backups() == []
    head = migrate.head_revision()
    works = FAILS_HALF_WAY.format(head=head).replace("1 / (SELECT 0)", "1").replace("DELETE FROM jobs", "SELECT 1")
    (migrations / "versions" / "9999_works.py").write_text(works)
    upgraded = upgrading.upgrade_hub(hub.settings, NO_KEYS, to=place.name)
    assert (upgraded.from_revision, upgraded.to_revision) == (head, "9999")
    assert [one.id for one in place.backups()] == [upgraded.backup_id]
    assert rows_of(hub.database, "SELECT DISTINCT display_name FROM users") == [{"display_name": "changed"}]
    assert verify_backup(place, None, NO_KEYS).revision == head


def test_data_of_a_later_release_is_refused_in_one_sentence(hub: HubToCopy, tmp_path: Path) -> None:
    rows_of(hub.database, "UPDATE alembic_version SET version_num = '9998'")
    with pytest.raises(HubRefused, match=r"written by a later release of Lyceum \(its history is at 9998\)"):
        upgrading.upgrade_hub(hub.settings, NO_KEYS, to=str(tmp_path / "backups"))
    assert not (tmp_path / "backups").exists()


@pytest.mark.deep
def test_neither_up_nor_upgrade_touches_data_of_a_later_release(start_hub: StartHub, folder: Path) -> None:
    hub = up(start_hub)
    running = lyceum("upgrade", home=hub.home)
    assert running.returncode == 2
    assert "already runs on the data" in running.stderr
    assert hub.interrupt() == 0
    assert "of this release already" in told("upgrade", home=hub.home)
    with (
        hub_at_rest(load_settings(home=hub.home)) as data,
        psycopg.connect(migrate.libpq_url(data.owner_url), autocommit=True) as connection,
    ):
        connection.execute("UPDATE alembic_version SET version_num = '9998'")
        connection.execute("COMMENT ON TABLE alembic_version IS NULL")
    for command in ("upgrade", "up"):
        done = lyceum(command, home=hub.home)
        assert done.returncode in {1, 2}
        assert "written by a later release of Lyceum" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def rows_as_texts(database: TestDatabase) -> dict[str, list[Row]]:
    """Return every row of every table, each column by its name and type."""
    with psycopg.connect(database.dsn("owner"), autocommit=True, row_factory=dict_row) as connection:
        return {
            table: connection.execute(_all_of(table, rows_of(database, TYPES, table))).fetchall()
            for table in tables_in_order(database)
        }


def _all_of(table: str, columns: list[dict[str, str]]) -> sql.Composed:
    texts = [
        sql.SQL("{}::text AS {}").format(*map(sql.Identifier, (column["name"], f"{column['name']} {column['type']}")))
        for column in columns
    ]
    return sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(texts), sql.Identifier(table))


def lost(before: list[Row], after: list[Row]) -> Counter[tuple[str | None, ...]]:
    """Return the rows of before that are not there after, by the columns that are in both."""
    columns = sorted(before[0].keys() & after[0].keys())
    then, now = (Counter(tuple(row[name] for name in columns) for row in rows) for rows in (before, after))
    return then - now


_POLICY = re.compile(r"^CREATE POLICY \w+ ON (?P<on>\w+)\b[^;]*;", re.MULTILINE)


@contextmanager
def home_of_the_release_before(home: Path) -> Iterator[TestDatabase]:
    """Yield the empty database of an embedded hub as the revision before this release's has it, with files beside."""
    folders = prepare_folders(home)
    credentials, _ = load_credentials(folders.secrets)
    with running_postgres(folders, credentials, logs=folders.logs) as postgres:
        url = postgres.owner_url()
        with migrate.owner_transaction(url) as connection:
            migrate.bring_to_revision(connection, previous_revision())
            raw = migrate.driver_connection(connection)
            # ours stand for those of the release before, which are not kept; what they name may not be there yet
            raw.execute("SET LOCAL check_function_bodies = off")
            tables = {row[0] for row in raw.execute("SELECT relname FROM pg_class").fetchall()}
            for name in migrate.FUNCTIONS_FILES:
                text = (history.migrations_folder() / name).read_text(encoding="utf-8")
                raw.execute(re.sub(_POLICY, lambda policy: policy[0] if policy["on"] in tables else "", text))
            raw.execute("INSERT INTO applied_functions (digest) VALUES ('of the release before')")
        yield TestDatabase(name="lyceum", app_url="", owner_url=url, admin_url=url)
    for number in range(3):
        file = home / "files" / "models" / str(number) / "model.onnx"
        file.parent.mkdir(parents=True)
        file.write_bytes(os.urandom(100_000 * number))


@pytest.mark.deep
@pytest.mark.timeout(200)
def test_a_home_of_the_release_before_is_upgraded_with_every_value_and_file_and_the_hub_serves(
    start_hub: StartHub, folder: Path
) -> None:
    home = folder / "home"
    with home_of_the_release_before(home) as old:
        kept_empty: list[str] = []
        tables = tables_in_order(old)
        for table in tables:
            insert_row(old, table, 1)
            kept_empty += fill_optional_columns(old, table, 1)
            insert_row(old, table, 2)
        before = rows_as_texts(old)
    # an upload, a run and so on need not look like themselves here, but hardly a column may be left out
    assert len(kept_empty) < OPTIONAL_COLUMNS_KEPT_EMPTY_MAX, kept_empty
    settings = load_settings(home=home)
    files = files_of(settings)

    said = told("upgrade", home=home)
    assert f"Upgraded from revision {previous_revision()} to {migrate.head_revision()}." in said

    with hub_at_rest(settings) as data:
        after = rows_as_texts(TestDatabase(name="lyceum", app_url="", owner_url=data.owner_url, admin_url=""))
    assert {table: lost(before[table], after[table]) for table in before.keys() & after.keys()} == {
        table: Counter() for table in before.keys() & after.keys()
    }
    assert files_of(settings) == files
    hub = up(start_hub, home, **TRAINS_NOTHING)
    key = lyceum("admin", "key", home=home).stdout.strip()
    with Client(hub.status()["url"], key) as client:
        client.datasets.create("after-the-upgrade")
        assert [each.name for each in client.datasets.list()] == ["after-the-upgrade"]
    assert hub.interrupt() == 0


def make_old_postgres(home: Path) -> None:
    """Make a hub's data with the PostgreSQL that the wheel brings along, as an earlier release would have."""
    folders = prepare_folders(home)
    prepare_run_folder(folders)
    credentials, _ = load_credentials(folders.secrets)
    server = EmbeddedPostgres(prepare_server_home(folders, major=OLD_POSTGRES), credentials)
    server.data.mkdir(mode=0o700)
    account = server.home.account
    shutil.chown(server.data, account.uid, account.gid)
    server._run_setup(("initdb", "-D", str(server.data), "-U", "lyceum_admin", "--encoding=UTF8", "--no-locale"))
    server._run_single_user(server.data, "postgres", server._passwords_sql("CREATE"))
    server._run_single_user(server.data, "lyceum", ["CREATE EXTENSION vector"])


@contextmanager
def old_postgres(home: Path) -> Iterator[TestDatabase]:
    """Yield the database of a hub that has the older server."""
    folders = prepare_folders(home)
    credentials, _ = load_credentials(folders.secrets)
    with running_postgres(folders, credentials, logs=folders.logs, major=OLD_POSTGRES) as old:
        url = old.owner_url()
        yield TestDatabase(name="lyceum", app_url=old.app_url(), owner_url=url, admin_url=url)


@pytest.mark.deep
@pytest.mark.timeout(200)
def test_a_copy_into_our_postgresql_that_fails_leaves_the_older_data_in_place_and_usable(
    folder: Path, tmp_path: Path
) -> None:
    home = folder / "home"
    make_old_postgres(home)
    with old_postgres(home) as database:
        migrate.upgrade(database.owner_url, app_role="lyceum_app")
        make_hub_to_copy(database, home, tmp_path)
        rows_of(database, "CREATE TABLE somebodys (n integer)")
        before = digests(database)
    files = files_of(load_settings(home=home))

    failed = lyceum("upgrade", home=home)
    assert failed.returncode == 1, failed.stderr
    assert "other tables than were copied (somebodys)" in failed.stderr
    assert len(failed.stderr.strip().splitlines()) == 1

    assert [path.name for path in (home / "servers").glob("postgres-*")] == [f"postgres-{OLD_POSTGRES}"]
    assert list(home.glob("arriving")) + list(home.glob("replaced-*")) == []
    assert files_of(load_settings(home=home)) == files
    with old_postgres(home) as database:
        assert digests(database) == before
        rows_of(database, "DROP TABLE somebodys")
    assert f"PostgreSQL {OLD_POSTGRES} before" in told("upgrade", home=home)
    with hub_at_rest(load_settings(home=home)) as data:
        now = TestDatabase(name="lyceum", app_url="", owner_url=data.owner_url, admin_url="")
        assert digests(now) == {name: digest for name, digest in before.items() if name != "somebodys"}


@pytest.mark.deep
@pytest.mark.timeout(200)
def test_data_of_an_older_postgresql_is_copied_into_ours(start_hub: StartHub, folder: Path, tmp_path: Path) -> None:
    home = folder / "home"
    make_old_postgres(home)
    with old_postgres(home) as database:
        migrate.upgrade(database.owner_url, app_role="lyceum_app")
        make_member(database)
        make_hub_to_copy(database, home, tmp_path)
        before = digests(database)
        [version] = rows_of(database, "SHOW server_version")
        assert version["server_version"].startswith(f"{OLD_POSTGRES}.")

    refused = lyceum("up", home=home)
    assert refused.returncode == 2
    assert "is of PostgreSQL 16, and this release brings 18: run `lyceum upgrade`" in refused.stderr

    said = told("upgrade", home=home)
    assert "PostgreSQL 16 before" in said
    [replaced] = home.glob("replaced-*")
    assert (replaced / "servers" / "postgres-16" / "PG_VERSION").exists()
    with hub_at_rest(load_settings(home=home)) as data:
        now = TestDatabase(name="lyceum", app_url="", owner_url=data.owner_url, admin_url="")
        assert digests(now) == before
        assert rows_of(now, "SHOW server_version")[0]["server_version"].startswith("18.")
    assert up(start_hub, home).interrupt() == 0
