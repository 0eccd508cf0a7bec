"""A migrated PostgreSQL and a Valkey of a benchmark's own, as durable as in the product, in a folder that goes afterwards."""

import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lyceum.hub.credentials import load_credentials
from lyceum.hub.folders import prepare_folders, prepare_run_folder
from lyceum.hub.postgres import APP_ROLE, EmbeddedPostgres
from lyceum.hub.server_home import prepare_server_home
from lyceum.hub.valkey import EmbeddedValkey
from lyceum.kernel import migrate

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30


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
        for server in (postgres, valkey):
            stack.enter_context(_running(server))
        migrate.upgrade(postgres.owner_url(), app_role=APP_ROLE)
        (folder / "hub").mkdir()
        yield {
            "LYCEUM_DATABASE_URL": postgres.app_url(),
            "LYCEUM_VALKEY_URL": valkey.url,
            "LYCEUM_HOME": str(folder / "hub"),
        }


@contextmanager
def _running(server: EmbeddedPostgres | EmbeddedValkey) -> Iterator[None]:
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
        yield
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
