"""A hub's database and files go to other places and back, with nothing lost on the way."""

import tomllib
from pathlib import Path

import obstore
import pytest

from fixtures.app import rows_of
from fixtures.commands import lyceum, told, up
from fixtures.hubs import StartHub
from fixtures.s3 import S3Place
from fixtures.servers import TestDatabase
from lyceum.hub.at_rest import hub_at_rest
from lyceum.hub.errors import HubFailed
from lyceum.hub.moving import changed_settings
from lyceum.kernel.config import Settings, load_settings
from lyceum.kernel.storage import open_storage
from make.backups import digests, files_of, make_hub_to_copy


def as_json(options: dict[str, str]) -> str:
    import json

    return json.dumps(options)


def embedded(settings: Settings) -> dict[str, tuple[int, str]]:
    """Return the digests of a stopped hub's own database."""
    with hub_at_rest(settings) as data:
        return digests(TestDatabase(name="lyceum", app_url="", owner_url=data.owner_url, admin_url=""))


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_a_hub_moves_out_and_back(
    start_hub: StartHub, empty_database: TestDatabase, s3_place: S3Place, folder: Path, tmp_path: Path
) -> None:
    home = folder / "home"
    assert up(start_hub, home).interrupt() == 0
    settings = load_settings(home=home)
    with hub_at_rest(settings) as data:
        url = data.owner_url
        make_hub_to_copy(TestDatabase(name="lyceum", app_url=url, owner_url=url, admin_url=url), home, tmp_path)
    before, files = embedded(settings), files_of(settings)
    (home / "lyceum.toml").write_text('# ours\nlog_level = "warning"\n')

    out = (
        *("move", "--database", empty_database.app_url, "--database-owner", empty_database.owner_url),
        *("--storage", s3_place.url, "--storage-options", as_json(s3_place.options)),
    )
    # half of what an earlier try brought there
    store = open_storage(load_settings(home=home, storage_url=s3_place.url, storage_options=s3_place.options)).store
    first, second = sorted(files)[:2]
    obstore.put(store, first, (home / "files" / first).read_bytes())
    obstore.put(store, second, b"half")
    said = told(*out, home=home)
    assert "with the digests they had" in said
    assert "with the hashes they had" in said
    text = (home / "lyceum.toml").read_text()
    assert text.endswith('# ours\nlog_level = "warning"\n')
    assert (home / "lyceum.toml").stat().st_mode & 0o077 == 0
    assert tomllib.loads(text)["storage_url"] == s3_place.url
    moved = load_settings(home=home)
    assert digests(empty_database) == before
    assert files_of(moved) == files
    assert files_of(settings) == files
    assert embedded(settings) == before
    again = lyceum(*out, home=home)
    assert again.returncode == 2
    assert "there already" in again.stderr
    hub = up(start_hub, home)
    assert (hub.status()["database"], hub.interrupt()) == ("external", 0)

    (home / "servers" / "postgres-18").rename(home / "servers" / "before")
    outside = digests(empty_database)
    back = told("move", "--database", "embedded", home=home)
    assert "The database is moved" in back
    assert embedded(load_settings(home=home)) == outside
    assert digests(empty_database) == outside
    assert tomllib.loads((home / "lyceum.toml").read_text()).keys() == {"storage_url", "storage_options", "log_level"}


@pytest.mark.deep
def test_a_move_to_where_something_else_is_is_refused_and_changes_nothing(
    fresh_database: TestDatabase, empty_database: TestDatabase, s3_place: S3Place, tmp_path: Path
) -> None:
    hub = make_hub_to_copy(fresh_database, tmp_path / "home", tmp_path)
    here = {"LYCEUM_DATABASE_URL": fresh_database.app_url, "LYCEUM_DATABASE_OWNER_URL": fresh_database.owner_url}
    options = as_json(s3_place.options)
    obstore.put(
        open_storage(load_settings(storage_url=s3_place.url, storage_options=s3_place.options)).store, "other", b"x"
    )
    rows_of(empty_database, "CREATE TABLE somebodys (n integer)")
    to_database = ("--database", empty_database.app_url, "--database-owner", empty_database.owner_url)
    for where, said in (
        (to_database, "holds other tables or rows already"),
        (("--storage", s3_place.url, "--storage-options", options), "holds other files already"),
        ((), "Say what to move"),
        (("--database", empty_database.app_url), "--database-owner"),
        (("--storage", "ftp://x"), "must start with s3://"),
    ):
        done = lyceum("move", *where, home=hub.settings.home, **here)
        assert done.returncode == 2, done.stdout
        assert said in done.stderr
    assert not (hub.settings.home / "lyceum.toml").exists()


def test_the_settings_file_keeps_what_was_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "lyceum.toml"
    file.write_text('# first\nport = 9000\nstorage_url = "s3://old"\n\n[storage_options]\naws_region = "x"\n')
    text = changed_settings(file, {"storage_url": "s3://new", "storage_options": {"aws_region": 'a"b'}})
    assert tomllib.loads(text) == {"port": 9000, "storage_url": "s3://new", "storage_options": {"aws_region": 'a"b'}}
    assert "# first\nport = 9000\n" in text
    text = changed_settings(file, {"storage_url": None, "storage_options": None})
    assert tomllib.loads(text) == {"port": 9000}
    file.write_text('storage_options = {aws_region = "x"}\nstorage_url = """s3://a\nb"""\n')
    with pytest.raises(HubFailed, match="over several lines"):
        changed_settings(file, {"storage_url": "s3://new"})
