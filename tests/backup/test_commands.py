"""`lyceum backup` as it is typed, against a bucket: what it prints and how it exits."""

import json
import subprocess
import sys
from pathlib import Path

import obstore
import pytest

from fixtures.app import environment_of
from fixtures.s3 import S3Place
from fixtures.servers import TestDatabase
from lyceum.backup.destination import open_destination
from lyceum.kernel.config import Settings
from make.backups import HubToCopy, last_note, make_hub_to_copy


def backup(settings: Settings, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        (sys.executable, "-m", "lyceum.cli", "backup", *map(str, arguments)),
        env=environment_of(settings),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.deep
def test_from_a_key_to_a_pruned_bucket(fresh_database: TestDatabase, s3_place: S3Place, tmp_path: Path) -> None:
    place = {"backup_to": s3_place.url, "backup_options": s3_place.options}
    hub: HubToCopy = make_hub_to_copy(fresh_database, tmp_path / "home", tmp_path, **place)
    key_file, recipient = tmp_path / "key", tmp_path / "recipient"
    made = backup(hub.settings, "key", key_file)
    recipient.write_text(made.stdout)
    assert made.stdout.startswith("age1")

    first = backup(hub.settings, "create", "--key-file", recipient)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("Backup 2")
    assert f" in {s3_place.url}: " in first.stdout
    assert "not encrypted" not in first.stdout
    second = json.loads(backup(hub.settings, "create", "--key-file", recipient, "--json").stdout)
    assert second["objects_written"] == 0
    assert last_note(hub.settings.home)["id"] == second["id"]

    listed = backup(hub.settings, "list").stdout.splitlines()
    assert len(listed) == 2
    assert all("sizes take the key, encrypted" in line for line in listed)
    assert f"{second['rows']:,} rows" in backup(hub.settings, "list", "--key-file", key_file).stdout
    refused = backup(hub.settings, "verify")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert "AGE-SECRET-KEY" in refused.stderr
    assert "every hash as it was" in backup(hub.settings, "verify", "--key-file", key_file).stdout

    pruned = backup(hub.settings, "prune", "--keep", "1")
    assert pruned.stdout.startswith("1 kept, 1 removed, with 0 objects")
    destination = open_destination(s3_place.url, s3_place.options)
    [name, *_] = destination.object_sizes()
    destination.put_object(name, b"something else")
    damaged = backup(hub.settings, "verify", "--key-file", key_file)
    assert damaged.returncode == 1
    assert damaged.stderr.startswith(f"The object {name} in {s3_place.url} is damaged")
    assert len(damaged.stderr.splitlines()) == 1
    obstore.delete(destination.store, destination.backups()[0].manifest_name)
    assert backup(hub.settings, "list").stdout == f"No backups in {s3_place.url}.\n"


def test_a_bucket_that_cannot_be_reached_is_told_in_one_sentence(hub: HubToCopy, s3_place: S3Place) -> None:
    wrong = s3_place.options | {"aws_secret_access_key": "another"}
    settings = Settings(
        **hub.settings.model_dump(exclude_unset=True) | {"backup_to": s3_place.url, "backup_options": wrong}
    )
    done = backup(settings, "create")
    assert done.returncode == 2
    assert done.stderr.startswith(f"Backups cannot be kept in {s3_place.url}: ")
    assert len(done.stderr.splitlines()) == 1
