"""Ports, logs, memory settings and the lock: the small decisions of a start."""

import errno
import fcntl
import json
import re
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import create_autospec

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from lyceum.hub import administrator
from lyceum.hub.errors import HubRefused
from lyceum.hub.folders import HubFolders
from lyceum.hub.forks import ForkServer
from lyceum.hub.lock import LOCK_FILE, hub_lock, lock_holder
from lyceum.hub.logs import rotate_logs
from lyceum.hub.parts import HubParts, gather_parts, programs
from lyceum.hub.ports import is_free, listen_near
from lyceum.hub.supervisor import Audience, Supervisor
from lyceum.hub.tuning import MEBIBYTE, Machine, postgres_settings
from lyceum.kernel.config import load_settings
from lyceum.kernel.jobs.heavy import CANCEL_GRACE_SECONDS
from lyceum.kernel.stopping import (
    CHILD_END_SECONDS_MAX,
    LAST_WAKE_SECONDS_MAX,
    SERVING_DRAIN_SECONDS,
    WORKER_CLOSE_SECONDS_MAX,
    WORKER_DRAIN_SECONDS,
    WORKER_END_SECONDS_MAX,
)
from lyceum.serve.predictions.log import LAST_FLUSH_SECONDS_MAX

GIBIBYTE = 1024 * MEBIBYTE
memory = st.integers(min_value=128 * MEBIBYTE, max_value=4096 * GIBIBYTE)


@given(bytes_=memory, cpus=st.integers(1, 512), shm=st.integers(0, 64 * GIBIBYTE))
def test_postgresql_takes_a_part_of_the_memory_on_every_machine(bytes_: int, cpus: int, shm: int) -> None:
    settings = postgres_settings(Machine(memory_bytes=bytes_, cpus=cpus, shm_bytes=shm), server_uid=65534, durable=True)
    shared = int(settings["shared_buffers"].removesuffix("MB"))
    assert 64 <= shared <= 2048
    assert shared * MEBIBYTE <= max(bytes_ // 8, 64 * MEBIBYTE)
    assert "fsync" not in settings
    if shm < 256 * MEBIBYTE:
        assert settings["dynamic_shared_memory_type"] == "mmap"


def test_a_taken_port_gives_the_next_free_one_and_holds_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not is_free("127.0.0.1", port)
        with listen_near("127.0.0.1", port) as second, listen_near("127.0.0.1", port) as third:
            given_ports = {listening.getsockname()[1] for listening in (taken, second, third)}
            assert len(given_ports) == 3
            assert not any(is_free("127.0.0.1", given_port) for given_port in given_ports)
    with listen_near("127.0.0.1", port) as again:
        assert again.getsockname()[1] == port


def test_an_address_of_another_machine_is_refused_with_what_to_set() -> None:
    assert not is_free("192.0.2.1", 8000)
    with pytest.raises(HubRefused, match=r"LYCEUM_HOST=192\.0\.2\.1 is no address of this machine: use 127\.0\.0\.1"):
        listen_near("192.0.2.1", 8000)


def test_a_host_nobody_knows_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def look_up(host: str, *_: object, **__: object) -> None:
        asked.append(host)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(HubRefused, match=r"LYCEUM_HOST=hub\.invalid is no address of this machine"):
        listen_near("hub.invalid", 8000)
    assert asked == ["hub.invalid"]


@pytest.mark.parametrize("host", ["localhost", "::1", "::", "0.0.0.0"])
def test_names_and_addresses_of_both_families_are_listened_on(host: str) -> None:
    if ":" in host and not is_free("::1", 0):
        pytest.skip("this machine has no IPv6")
    with listen_near(host, 0) as listening, listen_near(host, listening.getsockname()[1]) as second:
        assert listening.getsockname()[1] != second.getsockname()[1]
        socket.create_connection(listening.getsockname()[:2]).close()


def test_a_name_for_this_machine_is_listened_on_where_127_0_0_1_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_free("::1", 0):
        pytest.skip("this machine has no IPv6")
    both = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    with listen_near("localhost", 0) as listening:
        port = listening.getsockname()[1]
        with socket.socket() as caller:
            caller.connect(("127.0.0.1", port))
        assert not is_free("localhost", port)


async def test_a_database_that_stays_away_keeps_no_hub_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lyceum.hub.administrator.AWAY_SECONDS_MAX", -1.0)
    monkeypatch.setenv("LYCEUM_DATABASE_URL", f"postgresql://app@/lyceum?host={tmp_path}")
    administrator.check()
    said = json.loads(capsys.readouterr().out)
    assert "No such file or directory" in said["stayed_away"]

    async def errand(*_: object, **__: object) -> AsyncIterator[dict[str, str]]:
        yield said

    monkeypatch.setattr("lyceum.hub.supervisor.run_errand", errand)
    monkeypatch.setattr("lyceum.hub.supervisor.errand_request", lambda *_: None)
    audience = create_autospec(Audience)
    supervisor = Supervisor(load_settings(home=tmp_path), audience, create_autospec(ForkServer), version="0")
    await supervisor._refuse_unprepared(create_autospec(HubParts, folders=HubFolders(home=tmp_path, run=tmp_path)))
    (notice,) = audience.notice.call_args.args
    assert notice.startswith(f"The database still cannot be reached ({said['stayed_away']}): the hub starts without")


def test_what_stops_a_process_waits_longer_than_its_end_may_take() -> None:
    limits = {program.module: program.stop_seconds_max for program in programs(load_settings())}
    last_word = LAST_FLUSH_SECONDS_MAX + LAST_WAKE_SECONDS_MAX
    assert limits["lyceum.web"] == limits["lyceum.predict"] > SERVING_DRAIN_SECONDS + last_word
    assert CANCEL_GRACE_SECONDS + CHILD_END_SECONDS_MAX < WORKER_END_SECONDS_MAX
    ends = 2 * WORKER_END_SECONDS_MAX + CHILD_END_SECONDS_MAX + WORKER_CLOSE_SECONDS_MAX + LAST_WAKE_SECONDS_MAX
    assert limits["lyceum.worker"] >= WORKER_DRAIN_SECONDS + ends


@pytest.mark.parametrize("password", ["p%40ss", "pa/ss", "p#ss", "p[ss"])
def test_a_role_is_named_as_the_server_knows_it_whatever_its_url_escapes(tmp_path: Path, password: str) -> None:
    settings = load_settings(
        home=tmp_path,
        database_url=SecretStr(f"postgresql://the%20app:{password}@127.0.0.1/lyceum"),
        valkey_url=SecretStr("redis://127.0.0.1"),
    )
    parts = gather_parts(settings, HubFolders(home=tmp_path, run=tmp_path))
    for listening in parts.listening.values():
        listening.close()
    assert parts.app_role == "the app"


def test_a_long_log_is_moved_aside_and_its_writer_goes_on(tmp_path: Path) -> None:
    log, short = tmp_path / "api.log", tmp_path / "worker.log"
    short.write_text("short")
    with log.open("ab") as writer:
        writer.write(b"x" * 2000)
        writer.flush()
        rotate_logs(tmp_path, bytes_max=1000)
        writer.write(b"after")
    assert log.read_bytes() == b"after"
    assert (tmp_path / "api.log.1").read_bytes() == b"x" * 2000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["api.log", "api.log.1", "worker.log"]


def test_the_lock_is_let_go_and_names_its_holder_meanwhile(tmp_path: Path) -> None:
    folders = HubFolders(home=tmp_path, run=tmp_path / "run")
    for _ in range(2):
        with hub_lock(folders):
            holder = lock_holder(tmp_path)
            assert holder is not None
            assert holder.control_socket == tmp_path / "run" / "hub.sock"
            who = re.escape(f"pid {holder.pid}, since {holder.since}")
            with pytest.raises(HubRefused, match=who), hub_lock(folders):
                pass
        assert lock_holder(tmp_path) is None


def test_who_takes_a_hubs_folder_over_waits_until_it_has_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = HubFolders(home=tmp_path, run=tmp_path / "run")
    with (tmp_path / LOCK_FILE).open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        monkeypatch.setattr(time, "sleep", lambda _: fcntl.flock(handle, fcntl.LOCK_UN))
        with pytest.raises(HubRefused, match="just starting"), hub_lock(folders):
            pass
        with hub_lock(folders, wait_seconds=60):
            assert lock_holder(tmp_path) is not None


def test_a_disk_that_knows_no_locks_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    said = r"hub\.lock cannot be locked \(No locks available\): set LYCEUM_HOME"
    with pytest.raises(HubRefused, match=said), hub_lock(HubFolders(home=tmp_path, run=tmp_path)):
        pass


def test_a_lock_taken_by_a_hub_that_is_just_starting_is_refused_too(tmp_path: Path) -> None:
    with (tmp_path / "hub.lock").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(HubRefused, match="just starting"), hub_lock(HubFolders(home=tmp_path, run=tmp_path)):
            pass
