"""A way into a hub's data for commands: through the servers of the running hub, else through one started for the while."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from lyceum.hub.control import ask_hub
from lyceum.hub.credentials import Credentials, load_credentials, secret_key_of
from lyceum.hub.errors import HubFailed, HubNotRunning, HubRefused
from lyceum.hub.folders import HubFolders, folders_of, prepare_folders, prepare_run_folder
from lyceum.hub.lock import hub_lock, lock_holder
from lyceum.hub.managed import managed_database
from lyceum.hub.parts import POSTGRES_STOP_SECONDS_MAX, RECOVERY_SECONDS_MAX
from lyceum.hub.postgres import APP_ROLE, EmbeddedPostgres
from lyceum.hub.programs import POSTGRES_MAJOR
from lyceum.hub.server_home import prepare_server_home
from lyceum.hub.switching import settle
from lyceum.kernel.config import Settings

POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class HubData:
    """The owner's way to the database, the role the app works as, and the key that signs; `running` tells of a hub."""

    settings: Settings
    owner_url: str = field(repr=False)
    app_role: str
    secret_key: str = field(repr=False)
    running: bool


@contextmanager
def hub_data(settings: Settings) -> Iterator[HubData]:
    """Yield the way into the data of a hub, whether it runs or not; raises `HubRefused` where there is none."""
    if settings.database_url is not None:
        with _external(settings) as data:
            yield data
        return
    _refuse_no_hub(settings)
    status = _status_of(settings)
    if status is None:
        with hub_at_rest(settings) as data:
            yield data
        return
    holder = lock_holder(settings.home)
    folders = folders_of(settings.home)
    if holder is not None:
        # where the running hub's are, which may be another account's
        folders = replace(folders, run=holder.control_socket.parent)
    credentials, _ = load_credentials(folders.secrets)
    yield HubData(
        settings=settings,
        owner_url=EmbeddedPostgres.owner_url_at(folders.sockets, credentials),
        app_role=APP_ROLE,
        secret_key=secret_key_of(settings, credentials),
        running=True,
    )


@contextmanager
def hub_at_rest(settings: Settings) -> Iterator[HubData]:
    """Yield the way into the data of a hub that does not run, and keep it from starting meanwhile.

    Raises `HubRefused` when it runs or there is none.
    """
    if settings.database_url is None:
        _refuse_no_hub(settings)
    folders = prepare_folders(settings.home)
    with hub_lock(folders):
        settle(settings.home)
        if settings.database_url is not None:
            with _external(settings) as data:
                yield data
            return
        with embedded_data(settings, folders) as data:
            yield data


@contextmanager
def embedded_data(settings: Settings, folders: HubFolders, *, major: int = POSTGRES_MAJOR) -> Iterator[HubData]:
    """Yield the way into the data of a hub's embedded PostgreSQL, which runs until the end of the block.

    `major` is the version that wrote the data. The caller holds the hub's lock. Raises what `running_postgres` raises.
    """
    credentials, are_new = load_credentials(folders.secrets)
    with running_postgres(folders, credentials, logs=folders.logs, new_credentials=are_new, major=major) as postgres:
        yield HubData(
            settings=settings,
            owner_url=postgres.owner_url(),
            app_role=APP_ROLE,
            secret_key=secret_key_of(settings, credentials),
            running=False,
        )


@contextmanager
def running_postgres(
    folders: HubFolders,
    credentials: Credentials,
    *,
    logs: Path,
    new_credentials: bool = False,
    major: int = POSTGRES_MAJOR,
) -> Iterator[EmbeddedPostgres]:
    """Run the embedded PostgreSQL of a data folder until the end of the block; only its owner's role gets in.

    `major` is the version that wrote the data. What it says goes to `postgres.log` in the folder `logs`. The caller holds the hub's lock. Raises `HubFailed` when it does not start.
    """
    prepare_run_folder(folders)
    try:
        postgres = EmbeddedPostgres(prepare_server_home(folders, major=major), credentials)
        postgres.prepare(new_credentials=new_credentials, app_admitted=False)
        launch = postgres.launch()
        with (logs / "postgres.log").open("ab") as log:
            process = subprocess.Popen(
                launch.command(),
                env=launch.variables(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for us: the server stops when what we do has ended
                start_new_session=True,
            )
        try:
            _wait_ready(postgres, process, logs)
            yield postgres
        finally:
            _stop(postgres, process)
    finally:
        shutil.rmtree(folders.run, ignore_errors=True)


def _wait_ready(postgres: EmbeddedPostgres, process: "subprocess.Popen[bytes]", logs: Path) -> None:
    deadline = time.monotonic() + RECOVERY_SECONDS_MAX
    while not postgres.is_ready(process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            raise HubFailed(f"PostgreSQL does not start; see {logs / 'postgres.log'}.")
        time.sleep(POLL_SECONDS)


def _stop(postgres: EmbeddedPostgres, process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(postgres.stop_signal)
    try:
        process.wait(POSTGRES_STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait()


@contextmanager
def _external(settings: Settings) -> Iterator[HubData]:
    if settings.database_owner_url is None:
        raise HubRefused("This takes the owner of the database: set LYCEUM_DATABASE_OWNER_URL to the owner's address.")
    database = managed_database(settings)
    yield HubData(
        settings=settings,
        owner_url=database.owner_url,
        app_role=database.app,
        secret_key=secret_key_of(settings),
        running=_status_of(settings) is not None,
    )


def _status_of(settings: Settings) -> dict[str, object] | None:
    try:
        status = ask_hub(settings.home, "status")
    except HubNotRunning:
        return None
    if not status["ready"]:
        raise HubRefused(f"The hub on {settings.home} is starting or stopping: wait until `lyceum status` says ready.")
    return status


def _refuse_no_hub(settings: Settings) -> None:
    # of another major version too, which is refused with what to do about it
    if not any((settings.home / "servers").glob("postgres-*/PG_VERSION")):
        raise HubRefused(f"There is no hub in {settings.home}: set LYCEUM_HOME to the folder of its data.")
