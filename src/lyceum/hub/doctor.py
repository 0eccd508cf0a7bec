"""`lyceum doctor`: looks at everything a hub needs of the machine and says what to do about each."""

import importlib.util
import os
import platform
import resource
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lyceum.hub.account import choose_account, may_run
from lyceum.hub.control import ask_hub
from lyceum.hub.errors import HubFailed, HubRefused
from lyceum.hub.ports import is_free, listen_near, why_not
from lyceum.hub.postgres import SUPPORTED_VERSIONS
from lyceum.hub.prepared import what_is_missing
from lyceum.hub.processes import ServerAccount
from lyceum.hub.programs import find_programs
from lyceum.hub.replica_state import examine_replica
from lyceum.hub.sandbox import probe_sandbox
from lyceum.hub.server_home import postgres_folder_name
from lyceum.hub.tuning import SHARED_MEMORY, SHM_BYTES_MIN, this_machine
from lyceum.kernel.config import Settings
from lyceum.kernel.disk import disk_of
from lyceum.kernel.problems import first_line

GIBIBYTE = 1024**3
DISK_BYTES_WANTED = 10 * GIBIBYTE
MEMORY_BYTES_MIN = 1 * GIBIBYTE
MEMORY_BYTES_WANTED = 4 * GIBIBYTE
OPEN_FILES_MIN = 1024
ADDRESS_SPACE_BYTES_WANTED = 64 * GIBIBYTE
PYTHON_VERSIONS = ((3, 11), (3, 12), (3, 13))
PROBE_SECONDS_MAX = 10
VERSION_WORDS = 3

Verdict = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and what to do when it is not ok."""

    name: str
    verdict: Verdict
    found: str
    fix: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Return one finding or more for each thing a hub needs; looks at this machine only."""
    return [finding for look in LOOKS for finding in look(settings)]


def finding_lines(findings: list[Finding]) -> list[str]:
    """Return the findings as lines for people."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.verdict:<5} {finding.name:<16} {finding.found}")
        if finding.fix and finding.verdict != "ok":
            lines.append(f"{'':<22} → {finding.fix}")
    return lines


def _python(_settings: Settings) -> Iterator[Finding]:
    fine = sys.version_info[:2] in PYTHON_VERSIONS
    yield Finding(
        "Python", "ok" if fine else "fail", platform.python_version(), "install Lyceum with Python 3.11, 3.12 or 3.13"
    )


def _bytecode(_settings: Settings) -> Iterator[Finding]:
    largest = importlib.util.find_spec("sqlalchemy")
    kept = largest is not None and largest.cached is not None and Path(largest.cached).exists()
    fix = f"run `{sys.executable} -m compileall -q {sysconfig.get_path('purelib')}`"
    found = "kept" if kept else "compiled again at every start, which then takes three times as long"
    yield Finding("Bytecode", "ok" if kept else "warn", found, fix)


def _kernel(_settings: Settings) -> Iterator[Finding]:
    system, machine = platform.system(), platform.machine()
    supported = system == "Linux" and machine in {"x86_64", "aarch64"}
    yield Finding(
        "Kernel",
        "ok" if supported else "warn",
        f"{system} {platform.release()} {machine}",
        "Lyceum is made for Linux on x86_64 and arm64; name servers of yours if the embedded ones do not run",
    )


def _servers(settings: Settings) -> Iterator[Finding]:
    try:
        programs = find_programs()
    except HubRefused as error:
        external = settings.database_url is not None and settings.valkey_url is not None
        yield Finding("Servers", "ok" if external else "fail", "no embedded servers", str(error))
        return
    for name, program in (("PostgreSQL", programs.postgres_bin / "postgres"), ("Valkey", programs.valkey_server)):
        try:
            done = subprocess.run(
                (program, "--version"), capture_output=True, text=True, timeout=PROBE_SECONDS_MAX, check=True
            )
        except (OSError, subprocess.SubprocessError) as error:
            yield Finding(name, "fail", f"does not run: {error}", "install the package again on this platform")
        else:
            yield Finding(name, "ok", " ".join(done.stdout.split()[:VERSION_WORDS]))


def _home(settings: Settings) -> Iterator[Finding]:
    home = settings.home
    existing = next(path for path in (home, *home.parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding("Data folder", "fail", f"{existing} cannot be written", "set LYCEUM_HOME to a folder of yours")
        return
    yield Finding("Data folder", "ok", str(home))
    disk = disk_of(settings).look()
    verdict: Verdict = "fail" if disk.is_low else "warn" if disk.free_bytes < DISK_BYTES_WANTED else "ok"
    low = ": nothing is written that grows" if disk.is_low else ""
    found = f"{_size(disk.free_bytes)} free, {_size(disk.free_bytes_min)} in reserve{low}"
    yield Finding("Disk", verdict, found, f"make room, or set LYCEUM_HOME to a larger disk than {home}")


def _account(settings: Settings) -> Iterator[Finding]:
    if os.geteuid() != 0:
        yield Finding("Account", "ok", f"an ordinary user (uid {os.geteuid()})")
        return
    fix = "start the hub as an ordinary user, or make an account for its servers: `useradd --system lyceum`"
    account = choose_account(settings.home / "servers" / postgres_folder_name())
    yield Finding("Account", "warn", f"root; PostgreSQL and Valkey run as {account.name}", fix)
    if settings.home.exists() and not _may_enter(account, settings.home):
        fix = "set LYCEUM_HOME=/var/lib/lyceum, or start the hub as an ordinary user"
        yield Finding("Way in", "fail", f"{account.name} cannot enter {settings.home}", fix)


def _may_enter(account: ServerAccount, home: Path) -> bool:
    """Tell whether the servers' account gets at the data, by itself or through a bind mount."""
    if account.seen_as is not None or may_run(account, 'test -x "$1"', home):
        return True
    with tempfile.TemporaryDirectory() as folder:
        door = Path(folder)
        door.chmod(0o711)
        return may_run(account, 'test -x "$1"', door, binds=((home, door),))


def _database(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is None:
        return
    import psycopg
    from sqlalchemy.exc import ArgumentError

    from lyceum.kernel.migrate import libpq_url

    fix = "check LYCEUM_DATABASE_URL and that the server runs; `lyceum migrate` makes roles and tables"
    try:
        url = libpq_url(settings.database_url.get_secret_value())
        with psycopg.connect(url, connect_timeout=PROBE_SECONDS_MAX) as connection:
            row = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()
            version = connection.info.server_version // 10_000
            missing = what_is_missing(connection, app_role=connection.info.user)
    except (psycopg.Error, ArgumentError, ValueError) as error:
        yield Finding("Database", "fail", first_line(error), fix)
        return
    fine = row is not None and version in SUPPORTED_VERSIONS
    found = f"PostgreSQL {version}, {f'pgvector {row[0]}' if row else 'no pgvector'}"
    yield Finding("Database", "ok" if fine else "fail", found, "use PostgreSQL 16 to 18 with pgvector 0.8 or later")
    migrates = settings.database_owner_url is not None
    fix = "run `lyceum migrate`" if migrates else "run `lyceum migrate` with LYCEUM_DATABASE_OWNER_URL set"
    yield Finding(
        "Tables",
        "ok" if missing is None else "warn" if migrates else "fail",
        "of this release" if missing is None else f"the database {missing}",
        f"{fix}{', or `lyceum up`, which does the same first' if migrates else ' to the address of its owner'}",
    )


def _replica(settings: Settings) -> Iterator[Finding]:
    if (found := examine_replica(settings)) is not None:
        yield Finding("Replica", found.verdict, found.found, found.fix)


def _valkey(settings: Settings) -> Iterator[Finding]:
    if settings.valkey_url is None:
        return
    import redis

    client = redis.Redis.from_url(settings.valkey_url.get_secret_value(), socket_connect_timeout=PROBE_SECONDS_MAX)
    try:
        client.ping()
        yield Finding("Valkey", "ok", "answers")
    except redis.RedisError as error:
        yield Finding("Valkey", "warn", str(error), "check LYCEUM_VALKEY_URL; the hub runs without it, slower")
    finally:
        client.close()


def _memory(_settings: Settings) -> Iterator[Finding]:
    machine = this_machine()
    memory = machine.memory_bytes
    verdict: Verdict = "fail" if memory < MEMORY_BYTES_MIN else "warn" if memory < MEMORY_BYTES_WANTED else "ok"
    yield Finding(
        "Memory", verdict, f"{_size(memory)}, {machine.cpus} CPUs", "trainings need room: 4 GiB or more are comfortable"
    )
    small = machine.shm_bytes < SHM_BYTES_MIN
    shm = f"{_size(machine.shm_bytes)}{', so PostgreSQL shares memory through files' if small else ''}"
    fix = "in a container, start it with `--shm-size=256m` for faster parallel queries"
    yield Finding(str(SHARED_MEMORY), "warn" if small else "ok", shm, fix)


def _limits(_settings: Settings) -> Iterator[Finding]:
    address_space = resource.getrlimit(resource.RLIMIT_AS)[0]
    limited = address_space != resource.RLIM_INFINITY
    narrow = limited and address_space < ADDRESS_SPACE_BYTES_WANTED
    yield Finding(
        "Address space",
        "warn" if narrow else "ok",
        _size(address_space) if limited else "unlimited",
        "model runtimes reserve far more than they use: run `ulimit -v unlimited` before `lyceum up`",
    )
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    yield Finding("Open files", "ok" if files >= OPEN_FILES_MIN else "warn", str(files), "run `ulimit -n 4096`")


def _ports(settings: Settings) -> Iterator[Finding]:
    try:
        running = ask_hub(settings.home, "status")
    except (HubRefused, HubFailed):
        running = None
    if running:
        yield Finding("Ports", "ok", f"the hub runs on {running['port']} and {running['predict_port']}")
        return
    try:
        listen_near(settings.host, 0).close()
    except HubRefused as error:
        fix = "set LYCEUM_HOST to 127.0.0.1 for this machine alone, or to 0.0.0.0 for all"
        yield Finding("Address", "fail", str(error).partition(": ")[0], fix)
        return
    for variable, port in (("LYCEUM_PORT", settings.port), ("LYCEUM_PREDICT_PORT", settings.predict_port)):
        free = is_free(settings.host, port)
        fix = f"`lyceum up` takes the next free one; set {variable} to choose"
        yield Finding(f"Port {port}", "ok" if free else "warn", "free" if free else why_not(port), fix)


def _sandbox(_settings: Settings) -> Iterator[Finding]:
    found = probe_sandbox()
    parts = (
        f"bubblewrap {'works' if found.bubblewrap_problem is None else 'does not work'}, "
        f"Landlock {found.landlock_version or 'missing'}, seccomp {'works' if found.seccomp else 'missing'}"
    )
    if found.tier == "none":
        fix = "use a kernel with Landlock (5.13 or later, `lsm=` must name it) and seccomp; until then pickles are refused"
        yield Finding("Sandbox", "warn", f"none: {parts}", fix)
        return
    yield Finding(
        "Sandbox", "ok" if found.tier == "A" else "warn", f"tier {found.tier}: {parts}", found.bubblewrap_problem or ""
    )


def _size(count: int) -> str:
    return f"{count / GIBIBYTE:.1f} GiB"


LOOKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _python,
    _bytecode,
    _kernel,
    _servers,
    _home,
    _account,
    _database,
    _replica,
    _valkey,
    _memory,
    _limits,
    _ports,
    _sandbox,
)
