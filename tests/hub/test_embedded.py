"""The embedded servers start anywhere an account can work, clear what a crash left, and take nobody else's place."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
import redis

from fixtures.hubs import ORDINARY_UID, command_as, wait_until
from fixtures.processes import is_alive
from fixtures.servers import OwnServers, kill, start_and_wait
from lyceum.hub import account, programs, server_home
from lyceum.hub.credentials import load_credentials
from lyceum.hub.errors import HubFailed, HubRefused
from lyceum.hub.folders import HubFolders, prepare_folders, prepare_run_folder
from lyceum.hub.postgres import POSTGRES_VERSION, EmbeddedPostgres
from lyceum.hub.processes import Launch, ServerAccount
from lyceum.hub.server_home import ServerHome, prepare_server_home
from lyceum.hub.valkey import EmbeddedValkey

IS_ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not IS_ROOT, reason="only root runs its servers as another account")
START_PROGRAM = Path(__file__).parent / "programs" / "start_servers.py"


def folders_in(folder: Path, name: str = "home") -> HubFolders:
    folders = prepare_folders(folder / name, run_parent=folder)
    prepare_run_folder(folders)
    return folders


def servers_in(folders: HubFolders, home: ServerHome | None = None) -> OwnServers:
    credentials, _ = load_credentials(folders.secrets)
    home = home or prepare_server_home(folders)
    return OwnServers(postgres=EmbeddedPostgres(home, credentials), valkey=EmbeddedValkey(home, credentials))


def start_both(servers: OwnServers) -> None:
    """Start both servers, use them, and stop them."""
    try:
        servers.start_postgres()
        servers.start_valkey()
        with psycopg.connect(servers.database.dsn()) as connection:
            vector = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
        assert vector is not None
        client = redis.Redis.from_url(servers.valkey.url)
        assert client.ping()
        client.close()
    finally:
        servers.stop()


def test_the_servers_are_what_they_are_said_to_be(own_hub_servers: OwnServers) -> None:
    with psycopg.connect(own_hub_servers.database.dsn("admin")) as connection:
        assert connection.info.parameter_status("server_version") == POSTGRES_VERSION
        shown = {
            name: connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            for name in ("listen_addresses", "jit", "fsync", "data_checksums", "TimeZone")
        }
    assert shown == {
        "listen_addresses": ("",),
        "jit": ("off",),
        "fsync": ("on",),
        "data_checksums": ("on",),
        "TimeZone": ("UTC",),
    }


def test_nobody_gets_in_without_the_password(own_hub_servers: OwnServers) -> None:
    wrong = own_hub_servers.postgres.url("lyceum_app", "guessed", "lyceum").replace("+psycopg", "")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    client = redis.Redis.from_url(own_hub_servers.valkey.url.replace("password=", "password=x"))
    with pytest.raises(redis.AuthenticationError):
        client.ping()
    client.close()
    assert stat.S_IMODE(own_hub_servers.postgres.home.sockets.stat().st_mode) == 0o700


def test_the_app_role_is_turned_away_until_it_is_admitted(own_hub_servers: OwnServers) -> None:
    postgres = own_hub_servers.postgres
    kill(own_hub_servers.postgres_process, postgres.stop_signal)
    postgres.prepare(app_admitted=False)
    process = own_hub_servers.postgres_process = start_and_wait(postgres.launch(), postgres.is_ready)
    with pytest.raises(psycopg.OperationalError, match="no pg_hba"):
        psycopg.connect(own_hub_servers.database.dsn())
    psycopg.connect(own_hub_servers.database.dsn("owner")).close()
    postgres.admit_app(process.pid)

    def admitted() -> bool:
        try:
            psycopg.connect(own_hub_servers.database.dsn()).close()
        except psycopg.OperationalError:
            return False
        return True

    wait_until(admitted)


def test_a_server_that_outlived_its_hub_is_stopped_before_the_next_start(own_hub_servers: OwnServers) -> None:
    postgres = own_hub_servers.postgres
    orphan = own_hub_servers.postgres_process
    assert orphan is not None
    own_hub_servers.start_postgres()
    assert orphan.wait(10) == 0
    assert own_hub_servers.postgres_process is not orphan
    assert postgres.is_ready(own_hub_servers.postgres_process.pid)  # type: ignore[union-attr] # just started


def test_a_lock_whose_number_belongs_to_another_program_does_not_stop_the_start(own_hub_servers: OwnServers) -> None:
    own_hub_servers.kill_postgres()
    lock = own_hub_servers.postgres.data / "postmaster.pid"
    account_of_servers = own_hub_servers.postgres.home.account
    launch = Launch(program=("/bin/sleep", "600"), account=account_of_servers, death_signal=signal.SIGKILL)
    other = subprocess.Popen(launch.command())
    try:
        lines = lock.read_text().splitlines()
        lock.write_text("\n".join([str(other.pid), *lines[1:], ""]))
        own_hub_servers.start_postgres()
        assert other.poll() is None
    finally:
        kill(other, signal.SIGKILL)


def test_what_a_killed_server_left_running_is_waited_for(
    own_hub_servers: OwnServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(own_hub_servers.database.dsn(), autocommit=True) as connection:
        session_pid = connection.info.backend_pid
        of_the_server = [pid for (pid,) in connection.execute("SELECT pid FROM pg_stat_activity").fetchall()]
        os.kill(session_pid, signal.SIGSTOP)
        own_hub_servers.kill_postgres()
        waits = []

        def let_it_end(seconds: float) -> None:
            waits.append(seconds)
            os.kill(session_pid, signal.SIGCONT)
            # the others end by themselves, on a busy machine one after another
            wait_until(lambda: not any(is_alive(pid) for pid in of_the_server))

        monkeypatch.setattr("lyceum.hub.postgres.time", SimpleNamespace(monotonic=time.monotonic, sleep=let_it_end))
        own_hub_servers.start_postgres()
    assert len(waits) == 1
    psycopg.connect(own_hub_servers.database.dsn()).close()


def test_a_server_cannot_be_started_twice_on_the_same_data(own_hub_servers: OwnServers) -> None:
    with pytest.raises(AssertionError, match=r'lock file "postmaster.pid" already exists'):
        start_and_wait(own_hub_servers.postgres.launch(), own_hub_servers.postgres.is_ready)
    psycopg.connect(own_hub_servers.database.dsn()).close()


@pytest.mark.deep
def test_a_data_folder_is_whole_or_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    servers = servers_in(folders_in(folder))
    with monkeypatch.context() as broken:
        broken.setattr("lyceum.hub.postgres.APP_ROLE", "no such; role")
        with pytest.raises(HubFailed, match="could not make its data folder"):
            servers.postgres.prepare()
    assert not servers.postgres.data.exists()
    start_both(servers)


@pytest.mark.deep
def test_small_shared_memory_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "shm").mkdir()
    monkeypatch.setattr("lyceum.hub.tuning.SHM_BYTES_MIN", 1 << 60)
    servers = servers_in(folders_in(folder))
    try:
        servers.start_postgres()
        with psycopg.connect(servers.database.dsn("owner")) as connection:
            assert connection.execute("SHOW dynamic_shared_memory_type").fetchone() == ("mmap",)
            connection.execute("SET debug_parallel_query = on")
            assert connection.execute("SELECT count(*) FROM generate_series(1, 1000)").fetchone() == (1000,)
    finally:
        servers.stop()


@pytest.mark.parametrize("made", ["by somebody else", "as a link"])
def test_a_folder_for_sockets_that_is_not_ours_is_refused(folder: Path, made: str) -> None:
    if made == "by somebody else" and not IS_ROOT:
        pytest.skip("only root can make a folder for somebody else")
    folders = folders_in(folder)
    folders.run.rmdir()
    if made == "as a link":
        folders.run.symlink_to(folder / "elsewhere")
    else:
        folders.run.mkdir()
        os.chown(folders.run, ORDINARY_UID, ORDINARY_UID)
    with pytest.raises(HubRefused, match="was made by somebody else"):
        folders_in(folder)


def test_a_folder_too_long_for_sockets_is_refused(folder: Path) -> None:
    with pytest.raises(HubRefused, match="too long for sockets"):
        prepare_folders(folder / "home", run_parent=folder / ("long" * 25))


@pytest.mark.deep
def test_a_home_too_long_for_sockets_is_fine(folder: Path) -> None:
    start_both(servers_in(folders_in(folder, "deep " * 8 + "/" + "deeper" * 20)))


@pytest.mark.parametrize(
    "content, mode, said",
    [("{", 0o600, "damaged"), ('{"admin_password": "x"}', 0o600, "damaged"), (None, 0o644, "chmod 600")],
)
def test_unusable_secrets_are_refused_with_the_fix(folder: Path, content: str | None, mode: int, said: str) -> None:
    file = folder / "secrets.json"
    load_credentials(file)
    if content is not None:
        file.write_text(content)
    file.chmod(mode)
    with pytest.raises(HubRefused, match=said):
        load_credentials(file)


def test_credentials_do_not_show_themselves(folder: Path) -> None:
    held, made = load_credentials(folder / "secrets.json")
    assert made
    assert held.app_password not in f"{held} {held!r}"
    assert load_credentials(folder / "secrets.json") == (held, False)


@only_root
def test_root_runs_its_servers_as_an_account_without_rights(own_hub_servers: OwnServers) -> None:
    for process in (own_hub_servers.postgres_process, own_hub_servers.valkey_process):
        assert process is not None
        status = Path(f"/proc/{process.pid}/status").read_text()
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert set(facts["Uid"].split()) == {str(own_hub_servers.postgres.home.account.uid)}
        assert facts["Uid"].split()[0] != "0"
        assert facts["Groups"].strip() == ""
        assert int(facts["CapEff"], 16) == 0


@only_root
def test_root_with_a_home_nobody_else_may_enter_reaches_it_through_a_mount(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    folders = folders_in(folder, "closed/home")
    home = prepare_server_home(folders)
    assert home.binds == ((folders.servers, folders.run / "servers"),)
    start_both(servers_in(folders, home))
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert list((folders.run / "servers").iterdir()) == []


@only_root
def test_root_that_may_not_mount_is_told_which_home_works(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    folders = folders_in(folder, "closed/home")
    without_mounts = lambda who, test, *paths, binds=(): not binds and account.may_run(who, test, *paths)  # noqa: E731 one line says it
    monkeypatch.setattr(server_home, "may_run", without_mounts)
    with pytest.raises(HubRefused, match="LYCEUM_HOME=/var/lib/lyceum"):
        prepare_server_home(folders)


@pytest.mark.deep
@only_root
def test_programs_in_a_folder_nobody_else_may_enter_are_copied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = folder / "closed" / "site-packages"
    closed.mkdir(parents=True)
    installed = programs.find_programs()
    packages = installed.postgres_bin.parents[2]
    for name in (programs.POSTGRES_PACKAGE, f"{programs.POSTGRES_PACKAGE}.libs", programs.VALKEY_PACKAGE):
        shutil.copytree(packages / name, closed / name, symlinks=True)
    (folder / "closed").chmod(0o700)
    monkeypatch.setattr(programs, "_package_folder", lambda package: closed / package)
    folders = folders_in(folder)
    home = prepare_server_home(folders)
    assert home.programs.postgres_bin.is_relative_to(folders.servers)
    assert not list(folders.servers.glob("programs-*/**/include"))
    start_both(servers_in(folders, home))


@only_root
def test_data_keeps_its_owner(folder: Path) -> None:
    folders = folders_in(folder)
    start_both(servers_in(folders))
    data = folders.servers / server_home.postgres_folder_name()
    for path in (data, *data.rglob("*")):
        os.chown(path, 1, 1, follow_symlinks=False)
    home = prepare_server_home(folders)
    assert home.account == ServerAccount(uid=1, gid=1, name="daemon", drop=True)
    start_both(servers_in(folders, home))


@pytest.mark.deep
@only_root
def test_data_of_somebody_else_is_refused(folder: Path) -> None:
    done = start_as(ORDINARY_UID, folder, "home")
    assert done.returncode == 0, done.stderr
    data = folder / "home" / "servers" / server_home.postgres_folder_name()
    for path in (data, *data.rglob("*")):
        os.chown(path, 1, 1, follow_symlinks=False)
    assert "belongs to uid 1, and PostgreSQL would run as nobody" in start_as(ORDINARY_UID, folder, "home").stderr


@only_root
def test_an_ordinary_user_needs_nothing_of_root(folder: Path) -> None:
    done = start_as(ORDINARY_UID, folder, "my own home")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["account"]["drop"] is False


@only_root
def test_a_user_without_a_name_gets_one_from_a_namespace(folder: Path) -> None:
    done = start_as(424242, folder, "home")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["account"]["seen_as"] == ORDINARY_UID


@only_root
def test_root_of_a_namespace_with_a_single_id_runs_the_servers_too(folder: Path) -> None:
    done = start(("/usr/bin/unshare", "--user", "--map-root-user", sys.executable), folder, "home")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["account"] | {"gid": 0} == {
        "uid": 0,
        "gid": 0,
        "name": "root",
        "drop": False,
        "seen_as": ORDINARY_UID,
    }


def test_a_launched_program_dies_with_the_process_that_started_it(folder: Path) -> None:
    code = (
        "import os, signal, subprocess, sys\n"
        "from lyceum.hub.processes import Launch\n"
        "launch = Launch(program=('/bin/sleep', '600'), death_signal=signal.SIGKILL)\n"
        "print(subprocess.Popen(launch.command()).pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen((sys.executable, "-c", code), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    sleeping = int(parent.stdout.readline())
    assert is_alive(sleeping)
    parent.kill()
    parent.communicate()
    wait_until(lambda: not is_alive(sleeping))


def test_a_program_that_cannot_be_executed_says_why(folder: Path) -> None:
    done = subprocess.run(Launch(program=("/no/such/program",)).command(), capture_output=True, text=True, check=False)
    assert done.returncode == 125
    assert "could not start /no/such/program: [Errno 2] No such file or directory" in done.stderr


def start_as(uid: int, folder: Path, name: str) -> "subprocess.CompletedProcess[str]":
    """Start and stop both servers as a user, in a home that only this user may enter."""
    home = folder / name
    home.mkdir(mode=0o700, exist_ok=True)
    os.chown(home, uid, uid)
    (folder / "run").mkdir(exist_ok=True)
    os.chown(folder / "run", uid, uid)
    return start(command_as(uid, sys.executable), folder, name)


def start(python: tuple[str, ...], folder: Path, name: str) -> "subprocess.CompletedProcess[str]":
    (folder / "run").mkdir(exist_ok=True)
    return subprocess.run(
        (*python, str(START_PROGRAM), str(folder / name), str(folder / "run")),
        capture_output=True,
        text=True,
        cwd="/",
        timeout=100,
        check=False,
    )
