"""A hub as `lyceum up` runs it, whose parts are killed at random moments: it heals, and has all that it acknowledged."""

import csv
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import pytest

from fixtures.app import free_port
from fixtures.commands import up
from fixtures.hubs import HubProcess, StartHub, folder, start_hub, wait_until
from lyceum.hub.control import ask_hub
from lyceum.hub.errors import HubFailed, HubNotRunning
from lyceum_client import Client, DatasetVersion, LyceumError, VersionRejected

__all__ = ["folder", "start_hub"]

HEAL_SECONDS_MAX = 60.0
STRIKES = 120
ROWS = 200
DATASETS = 3
VERSION_SHARE = 0.2
UNREAD_MAX = 4
PAUSE_SECONDS = 0.02


@dataclass(slots=True)
class Hub:
    """A hub that may be started again on the same data and ports; `running` is the last that was."""

    start_hub: StartHub
    ports: tuple[int, int]
    running: HubProcess

    @classmethod
    def started(cls, start_hub: StartHub) -> "Hub":
        ports = (free_port(), free_port())
        return cls(start_hub, ports, _up(start_hub, ports))

    def kill_part(self, name: str) -> None:
        wait_until(lambda: self.running.child(name)["pid"] is not None, said=lambda: self.running.output)
        os.kill(self.running.child(name)["pid"], signal.SIGKILL)

    def kill_supervisor(self) -> None:
        self.running.kill()
        self.running = _up(self.start_hub, self.ports)


def _up(start_hub: StartHub, ports: tuple[int, int]) -> HubProcess:
    api, predict = map(str, ports)
    return up(start_hub, LYCEUM_PORT=api, LYCEUM_PREDICT_PORT=predict, LYCEUM_JOB_LEASE_SECONDS="3")


@dataclass(slots=True)
class Load:
    """Somebody who works at the hub: keys are made and tables sent, and what was acknowledged is remembered."""

    client: Client
    organisation: str
    table: Path
    keys: list[str] = field(default_factory=list)
    versions: list[DatasetVersion] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    done: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        while not self.done.wait(PAUSE_SECONDS):
            try:
                # no more than can be read between two strikes
                if random.random() < VERSION_SHARE and len(self.versions) - len(self.read) < UNREAD_MAX:
                    address = f"{self.organisation}/storm-{random.randrange(DATASETS)}"
                    self.versions.append(self.client.datasets.upload(self.table, address))
                else:
                    self.keys.append(self.client.keys.create("storm").id)
            except (LyceumError, httpx.HTTPError):
                continue


FAULTS: tuple[Callable[[Hub], None], ...] = (
    Hub.kill_supervisor,
    *(partial(Hub.kill_part, name=name) for name in ("api", "predict", "worker", "valkey", "postgres")),
)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_hub_outlives_whatever_of_it_is_killed(start_hub: StartHub, tmp_path: Path) -> None:
    hub = Hub.started(start_hub)
    client = Client(f"http://127.0.0.1:{hub.ports[0]}", ask_hub(hub.running.home, "admin-key")["key"])
    organisation = client.me().organisation
    for number in range(DATASETS):
        client.datasets.create(f"storm-{number}")
    load = Load(client, organisation, _table(tmp_path / "storm.csv"))
    working = threading.Thread(target=load.work)
    working.start()
    try:
        wait_until(lambda: len(load.versions) > 1, said=lambda: hub.running.output)
        for strike in random.sample(FAULTS * (STRIKES // len(FAULTS)), STRIKES):
            time.sleep(random.uniform(0.0, 1.5))
            before = list(load.versions)
            strike(hub)
            _wait_until_healed(hub, load, before)
    finally:
        load.done.set()
        working.join()
    _wait_until_healed(hub, load, load.versions)
    assert set(load.keys) <= {key.id for key in client.keys.list()}
    assert [job.error for job in client.jobs.list(states=("dead",))] == []
    client.close()


def _table(path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("number", "colour"))
        writer.writerows((number, random.choice(("red", "green"))) for number in range(ROWS))
    return path


def _wait_until_healed(hub: Hub, load: Load, versions: Sequence[DatasetVersion]) -> None:
    """Return when every part serves and what was sent before has been read; fails after a minute."""
    wait_until(lambda: _is_ready(hub.running), said=lambda: hub.running.output)
    for version in versions:
        if version.id not in load.read:
            assert _read(load.client, version).row_count == ROWS
            load.read.add(version.id)


def _is_ready(running: HubProcess) -> bool:
    try:
        return bool(running.status()["ready"])
    except (HubFailed, HubNotRunning):
        return False


def _read(client: Client, version: DatasetVersion) -> DatasetVersion:
    deadline = time.monotonic() + HEAL_SECONDS_MAX
    while True:
        try:
            return client.datasets.wait(version, timeout_seconds=HEAL_SECONDS_MAX)
        except VersionRejected:
            raise
        except (LyceumError, httpx.HTTPError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
