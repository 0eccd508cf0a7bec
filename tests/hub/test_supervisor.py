"""A hub starts, is watched over, and stops, whatever happens to its parts."""

import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from fixtures.commands import told
from fixtures.hubs import (
    ORDINARY_UID,
    SMALL_HUB,
    HubProcess,
    StartHub,
    command_as,
    hub_starter,
    wait_until,
)
from fixtures.processes import is_alive
from fixtures.servers import OwnServers, TestDatabase
from lyceum.hub.control import ask_hub
from lyceum.hub.errors import HubFailed, HubNotRunning
from lyceum.hub.folders import prepare_folders
from lyceum.hub.lock import lock_holder
from lyceum.hub.ports import is_free
from lyceum.hub.prepared import current_note, leave_note
from lyceum.kernel import migrate

STOP_SECONDS_MAX = 5
IS_ROOT = os.geteuid() == 0


def small_hub(*programs: str) -> tuple[str, ...]:
    return (sys.executable, str(SMALL_HUB), *programs)


def variables_of(home: Path) -> dict[str, str]:
    """What the small program was started with."""
    found: dict[str, str] = json.loads((home / "logs" / "serving.log").read_text().splitlines()[-1])
    return found


def app_dsn(home: Path) -> str:
    return variables_of(home)["LYCEUM_DATABASE_URL"].replace("+psycopg", "")


@pytest.fixture(scope="module")
def hub() -> Iterator[HubProcess]:
    """A running hub that the tests of this file share; each leaves it running."""
    with hub_starter() as start:
        yield start(LYCEUM_SECRET_KEY="given by hand").wait_ready()


def test_ctrl_c_stops_everything_and_the_exit_code_is_zero(start_hub: StartHub) -> None:
    hub = start_hub().wait_ready()
    children = hub.status()["children"]
    holder = lock_holder(hub.home)
    began = time.monotonic()
    assert hub.interrupt() == 0
    assert time.monotonic() - began < STOP_SECONDS_MAX
    assert sorted(child["name"] for child in children) == ["postgres", "serving", "valkey"]
    assert not any(is_alive(child["pid"]) for child in children)
    assert holder is not None
    assert not holder.control_socket.parent.exists()
    with pytest.raises(HubNotRunning, match="lyceum up"):
        ask_hub(hub.home, "status")


def test_the_app_role_owns_nothing_and_the_owner_is_kept_from_the_programs(hub: HubProcess) -> None:
    given = variables_of(hub.home)
    assert "LYCEUM_DATABASE_OWNER_URL" not in given
    assert given["LYCEUM_SECRET_KEY"] == "given by hand"
    with psycopg.connect(app_dsn(hub.home)) as connection:
        facts = connection.execute(
            "SELECT current_user, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        owned = connection.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole").fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE public.mine (id int)")
    assert facts == ("lyceum_app", False, False, False)
    assert owned == (0,)


def test_secrets_are_for_the_owner_alone(hub: HubProcess) -> None:
    secrets_file = hub.home / "secrets.json"
    assert stat.S_IMODE(secrets_file.stat().st_mode) == 0o600
    shown = hub.output + json.dumps(hub.status())
    assert not any(secret in shown for secret in json.loads(secrets_file.read_text()).values())
    commands = [Path(f"/proc/{child['pid']}/cmdline").read_text() for child in hub.status()["children"]]
    assert not any(secret in "".join(commands) for secret in json.loads(secrets_file.read_text()).values())


def test_a_second_hub_on_the_same_data_is_refused_with_the_reason(hub: HubProcess, start_hub: StartHub) -> None:
    second = start_hub(hub.home)
    assert second.process.wait(30) == 1
    assert f"pid {hub.process.pid}, since 20" in second.output
    assert "LYCEUM_HOME" in second.output
    assert hub.status()["ready"]


def test_a_hub_that_is_refused_leaves_the_sockets_of_the_other_alone(start_hub: StartHub, folder: Path) -> None:
    folders = prepare_folders(folder / "home")
    with (folders.home / "hub.lock").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert start_hub(folders.home).process.wait(30) == 1
        assert not folders.run.exists()


@pytest.mark.skipif(not IS_ROOT, reason="only root can leave files that another account may not write")
@pytest.mark.parametrize("name", ["hub.lock", "logs/api.log", "logs", "servers"])
def test_what_another_account_left_in_the_home_is_named(start_hub: StartHub, folder: Path, name: str) -> None:
    home = folder / "home"
    left = home / name
    left.parent.mkdir(parents=True)
    for place in (home, left.parent):
        os.chown(place, ORDINARY_UID, ORDINARY_UID)
    if left.suffix:
        left.touch()
    else:
        left.mkdir()
    hub = start_hub(home, uid=ORDINARY_UID)
    assert hub.process.wait(30) == 1
    said = f"HubRefused: {left} belongs to root, and this account may not write it: start the hub as its owner"
    assert said in hub.output


@pytest.mark.deep
def test_two_hubs_run_beside_each_other_and_a_taken_port_is_said(start_hub: StartHub, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        first = start_hub(folder / "one", LYCEUM_PORT=str(port)).wait_ready()
        second = start_hub(folder / "two", LYCEUM_PORT=str(port)).wait_ready()
    assert f"Port {port} is taken, so the API is on port {first.status()['port']}." in first.output
    assert first.status()["port"] != port
    with psycopg.connect(app_dsn(first.home)) as one, psycopg.connect(app_dsn(second.home)) as two:
        identifiers = [c.execute("SELECT system_identifier FROM pg_control_system()").fetchone() for c in (one, two)]
    assert identifiers[0] != identifiers[1]


@pytest.mark.parametrize("name", ["postgres", "valkey", "serving"])
def test_a_crashed_part_starts_again_after_a_growing_pause_and_it_is_said(hub: HubProcess, name: str) -> None:
    for restarts, pause in ((1, "0.5 s"), (2, "1 s")):
        before = hub.child(name)
        os.kill(before["pid"], signal.SIGKILL)
        wait_until(lambda: hub.child(name)["restarts"] == restarts, said=lambda: hub.output)  # noqa: B023 called at once
        wait_until(lambda: bool(hub.status()["ready"]), said=lambda: hub.output)
        assert hub.child(name)["pid"] != before["pid"]
        assert f"{name} ended (killed by SIGKILL) and starts again in {pause}" in hub.output
    with psycopg.connect(app_dsn(hub.home)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.deep
def test_a_program_that_never_serves_ends_the_start_with_its_last_words(start_hub: StartHub) -> None:
    hub = start_hub(command=small_hub("serving", "failing"))
    assert hub.process.wait(60) == 1
    assert "failing does not start: the settings of this program make no sense (exit code 1" in hub.output
    with (hub.home / "hub.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not (hub.home / "servers" / "postgres-18" / "postmaster.pid").exists()


@pytest.mark.deep
def test_pressing_ctrl_c_twice_does_not_wait_for_a_stubborn_program(start_hub: StartHub) -> None:
    hub = start_hub(command=small_hub("stubborn")).wait_ready()
    stubborn, port = hub.child("stubborn")["pid"], hub.status()["port"]
    hub.process.send_signal(signal.SIGINT)
    # it is stopping once it listens no more
    wait_until(lambda: is_free("127.0.0.1", port))
    assert hub.interrupt() == 0
    assert not is_alive(stubborn)
    assert "did not stop within" not in hub.output


@pytest.mark.deep
def test_a_request_held_open_does_not_keep_a_program_from_ending_by_itself(start_hub: StartHub) -> None:
    hub = start_hub(command=small_hub("api=held")).wait_ready()
    log = hub.home / "logs" / "api.log"
    with socket.create_connection(("127.0.0.1", hub.status()["port"])) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
        wait_until(lambda: "held\n" in log.read_text())
        assert hub.interrupt() == 0
    assert "did not stop within" not in hub.output
    assert [line for line in log.read_text().splitlines() if line in {"shut down", "ended by itself"}] == [
        "shut down",
        "ended by itself",
    ]


@pytest.mark.deep
def test_ctrl_c_in_the_middle_of_the_first_start_leaves_nothing_half_made(start_hub: StartHub) -> None:
    hub = start_hub()
    wait_until(lambda: (hub.home / "servers").exists() and any((hub.home / "servers").iterdir()))
    assert hub.interrupt() == 0
    again = start_hub().wait_ready()
    assert again.interrupt() == 0


@pytest.mark.deep
def test_everything_dies_with_a_killed_supervisor_and_the_next_start_finds_its_data(start_hub: StartHub) -> None:
    hub = start_hub().wait_ready()
    children = [child["pid"] for child in hub.status()["children"]]
    hub.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in children))
    again = start_hub().wait_ready()
    assert "Data folder" not in again.output


def test_all_processes_killed_at_once_lose_no_committed_row(start_hub: StartHub) -> None:
    hub = start_hub().wait_ready()
    owner = json.loads((hub.home / "secrets.json").read_text())["owner_password"]
    dsn = app_dsn(hub.home).replace("lyceum_app", "lyceum_owner")
    dsn = dsn.replace(dsn.split(":")[2].split("@")[0], owner)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    children = [child["pid"] for child in hub.status()["children"]]
    for pid in (hub.process.pid, *children):
        # what its supervisor started ends with it, and may have by now
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    hub.process.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in children))
    start_hub().wait_ready()
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


@pytest.mark.parametrize(
    "uid, name",
    [
        (os.geteuid(), "my own hub"),
        *([(ORDINARY_UID, "my own hub"), pytest.param(0, "home", marks=pytest.mark.deep)] if IS_ROOT else []),
    ],
)
def test_a_hub_runs_in_a_home_only_its_owner_may_enter(start_hub: StartHub, folder: Path, uid: int, name: str) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    os.chown(closed, uid, -1)
    hub = start_hub(closed / name, uid=uid).wait_ready()
    data = hub.home / "servers" / "postgres-18"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert data.stat().st_uid != 0
    with psycopg.connect(app_dsn(hub.home)) as connection:
        connection.execute("SELECT 1")
    assert hub.interrupt() == 0


def test_external_servers_replace_the_embedded_ones(
    start_hub: StartHub, empty_database: TestDatabase, valkey_url: str
) -> None:
    hub = start_hub(
        LYCEUM_DATABASE_URL=empty_database.app_url,
        LYCEUM_DATABASE_OWNER_URL=empty_database.owner_url,
        LYCEUM_VALKEY_URL=valkey_url,
    ).wait_ready()
    assert [child["name"] for child in hub.status()["children"]] == ["serving"]
    assert (hub.status()["database"], hub.status()["valkey"]) == ("external", "external")
    assert variables_of(hub.home)["LYCEUM_DATABASE_URL"] == empty_database.app_url
    assert not (hub.home / "servers" / "postgres-18").exists()
    with psycopg.connect(empty_database.dsn("owner")) as connection:
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)


@pytest.mark.deep
def test_a_migrated_database_needs_no_address_of_its_owner(
    start_hub: StartHub, folder: Path, empty_database: TestDatabase, valkey_url: str
) -> None:
    given = {"LYCEUM_DATABASE_URL": empty_database.app_url, "LYCEUM_VALKEY_URL": valkey_url}
    first = start_hub(folder / "one", LYCEUM_DATABASE_OWNER_URL=empty_database.owner_url, **given).wait_ready()
    beside = start_hub(folder / "two", **given).wait_ready()
    with pytest.raises(HubFailed, match="LYCEUM_DATABASE_OWNER_URL"):
        ask_hub(beside.home, "admin-link")
    assert [hub.interrupt() for hub in (first, beside)] == [0, 0]


@pytest.mark.deep
@pytest.mark.parametrize("migrates", [True, False], ids=["migrates", "may not migrate"])
def test_a_database_that_comes_after_the_hub_is_waited_for(
    start_hub: StartHub, own_hub_servers: OwnServers, *, migrates: bool
) -> None:
    database = own_hub_servers.database
    given = {f"LYCEUM_{name.upper()}": url for name, url in database.settings.items()}
    given["LYCEUM_VALKEY_URL"] = own_hub_servers.valkey.url
    if migrates:
        given["LYCEUM_DATABASE_OWNER_URL"] = database.owner_url
    else:
        migrate.upgrade(database.owner_url, app_role=database.app_role)
        with psycopg.connect(database.dsn("owner")) as connection:
            leave_note(connection, current_note(app_role=database.app_role, set_up=True))
    own_hub_servers.kill_postgres()
    hub = start_hub(**given)
    said = "The database cannot be reached just now"
    wait_until(lambda: said in hub.output or hub.process.poll() is not None, said=lambda: hub.output)
    own_hub_servers.start_postgres()
    hub.wait_ready()
    assert hub.output.count(said) == 1


def test_a_database_that_turns_the_hub_away_is_not_waited_for(
    start_hub: StartHub, empty_database: TestDatabase, valkey_url: str
) -> None:
    unknown = empty_database.app_url.replace(f"/{empty_database.name}?", "/nowhere?")
    hub = start_hub(LYCEUM_DATABASE_URL=unknown, LYCEUM_VALKEY_URL=valkey_url)
    assert hub.process.wait(30) == 1
    assert 'database "nowhere" does not exist' in hub.output
    assert "trying for a minute" not in hub.output


@pytest.mark.deep
def test_lost_secrets_are_made_anew_for_the_data_that_is_there(start_hub: StartHub) -> None:
    hub = start_hub().wait_ready()
    assert hub.interrupt() == 0
    (hub.home / "secrets.json").unlink()
    again = start_hub().wait_ready()
    assert "Data folder" not in again.output
    with psycopg.connect(app_dsn(again.home)) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("lyceum_app",)


def test_the_hub_makes_links_and_keys_over_its_control_socket(hub: HubProcess) -> None:
    link = ask_hub(hub.home, "admin-link")["url"]
    assert link.startswith(f"{hub.status()['url']}/setup?token=")
    assert link not in hub.output
    assert re.fullmatch(r"lyk_\S+\n", told("admin", "key", home=hub.home))
    with pytest.raises(HubFailed, match="does not know the command dance"):
        ask_hub(hub.home, "dance")


def test_the_person_at_the_machine_makes_a_link_that_sets_a_password(hub: HubProcess) -> None:
    user_id = uuid4()
    with psycopg.connect(app_dsn(hub.home)) as connection:
        connection.execute("SELECT set_config('lyceum.user_id', %s, true)", (str(user_id),))
        row = "INSERT INTO users (id, email, display_name) VALUES (%s, %s, 'Ada')"
        connection.execute(row, (user_id, f"{user_id.hex}@example.org"))
    url = told("admin", "reset-link", f"{user_id.hex}@EXAMPLE.org", home=hub.home).strip()
    assert url.startswith(f"{hub.status()['url']}/reset?token=")
    assert url not in hub.output
    with pytest.raises(HubFailed, match="Nobody on this hub has the address"):
        ask_hub(hub.home, "admin-reset-link nobody@example.org")


@pytest.mark.deep
def test_the_person_at_the_machine_takes_lost_second_factors_from_an_account(hub: HubProcess) -> None:
    user_id = uuid4()
    with psycopg.connect(app_dsn(hub.home)) as connection:
        connection.execute("SELECT set_config('lyceum.user_id', %s, true)", (str(user_id),))
        row = "INSERT INTO users (id, email, display_name) VALUES (%s, %s, 'Ada')"
        connection.execute(row, (user_id, f"{user_id.hex}@example.org"))
        app = "INSERT INTO authenticator_apps (id, user_id, name, secret_sealed, confirmed_at) VALUES (%s, %s, 'x', '', now())"
        connection.execute(app, (uuid4(), user_id))
    email = f"{user_id.hex}@EXAMPLE.org"
    assert told("admin", "reset-factors", email, home=hub.home) == f"{email} had 1 second factor, and has none now.\n"
    assert ask_hub(hub.home, f"admin-reset-factors {email}") == {"removed": 0}
    with pytest.raises(HubFailed, match="Nobody on this hub has the address"):
        ask_hub(hub.home, "admin-reset-factors nobody@example.org")


def test_a_hub_told_to_stop_over_its_control_socket_stops(start_hub: StartHub) -> None:
    hub = start_hub().wait_ready()
    assert ask_hub(hub.home, "stop") == {"stopping": True}
    assert hub.process.wait(30) == 0


@pytest.mark.skipif(not IS_ROOT, reason="only root can act as another account")
def test_another_account_learns_nothing_from_the_control_socket(hub: HubProcess) -> None:
    code = "import sys; from pathlib import Path; from lyceum.hub.control import ask_hub; ask_hub(Path(sys.argv[1]), 'status')"
    done = subprocess.run(
        command_as(ORDINARY_UID, sys.executable, "-c", code, str(hub.home)), capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "belongs to another account" in done.stderr


def test_what_the_supervisor_says_is_kept_in_the_form_of_the_other_logs(hub: HubProcess) -> None:
    lines = [json.loads(line) for line in (hub.home / "logs" / "supervisor.log").read_text().splitlines()]
    assert {line["process"] for line in lines} == {"supervisor"}
    served = {line["part"] for line in lines if line["message"] == "a part of the hub serves"}
    assert {"postgres", "valkey", "serving"} <= served
    assert all({"time", "level", "logger"} <= set(line) for line in lines)
