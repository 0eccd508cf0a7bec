"""A hub as `lyceum up` runs it, whose parts are killed at random moments: it heals, and has all that it acknowledged."""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from websockets.sync.client import ClientConnection, connect

from fixtures.app import free_port
from fixtures.commands import up
from fixtures.hub_load import HubLoad, load_of_hub, nothing_is_lost
from fixtures.hubs import HubProcess, StartHub, folder, start_hub, wait_until
from lyceum.hub.control import ask_hub
from lyceum.hub.credentials import load_credentials
from lyceum.hub.folders import folders_of
from lyceum.live.public import SOCKET_PATH
from lyceum_client import Client

__all__ = ["folder", "start_hub"]

TIMES_EACH = 20
HEARD_SECONDS_MAX = 20.0
PAUSE_SECONDS = 0.1


@dataclass(slots=True)
class Hub:
    """A hub that may be started again on the same data and ports; `running` is the last that was."""

    start_hub: StartHub
    ports: tuple[int, int]
    running: HubProcess
    key: str

    @classmethod
    def started(cls, start_hub: StartHub) -> "Hub":
        ports = (free_port(), free_port())
        running = _up(start_hub, ports)
        return cls(start_hub, ports, running, ask_hub(running.home, "admin-key")["key"])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    def kill_part(self, _load: HubLoad, *, name: str) -> None:
        wait_until(lambda: self.running.child(name)["pid"] is not None, said=lambda: self.running.output)
        pid = self.running.child(name)["pid"]
        os.kill(pid, signal.SIGKILL)
        # else it might be taken for healed before the supervisor has noticed
        wait_until(lambda: self.running.child(name)["pid"] != pid, said=lambda: self.running.output)

    def kill_supervisor(self, _load: HubLoad) -> None:
        self.running.kill()
        self.running = _up(self.start_hub, self.ports)

    def flush_valkey(self, load: HubLoad) -> None:
        """Empty Valkey under a hub that goes on: requests are answered and counted, an open socket hears what is new."""
        key = {"authorization": f"Bearer {self.key}"}
        with (
            redis.Redis.from_url(self._valkey_url()) as valkey,
            httpx.Client(base_url=self.url, headers=key, verify=False, trust_env=False) as asking,
            self._socket(asking) as line,
        ):
            _hear(line, "welcome")
            _follow_jobs(line)
            valkey.flushall()
            # what was counted before is gone, so that none of it is given back meanwhile
            left = [_reads_left(asking) for _ in range(3)]
            assert left == sorted(set(left), reverse=True)
            load.send_table()
            _hear(line, "news")

    def _socket(self, asking: httpx.Client) -> ClientConnection:
        """Open a socket once the API answers whatever was killed before."""
        wait_until(lambda: asking.get("/api/v1/me").status_code == 200, said=lambda: self.running.output)
        address = f"{self.url.replace('http', 'ws', 1)}{SOCKET_PATH}"
        return connect(address, additional_headers={"authorization": f"Bearer {self.key}"}, proxy=None)

    def _valkey_url(self) -> str:
        folders = folders_of(self.running.home)
        password = load_credentials(folders.secrets)[0].valkey_password
        return f"unix://{folders.sockets / 'valkey.sock'}?password={password}"


FAULTS: tuple[Callable[[Hub, HubLoad], None], ...] = (
    Hub.kill_supervisor,
    Hub.flush_valkey,
    *(partial(Hub.kill_part, name=name) for name in ("api", "predict", "worker", "valkey", "postgres")),
)


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(1, marks=[pytest.mark.deep, pytest.mark.timeout(600)]),
        pytest.param(TIMES_EACH, marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
def test_a_hub_outlives_whatever_of_it_is_killed(start_hub: StartHub, tmp_path: Path, times: int) -> None:
    hub = Hub.started(start_hub)
    with Client(hub.url, hub.key) as client:
        with load_of_hub(hub.running, client, tmp_path / "storm.csv") as load:
            for strike in random.sample(FAULTS * times, len(FAULTS) * times):
                time.sleep(random.uniform(0.0, 1.5))
                before = list(load.versions)
                strike(hub, load)
                load.wait_until_healed(hub.running, before)
        nothing_is_lost(load, hub.running)


def _up(start_hub: StartHub, ports: tuple[int, int]) -> HubProcess:
    api, predict = map(str, ports)
    return up(start_hub, LYCEUM_PORT=api, LYCEUM_PREDICT_PORT=predict, LYCEUM_JOB_LEASE_SECONDS="3")


def _follow_jobs(line: ClientConnection) -> None:
    """Follow the news of jobs; right after Valkey was away that is refused for a moment."""
    deadline = time.monotonic() + HEARD_SECONDS_MAX
    line.send(json.dumps({"type": "follow", "topic": "jobs"}))
    while (heard := _hear(line, "following", "refused"))["type"] == "refused":
        assert heard["code"] == "late", heard
        assert time.monotonic() < deadline, heard
        time.sleep(PAUSE_SECONDS)
        line.send(json.dumps({"type": "follow", "topic": "jobs"}))


def _hear(line: ClientConnection, *kinds: str) -> dict[str, Any]:
    """Return the next message of one of these kinds, past all others; fails when none comes."""
    deadline = time.monotonic() + HEARD_SECONDS_MAX
    while True:
        heard: dict[str, Any] = json.loads(line.recv(max(deadline - time.monotonic(), 0.0)))
        if heard["type"] in kinds:
            return heard


def _reads_left(asking: httpx.Client) -> int:
    answer = asking.get("/api/v1/me")
    assert answer.status_code == 200, answer.text
    return int(answer.headers["ratelimit-remaining"])
