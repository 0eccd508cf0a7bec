"""Backups of a hub as its administrator makes them: by command, on schedule, and put back elsewhere."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from fixtures.commands import TRAINS_NOTHING, lyceum, told, up
from fixtures.hubs import HubProcess, StartHub, wait_until
from lyceum.backup.destination import open_destination
from lyceum.backup.keys import load_keys
from lyceum.backup.manifest import Manifest
from lyceum.backup.tables import digest_of, list_tables, set_up_session
from lyceum.hub import scheduled
from lyceum.hub.at_rest import hub_data
from lyceum.kernel import migrate
from lyceum.kernel.config import load_settings
from lyceum_client import Client
from make.walkthrough import learnable

ROWS = [{"age": age, "city": city, "spent": 12.5} for age, city in ((20, "Graz"), (60, "Linz"), (50, "Wels"))]


@contextmanager
def client_of_hub(hub: HubProcess, key: str) -> Iterator[Client]:
    with Client(hub.status()["url"], api_key=key) as client:
        yield client


def predictions_of(hub: HubProcess, key: str, model: str) -> object:
    with Client(f"http://127.0.0.1:{hub.status()['predict_port']}", api_key=key) as client:
        return client.models.predict(model, ROWS).predictions


@contextmanager
def writing(client: Client) -> Iterator[None]:
    """Make datasets, one after another, until the block ends."""
    ended = threading.Event()
    written = threading.Event()

    def write() -> None:
        number = 0
        while not ended.is_set():
            client.datasets.create(f"written-{number}")
            number += 1
            written.set()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert written.wait(60)
        yield
    finally:
        ended.set()
        thread.join()


def compare(home: Path, manifest: Manifest) -> None:
    """Compare every table and every file of a hub that does not run with what a backup says of them."""
    settings = load_settings(home=home)
    with (
        hub_data(settings) as data,
        psycopg.connect(migrate.libpq_url(data.owner_url), autocommit=True) as connection,
    ):
        set_up_session(connection)
        found = {table.name: digest_of(connection, table) for table in list_tables(connection)}
    assert found == {facts.name: (facts.row_count, facts.digest) for facts in manifest.tables}
    files = {
        path.relative_to(home / "files").as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (home / "files").rglob("*")
        if path.is_file()
    }
    assert files == {facts.key: facts.sha256 for facts in manifest.files}


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_a_hub_that_is_written_to_is_backed_up_and_comes_back_elsewhere_and_predicts_the_same(
    start_hub: StartHub, folder: Path, tmp_path: Path
) -> None:
    place, key_file = folder / "backups", folder / "key"
    recipient = folder / "recipient"
    # whoever writes without a pause must not have to wait for the next minute
    hub = up(start_hub, LYCEUM_USER_WRITES_PER_MINUTE="0")
    (hub.home / "lyceum.toml").write_text('log_level = "warning"\n')
    assert "Backup           none was ever made" in hub.output
    recipient.write_text(told("backup", "key", key_file, home=hub.home))
    learnable().write_csv(tmp_path / "shop.csv")
    key = told("admin", "key", home=hub.home).strip()
    with client_of_hub(hub, key) as client:
        shop = client.datasets.create("shop").address
        client.datasets.wait(client.datasets.upload(tmp_path / "shop.csv", shop))
        run = client.runs.start(shop, target="bought", time_limit_seconds=2)
        client.runs.wait(run.id)
        model = client.runs.register(run.id, "shop").model
        before = predictions_of(hub, key, model)
        with writing(client):
            made = told("backup", "create", "--to", place, "--key-file", recipient, home=hub.home)
    assert made.startswith("Backup 2")
    assert "not encrypted" not in made
    assert "backup: just now, 2" in told("status", home=hub.home)
    assert hub.interrupt() == 0

    manifest = open_destination(str(place), {}).manifest(
        open_destination(str(place), {}).backups()[-1], load_keys(key_file)
    )
    assert manifest.row_count > 0
    elsewhere = folder / "elsewhere"
    restore = ("backup", "restore", "--from", place, "--key-file", key_file)
    assert "--key-file" in lyceum("backup", "restore", "--from", place, home=elsewhere).stderr
    said = told(*restore, home=elsewhere)
    assert f"Restored {manifest.id}" in said
    assert "another secret key" not in said
    compare(elsewhere, manifest)
    assert (elsewhere / "lyceum.toml.from-backup").read_text() == 'log_level = "warning"\n'
    secret = [json.loads((home / "secrets.json").read_text())["secret_key"] for home in (hub.home, elsewhere)]
    assert secret[0] == secret[1]

    refused = lyceum(*restore, home=elsewhere)
    assert refused.returncode == 2
    assert "holds a hub's data already" in refused.stderr
    assert "What lay there before is in" in told(*restore, "--replace", home=elsewhere)
    [replaced] = elsewhere.glob("replaced-*")
    assert sorted(path.name for path in replaced.iterdir()) == [
        "files",
        "lyceum.toml.from-backup",
        "secrets.json",
        "servers",
    ]

    again = up(start_hub, elsewhere, **TRAINS_NOTHING)
    assert predictions_of(again, key, model) == before
    running = lyceum(*restore, "--replace", home=elsewhere)
    assert running.returncode == 2
    assert "already runs on the data" in running.stderr


@pytest.mark.deep
def test_a_backup_is_made_on_schedule_and_one_that_was_missed_is_made_up_for(start_hub: StartHub, folder: Path) -> None:
    place = folder / "scheduled"
    home = folder / "home"
    home.mkdir(mode=0o711)
    note = {"id": "20200101T000000.000Z", "made_at": "2020-01-01T00:00:00+00:00", "to": str(place), "encrypted": False}
    (home / "last-backup.json").write_text(json.dumps(note))
    hub = up(start_hub, home, LYCEUM_BACKUP_SCHEDULE="30 2 * * *", LYCEUM_BACKUP_TO=str(place))
    wait_until(lambda: hub.status()["last_backup"]["id"] > note["id"], said=lambda: hub.output)
    listed = told("backup", "list", home=home, LYCEUM_BACKUP_TO=str(place)).splitlines()
    assert len(listed) == 1
    assert hub.status()["last_backup"]["id"] in listed[0]
    assert hub.interrupt() == 0
    assert "was not made" not in hub.output


@pytest.mark.deep
def test_a_scheduled_backup_that_cannot_be_made_is_told(start_hub: StartHub, folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o711)
    note = {"id": "20200101T000000.000Z", "made_at": "2020-01-01T00:00:00+00:00", "to": "x", "encrypted": False}
    (home / "last-backup.json").write_text(json.dumps(note))
    key_file = folder / "none"
    scheduled_with = {"LYCEUM_BACKUP_SCHEDULE": "30 2 * * *", "LYCEUM_BACKUP_KEY_FILE": str(key_file)}
    hub = up(start_hub, home, **TRAINS_NOTHING, **scheduled_with)
    wait_until(lambda: "The scheduled backup was not made: The key file" in hub.output, said=lambda: hub.output)
    assert "The scheduled backup was not made" in (home / "logs" / "supervisor.log").read_text()
    assert hub.status()["ready"]


async def test_a_scheduled_backup_that_fails_as_nobody_foresaw_is_told_and_the_next_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scheduled, "due_at", lambda _, after: after)
    notices: list[str] = []
    tried_again = asyncio.Event()

    async def make() -> dict[str, object]:
        if not notices:
            raise TypeError("unforeseen")
        tried_again.set()
        return await asyncio.Future()

    keeping = asyncio.create_task(scheduled.keep_backups("* * * * *", tmp_path, make, notices.append))
    async with asyncio.timeout(60):
        await tried_again.wait()
    keeping.cancel()
    await asyncio.wait([keeping])
    assert notices == ["The scheduled backup was not made (TypeError); see supervisor.log."]
    assert "unforeseen" in caplog.text


@pytest.mark.parametrize(
    "name, value", [("BACKUP_SCHEDULE", "now and then"), ("BACKUP_TO", "backups"), ("BACKUP_TO", "ftp://x/y")]
)
def test_settings_of_backups_that_mean_nothing_are_refused(tmp_path: Path, name: str, value: str) -> None:
    done = lyceum("backup", "list", home=tmp_path, **{f"LYCEUM_{name}": value})
    assert done.returncode == 2
    assert f"LYCEUM_{name} is" in done.stderr


def test_a_backup_of_no_hub_is_refused(tmp_path: Path) -> None:
    done = lyceum("backup", "create", home=tmp_path / "none")
    assert done.returncode == 2
    assert "There is no hub in" in done.stderr
    assert list(tmp_path.iterdir()) == []
