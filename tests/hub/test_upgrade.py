"""Data of older releases is brought to this one, after a backup; when that fails it is as it was."""

import shutil
from pathlib import Path

import psycopg
import pytest

from fixtures.app import rows_of
from fixtures.commands import lyceum, told, up
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
from make.accounts import make_member
from make.backups import HubToCopy, digests, make_hub_to_copy

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


@pytest.mark.deep
@pytest.mark.timeout(200)
def test_data_of_an_older_postgresql_is_copied_into_ours(start_hub: StartHub, folder: Path, tmp_path: Path) -> None:
    home = folder / "home"
    make_old_postgres(home)
    folders = prepare_folders(home)
    credentials, _ = load_credentials(folders.secrets)
    with running_postgres(folders, credentials, logs=folders.logs, major=OLD_POSTGRES) as old:
        migrate.upgrade(old.owner_url(), app_role="lyceum_app")
        url = old.owner_url()
        database = TestDatabase(name="lyceum", app_url=old.app_url(), owner_url=url, admin_url=url)
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
