"""A migrated PostgreSQL and a Valkey of a benchmark's own, as durable as in the product, in a folder that goes afterwards."""

import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from lyceum.hub.credentials import load_credentials
from lyceum.hub.folders import prepare_folders, prepare_run_folder
from lyceum.hub.postgres import APP_ROLE, EmbeddedPostgres
from lyceum.hub.server_home import prepare_server_home
from lyceum.hub.valkey import EmbeddedValkey
from lyceum.kernel import migrate

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30


@dataclass(frozen=True, slots=True)
class Servers:
    """Running servers: the settings that point a hub at them, the database's owner, and their processes."""

    variables: dict[str, str]
    owner_url: str
    valkey_socket: Path
    valkey_password: str
    postgres_pid: int
    valkey_pid: int


def machine() -> str:
    """Return one line about the machine the figures come from."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    load = os.getloadavg()[0]
    return (
        f"{platform.platform()}, {os.cpu_count()} cores of {model}, Python {platform.python_version()}, load {load:.1f}"
    )


@contextmanager
def own_servers() -> Iterator[dict[str, str]]:
    """Yield the settings that point at fresh servers: LYCEUM_DATABASE_URL, LYCEUM_VALKEY_URL, LYCEUM_HOME."""
    with running_servers() as servers:
        yield servers.variables


@contextmanager
def running_servers(*, migrated: bool = True) -> Iterator[Servers]:
    """Yield fresh servers; when not `migrated`, the database is empty and belongs to whoever comes as its owner."""
    with tempfile.TemporaryDirectory(prefix="lyceum-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        # an unprivileged account has to pass through when the benchmark runs as root
        folder.chmod(0o711)
        folders = prepare_folders(folder / "servers", run_parent=folder)
        prepare_run_folder(folders)
        credentials, _ = load_credentials(folders.secrets)
        home = prepare_server_home(folders)
        postgres, valkey = EmbeddedPostgres(home, credentials), EmbeddedValkey(home, credentials)
        postgres.prepare(new_credentials=False)
        valkey.prepare()
        postgres_pid, valkey_pid = (stack.enter_context(_running(server)) for server in (postgres, valkey))
        if migrated:
            migrate.upgrade(postgres.owner_url(), app_role=APP_ROLE)
        (folder / "hub").mkdir()
        yield Servers(
            variables={
                "LYCEUM_DATABASE_URL": postgres.app_url(),
                "LYCEUM_VALKEY_URL": valkey.url,
                "LYCEUM_HOME": str(folder / "hub"),
            },
            owner_url=postgres.owner_url(),
            valkey_socket=valkey.socket,
            valkey_password=credentials.valkey_password,
            postgres_pid=postgres_pid,
            valkey_pid=valkey_pid,
        )


@contextmanager
def _running(server: EmbeddedPostgres | EmbeddedValkey) -> Iterator[int]:
    launch = server.launch()
    started = subprocess.Popen(
        launch.command(),
        env=launch.variables(),
        cwd="/",
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: server.is_ready(started.pid))
        yield started.pid
    finally:
        started.send_signal(server.stop_signal)
        started.wait(STOP_SECONDS_MAX)


def wait_until(condition: Callable[[], bool], *, seconds: float = START_SECONDS_MAX) -> None:
    """Return when the condition holds; raises TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing within {seconds} s")
        time.sleep(0.01)
