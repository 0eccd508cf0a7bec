"""The commands of the pages for whoever runs a hub, each typed as it is written there."""

import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import numpy as np
import pytest

from fixtures.commands import lyceum, up
from fixtures.disks import disk_at
from fixtures.hubs import HubProcess, StartHub, folder, hub_starter, short_folder, start_hub, wait_until
from fixtures.servers import REPOSITORY
from lyceum_client import Client
from lyceum_client.answers import Run
from make.walkthrough import learnable

__all__ = ["folder", "start_hub"]

OPERATIONS = REPOSITORY / "docs" / "operations"
KEPT_MEGABYTES = 100
MEGABYTE = 1024**2
_FENCE = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OPTIONAL = re.compile(r"\[[^]]*\]")
_REMARK = re.compile(r"\s{2,}.*")


def commands(page: str, heading: str, places: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield the lines a section has one type, without what is optional and without remarks, at places of our own."""
    text = (OPERATIONS / page).read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for fence in _FENCE.findall(section) for line in fence.splitlines()]
    assert lines, f"{page} has no commands under {heading!r}"
    for line in lines:
        typed = _REMARK.sub("", _OPTIONAL.sub("", line)).strip()
        for written, ours in places.items():
            typed = typed.replace(written, ours)
        yield shlex.split(typed)


def typed(words: list[str], *, home: Path) -> str:
    """Type a command line, which has to succeed, and return what it prints."""
    if words[0] != "lyceum":
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout
    ran = lyceum(*words[1:], home=home)
    assert ran.returncode == 0, f"{shlex.join(words)}: {ran.stdout}{ran.stderr}"
    return ran.stdout


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_the_runbooks_work_as_they_are_written(start_hub: StartHub, tmp_path: Path) -> None:
    hub = up(start_hub)
    places = {"$LYCEUM_HOME": str(hub.home)}
    key = lyceum("admin", "key", home=hub.home).stdout.strip()
    with Client(hub.status()["url"], key) as client:
        client.datasets.create("kept")
    typed(["lyceum", "backup", "create"], home=hub.home)

    postgres = hub.child("postgres")["pid"]
    os.kill(postgres, signal.SIGKILL)
    status, _, said = (typed(words, home=hub.home) for words in commands("runbooks.md", "The database is down", places))
    assert re.search(r"PostgreSQL \S+ +(restarting|starting|ready|running)", status)
    assert said
    wait_until(lambda: bool(hub.status()["ready"]), said=lambda: hub.output)

    with Client(hub.status()["url"], key) as client:
        client.datasets.create("lost-by-the-restore")
    assert hub.interrupt() == 0
    *put_back, start = commands("runbooks.md", "Restore", {})
    for words in put_back:
        typed(words, home=hub.home)
    assert start == ["lyceum", "up"]
    again = up(start_hub, hub.home)
    with Client(again.status()["url"], key) as client:
        assert [each.name for each in client.datasets.list()] == ["kept"]


@pytest.fixture
def start_hub_on_a_disk() -> Iterator[StartHub]:
    """Start hubs on a disk of their own, of little more than a gigabyte."""
    with short_folder() as place, disk_at(place, megabytes=1200), hub_starter(place) as start:
        yield start


def kept_in_a_backup(asks: httpx.Client, hub: HubProcess) -> str:
    """Have the hub keep what cannot be packed and make a backup of it; return the upload's address."""
    upload = asks.post("/api/v1/uploads", json={"file_name": "t.csv"}).json()
    content = os.urandom(KEPT_MEGABYTES * MEGABYTE)
    assert asks.put(upload["put_url"], content=content).status_code == 200
    typed(["lyceum", "backup", "create"], home=hub.home)
    return f"/api/v1/uploads/{upload['id']}"


@pytest.mark.deep
@pytest.mark.timeout(400)
def test_a_full_disk_is_cured_as_it_is_written(start_hub_on_a_disk: StartHub) -> None:
    hub = up(start_hub_on_a_disk)
    key = lyceum("admin", "key", home=hub.home).stdout.strip()
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=hub.status()["url"], headers=headers, timeout=60, verify=False, trust_env=False) as asks:
        for _ in range(3):
            assert asks.delete(kept_in_a_backup(asks, hub)).status_code == 204
        kept_in_a_backup(asks, hub)
        disk = hub.status()["disk"]
        with (hub.home.parent / "of somebody else").open("wb") as file:
            in_the_way = disk["free_bytes"] - disk["free_bytes_min"] + KEPT_MEGABYTES * MEGABYTE // 3
            os.posix_fallocate(file.fileno(), 0, in_the_way)
        wait_until(lambda: asks.get("/health/ready").json() == {"status": "degraded"})
        assert asks.post("/api/v1/uploads", json={"file_name": "t.csv"}).status_code == 507

        places = {"ORG": "main"}
        stored, _, pruned = (
            typed(words, home=hub.home) for words in commands("runbooks.md", "The disk is full", places)
        )
        assert re.search(rf"main .*{KEPT_MEGABYTES // 10}", stored), stored
        assert pruned
        wait_until(lambda: asks.get("/health/ready").json() == {"status": "ready"})
        assert asks.post("/api/v1/uploads", json={"file_name": "t.csv"}).status_code == 201
        assert "10.0 GiB" in typed(["lyceum", "storage"], home=hub.home)


def started_training(client: Client, folder: Path, name: str, *, rows: int, seconds: int) -> Run:
    dataset = client.datasets.create(name).address
    # what says nothing makes a large table slow to learn
    noise = {f"noise_{number}": np.random.default_rng(number).random(rows).round(3) for number in range(100)}
    learnable(rows).with_columns(**noise).write_csv(folder / f"{name}.csv")
    client.datasets.wait(client.datasets.upload(folder / f"{name}.csv", dataset))
    return client.runs.start(dataset, target="bought", time_limit_seconds=seconds)


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_a_queue_that_one_job_holds_up_is_set_free_as_it_is_written(start_hub: StartHub, tmp_path: Path) -> None:
    hub = up(start_hub, LYCEUM_WORKER_HEAVY_SLOTS="1", LYCEUM_WORKER_PROCESSES="1")
    key = lyceum("admin", "key", home=hub.home).stdout.strip()
    with Client(hub.status()["url"], key) as client:
        holding = started_training(client, tmp_path, "holding", rows=100_000, seconds=3600)
        wait_until(lambda: client.runs.get(holding.id).state == "running")
        waiting = started_training(client, tmp_path, "waiting", rows=240, seconds=2)

        *looks, cancel = commands("runbooks.md", "The queue stands still", {})
        status, running, ready, dead = (typed(words, home=hub.home) for words in looks)
        assert re.search(r"Worker +ready", status), status
        [held] = re.findall(r"^(\S+) +running +train\.fit_model", running, re.MULTILINE)
        assert re.search(r"^\S+ +ready +train\.fit_model", ready, re.MULTILINE), ready
        assert dead == "No jobs.\n"
        assert client.runs.get(waiting.id).state == "queued"
        assert held == holding.job_id
        typed([held if word == "ID" else word for word in cancel], home=hub.home)
        assert client.runs.wait(waiting.id).state == "finished"
        assert client.runs.get(holding.id).state == "cancelled"


@pytest.mark.deep
@pytest.mark.timeout(300)
def test_the_page_on_backups_works_as_it_is_written(start_hub: StartHub, tmp_path: Path) -> None:
    hub = up(start_hub)
    key = lyceum("admin", "key", home=hub.home).stdout.strip()
    with Client(hub.status()["url"], key) as client:
        client.datasets.create("kept")
    recipient, key_file = tmp_path / "recipient", tmp_path / "hub.age-key"
    places = {
        "/mnt/safe/hub": str(tmp_path / "safe"),
        "s3://bucket/hub": str(tmp_path / "bucket"),
        "/root-only/hub.age-key": str(key_file),
        "--key-file recipient": f"--key-file {recipient}",
        "--key-file key": f"--key-file {key_file}",
        "/tmp/drill": str(tmp_path / "drill"),
    }
    plain = [words for words in commands("backup.md", "Making one", places) if str(tmp_path / "bucket") not in words]
    for words in plain:
        typed(words, home=hub.home)

    make_key, _, *encrypted = commands("backup.md", "Encrypted", places)
    recipient.write_text(typed(make_key, home=hub.home).split()[-1], encoding="utf-8")
    for words in encrypted:
        typed(words, home=hub.home)

    verify, restore, start, away = commands("backup.md", "The drill", places)
    typed(verify, home=hub.home)
    home = Path(restore.pop(0).partition("=")[2])
    typed(restore, home=home)
    assert start[-2:] == ["lyceum", "up"]
    drilled = up(start_hub, home)
    with Client(drilled.status()["url"], key) as client:
        assert [each.name for each in client.datasets.list()] == ["kept"]
    typed(away[1:], home=home)
    assert drilled.process.wait(60) == 0
