"""The parts of a hub as the supervisor runs them: which are embedded, with what settings the processes are started."""

import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from pydantic import SecretStr

from lyceum.hub.administrator import APP_ROLE_VARIABLE, OWNER_VARIABLE
from lyceum.hub.children import ChildPlan, RunningProcess, start_launched
from lyceum.hub.credentials import Credentials, load_credentials, secret_key_of
from lyceum.hub.errors import HubRefused
from lyceum.hub.folders import HubFolders
from lyceum.hub.forks import ForkRequest, ForkServer
from lyceum.hub.ports import listen_near
from lyceum.hub.postgres import APP_ROLE, EmbeddedPostgres
from lyceum.hub.server_home import prepare_server_home
from lyceum.hub.valkey import EmbeddedValkey
from lyceum.kernel.config import ENV_PREFIX, Settings
from lyceum.kernel.stopping import SERVING_STOP_SECONDS_MAX, WORKER_STOP_SECONDS_MAX

RECOVERY_SECONDS_MAX = 900.0
POSTGRES_STOP_SECONDS_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Program:
    """A process of the hub beside its servers: a name for people and the module whose `main()` it runs."""

    name: str
    module: str
    stop_seconds_max: float = SERVING_STOP_SECONDS_MAX


@dataclass(frozen=True, slots=True)
class HubParts:
    """What one hub consists of; an embedded server is None when the settings name another one.

    `variables` are the settings its processes are started with, `owner_url` is for errands only. The hub keeps the
    sockets its programs listen on, so that nobody else takes a port while a program starts again, and callers wait for it.
    """

    settings: Settings
    folders: HubFolders
    postgres: EmbeddedPostgres | None
    valkey: EmbeddedValkey | None
    credentials_are_new: bool
    owner_url: str | None
    app_role: str
    listening: Mapping[str, socket.socket]
    variables: Mapping[str, str] = field(repr=False)


def gather_parts(settings: Settings, folders: HubFolders) -> HubParts:
    """Decide what runs where: embedded servers, addresses, free ports. Blocking.

    Raises `HubRefused` when something of it cannot be had.
    """
    if settings.database_replica_url is not None and settings.database_url is None:
        raise HubRefused(
            "LYCEUM_DATABASE_REPLICA_URL names a replica, but the embedded PostgreSQL has none: "
            "set LYCEUM_DATABASE_URL to the replica's primary, or leave both unset."
        )
    credentials, are_new = load_credentials(folders.secrets)
    embedded = settings.database_url is None or settings.valkey_url is None
    home = prepare_server_home(folders) if embedded else None
    postgres = EmbeddedPostgres(home, credentials) if home and settings.database_url is None else None
    valkey = EmbeddedValkey(home, credentials) if home and settings.valkey_url is None else None
    listening = {
        "api": listen_near(settings.host, settings.port),
        "predict": listen_near(settings.host, settings.predict_port),
    }
    port, predict_port = (taken.getsockname()[1] for taken in listening.values())
    settings = settings.model_copy(update={"port": port, "predict_port": predict_port})
    database_url = postgres.app_url() if postgres else _secret(settings.database_url)
    return HubParts(
        settings=settings,
        folders=folders,
        postgres=postgres,
        valkey=valkey,
        credentials_are_new=are_new,
        owner_url=postgres.owner_url() if postgres else _secret(settings.database_owner_url) or None,
        app_role=_role_in(database_url),
        listening=listening,
        variables=_variables(settings, credentials, database_url=database_url, valkey=valkey),
    )


def programs(settings: Settings) -> tuple[Program, ...]:
    """Return the processes of a hub beside its servers."""
    workers = range(1, settings.worker_processes + 1)
    return (
        Program("api", "lyceum.web"),
        Program("predict", "lyceum.predict"),
        *(
            Program("worker" if number == 1 else f"worker-{number}", "lyceum.worker", WORKER_STOP_SECONDS_MAX)
            for number in workers
        ),
    )


def program_plan(program: Program, parts: HubParts, forks: ForkServer) -> ChildPlan:
    """Return how a process beside the servers is run; it says itself when it serves."""
    request = ForkRequest(module=program.module, variables=parts.variables, withheld=frozenset({OWNER_VARIABLE}))
    listening = parts.listening.get(program.name)

    async def start(log: BinaryIO, ready: int | None) -> RunningProcess:
        assert ready is not None  # noqa: S101 for the type checker: the plan has no `is_ready`
        descriptors = (log.fileno(), log.fileno(), ready)
        return await forks.fork(request, descriptors if listening is None else (*descriptors, listening.fileno()))

    return ChildPlan(
        name=program.name,
        start=start,
        log_file=_log_file(parts.folders, program.name),
        stop_seconds_max=program.stop_seconds_max,
    )


def errand_request(name: str, parts: HubParts, *about: str) -> ForkRequest:
    """Return an errand, and what it is about: it gets the owner's way to the database, beside what every process gets."""
    owner = {OWNER_VARIABLE: parts.owner_url} if parts.owner_url else {}
    variables = {**parts.variables, **owner, APP_ROLE_VARIABLE: parts.app_role}
    return ForkRequest(module="lyceum.hub.administrator", arguments=(name, *about), variables=variables)


def postgres_plan(postgres: EmbeddedPostgres, folders: HubFolders, *, prepare: Callable[[], object]) -> ChildPlan:
    """Return how the embedded PostgreSQL is run; `prepare` clears what a crash left before it starts again."""
    return ChildPlan(
        name="postgres",
        start=lambda log, _ready: start_launched(postgres.launch(), log),
        log_file=_log_file(folders, "postgres"),
        is_ready=postgres.is_ready,
        prepare=prepare,
        stop_signal=postgres.stop_signal,
        kill_signal=postgres.kill_signal,
        stop_seconds_max=POSTGRES_STOP_SECONDS_MAX,
        ready_seconds_max=RECOVERY_SECONDS_MAX,
    )


def valkey_plan(valkey: EmbeddedValkey, folders: HubFolders) -> ChildPlan:
    """Return how the embedded Valkey is run."""
    return ChildPlan(
        name="valkey",
        start=lambda log, _ready: start_launched(valkey.launch(), log),
        log_file=_log_file(folders, "valkey"),
        is_ready=valkey.is_ready,
        prepare=valkey.prepare,
        stop_signal=valkey.stop_signal,
        kill_signal=valkey.kill_signal,
    )


def _variables(
    settings: Settings, credentials: Credentials, *, database_url: str, valkey: EmbeddedValkey | None
) -> dict[str, str]:
    given = {
        "HOME": str(settings.home),
        "DATABASE_URL": database_url,
        "VALKEY_URL": valkey.url if valkey else _secret(settings.valkey_url),
        "PORT": str(settings.port),
        "PREDICT_PORT": str(settings.predict_port),
        "SECRET_KEY": secret_key_of(settings, credentials),
    }
    return {f"{ENV_PREFIX}{name}": value for name, value in given.items()}


def _role_in(url: str) -> str:
    # a password may hold what ends the address for urllib, and SQLAlchemy lets it
    named = re.match(r"[^:]+://([^:/@]+)(?::[^@]*)?@", url)
    return unquote(named[1]) if named else APP_ROLE


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value is not None else ""


def _log_file(folders: HubFolders, name: str) -> Path:
    return folders.logs / f"{name}.log"
