"""The embedded PostgreSQL: makes its data folder, starts on a Unix socket only, and knows when it is ready."""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from lyceum.hub.credentials import Credentials
from lyceum.hub.errors import HubFailed, HubRefused
from lyceum.hub.processes import Launch
from lyceum.hub.server_home import ServerHome, make_owned, other_postgres_data
from lyceum.hub.tuning import postgres_settings, this_machine

# of the pinned wheel; a test compares it with what the server says
POSTGRES_VERSION = "18.4"
SUPPORTED_VERSIONS = range(16, 19)
ADMIN_ROLE = "lyceum_admin"
OWNER_ROLE = "lyceum_owner"
APP_ROLE = "lyceum_app"
DATABASE = "lyceum"
ORPHAN_STOP_SECONDS_MAX = 30
SETUP_SECONDS_MAX = 300
READY_LINE = 7
FIRST_WITH_IO_WORKERS = 18


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """One PostgreSQL server of one hub.

    `prepare` once, then start `launch()` with any `Popen` and wait until `is_ready`; SIGINT stops it. All is blocking.
    """

    home: ServerHome
    credentials: Credentials
    durable: bool = True

    stop_signal = signal.SIGINT
    kill_signal = signal.SIGQUIT

    @property
    def data(self) -> Path:
        return self.home.postgres_data

    def prepare(self, *, new_credentials: bool = False, app_admitted: bool = True) -> bool:
        """Make the data folder when there is none (then true comes back) and stop a server that an earlier hub left.

        With `new_credentials` the passwords of existing data are set anew. Without `app_admitted` the app's role is
        turned away until `admit_app`, so that nobody works on tables that are still being migrated.
        Raises `HubRefused` or `HubFailed`.
        """
        self._refuse_unusable()
        self._stop_orphan()
        self._write_rules(app_admitted=app_admitted)
        self._write_configuration()
        if not self.data.exists():
            self._make_data()
            return True
        if new_credentials:
            self._run_single_user(self.data, "postgres", self._passwords_sql("ALTER"))
        return False

    def launch(self, *, death_signal: signal.Signals | None = signal.SIGINT) -> Launch:
        """Return how to start the server; with its death signal it shuts down when the process that started it dies."""
        program = (
            str(self.home.programs.postgres_bin / "postgres"),
            *("-D", str(self._seen(self.data))),
            *("-c", f"config_file={self.home.seen_folder / 'postgres.conf'}"),
        )
        return Launch(
            program=program,
            account=self.home.account,
            binds=self.home.binds,
            death_signal=death_signal,
            environment=self._stale_lock_variables(),
        )

    def is_ready(self, pid: int) -> bool:
        """Tell whether the server with this pid accepts connections; one small file is read."""
        lines = self._lock_lines()
        return len(lines) > READY_LINE and lines[0] == str(pid) and lines[READY_LINE].strip() == "ready"

    def admit_app(self, pid: int) -> None:
        """Let the app's role in from now on; `pid` is the running server's."""
        self._write_rules(app_admitted=True)
        os.kill(pid, signal.SIGHUP)

    def app_url(self, database: str = DATABASE) -> str:
        """Return the SQLAlchemy URL for the app's role, which owns nothing."""
        return self.url(APP_ROLE, self.credentials.app_password, database)

    def owner_url(self, database: str = DATABASE) -> str:
        """Return the SQLAlchemy URL for the owner of the database, for migrations."""
        return self.url(OWNER_ROLE, self.credentials.owner_password, database)

    def url(self, role: str, password: str, database: str) -> str:
        return _url(self.home.sockets, role, password, database)

    @staticmethod
    def owner_url_at(sockets: Path, credentials: Credentials) -> str:
        """Return `owner_url` for a server that somebody else runs, by the folder of its socket."""
        return _url(sockets, OWNER_ROLE, credentials.owner_password, DATABASE)

    def _seen(self, path: Path) -> Path:
        return self.home.seen_folder / path.relative_to(self.home.folder)

    def _refuse_unusable(self) -> None:
        if not self.data.exists():
            self._refuse_forgotten_data()
            return
        owner = self.data.stat().st_uid
        if owner != self.home.account.uid:
            raise HubRefused(
                f"{self.data} belongs to uid {owner}, and PostgreSQL would run as {self.home.account.name}: "
                f"start the hub as that owner, or set LYCEUM_HOME to another folder."
            )

    def _refuse_forgotten_data(self) -> None:
        if others := other_postgres_data(self.home.folder):
            raise HubRefused(
                f"The data in {self.home.folder} is of PostgreSQL {others[0]}, and this release brings "
                f"{self.home.postgres_major}: run `lyceum upgrade`."
            )

    def _write_configuration(self) -> None:
        """Write into the folder above the data: that one is ours, while the data belongs to the servers' account."""
        settings = postgres_settings(this_machine(), server_uid=self.home.account.uid, durable=self.durable)
        if self.home.postgres_major < FIRST_WITH_IO_WORKERS:
            del settings["io_workers"]
        settings |= {
            "listen_addresses": "",
            "unix_socket_directories": str(self.home.sockets),
            "unix_socket_permissions": "0700",
            "hba_file": str(self._seen(self._rules)),
            "logging_collector": "off",
        }
        lines = ["# written at every start; change a setting with ALTER SYSTEM, which wins"]
        lines += [f"{name} = {_quoted(value)}" for name, value in settings.items()]
        _write_shared(self.home.folder / "postgres.conf", "\n".join([*lines, ""]))

    @property
    def _rules(self) -> Path:
        return self.home.folder / "postgres_hba.conf"

    def _write_rules(self, *, app_admitted: bool) -> None:
        roles = "all" if app_admitted else f"{ADMIN_ROLE},{OWNER_ROLE}"
        _write_shared(self._rules, f"local all {roles} scram-sha-256\n")

    def _make_data(self) -> None:
        partial = self.data.with_name(f"{self.data.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        make_owned(partial, self.home.account)
        self._run_setup(
            (
                *("initdb", "-D", str(self._seen(partial)), "-U", ADMIN_ROLE, "--encoding=UTF8"),
                # the same order of strings on every machine
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-locale"),
                # never used: the server reads its own rules
                *("--auth-local=peer", "--auth-host=reject", "--no-instructions", "--no-sync"),
            )
        )
        self._run_single_user(partial, "postgres", self._passwords_sql("CREATE"))
        self._run_single_user(partial, DATABASE, ["CREATE EXTENSION vector"])
        if self.durable:
            self._run_setup(("initdb", "--sync-only", "-D", str(self._seen(partial))))
        partial.rename(self.data)
        _sync_folder(self.data.parent)

    def _passwords_sql(self, verb: str) -> list[str]:
        held = self.credentials
        statements = [
            f"ALTER ROLE {ADMIN_ROLE} PASSWORD '{held.admin_password}'",
            f"{verb} ROLE {OWNER_ROLE} LOGIN PASSWORD '{held.owner_password}'",
            f"{verb} ROLE {APP_ROLE} LOGIN NOBYPASSRLS PASSWORD '{held.app_password}'",
        ]
        if verb == "ALTER":
            return statements
        return [
            *statements,
            f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE} STRATEGY file_copy",
            f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {DATABASE} TO {APP_ROLE}",
            "REVOKE ALL ON DATABASE postgres FROM PUBLIC",
        ]

    def _run_single_user(self, data: Path, database: str, statements: list[str]) -> None:
        # -j: a statement ends at a semicolon and an empty line
        self._run_setup(
            (
                *("postgres", "--single", "-j", "-D", str(self._seen(data))),
                *("-c", "exit_on_error=on", "-c", "scram_iterations=1", "-c", "log_checkpoints=off"),
                *(("-c", "fsync=off") if data != self.data else ()),
                database,
            ),
            text="".join(f"{statement};\n\n" for statement in statements),
        )

    def _run_setup(self, program: tuple[str, ...], *, text: str = "") -> None:
        name, *arguments = program
        launch = Launch(
            program=(str(self.home.programs.postgres_bin / name), *arguments),
            account=self.home.account,
            binds=self.home.binds,
            death_signal=signal.SIGKILL,
        )
        done = subprocess.run(
            launch.command(),
            cwd="/",
            env=launch.variables(),
            input=text,
            capture_output=True,
            text=True,
            timeout=SETUP_SECONDS_MAX,
            check=False,
        )
        if done.returncode != 0:
            last = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
            raise HubFailed(f"PostgreSQL could not make its data folder {self.data} ({name}): {last}")

    def _stop_orphan(self) -> None:
        locked_by = self._locked_pid()
        if locked_by is None:
            return
        if self._is_our_server(locked_by):
            os.kill(locked_by, self.stop_signal)
        deadline = time.monotonic() + ORPHAN_STOP_SECONDS_MAX
        # those of a killed postmaster hold its shared memory for a moment longer, which stops the next start
        while (pid := self._one_of_our_processes()) is not None:
            if time.monotonic() > deadline:
                raise HubFailed(f"A PostgreSQL left by an earlier hub (pid {pid}) does not stop: end it and try again.")
            time.sleep(0.02)

    def _one_of_our_processes(self) -> int | None:
        pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return next((pid for pid in pids if self._is_our_server(pid)), None)

    def _stale_lock_variables(self) -> dict[str, str]:
        """Let PostgreSQL see through a lock whose pid now belongs to another program.

        It takes a lock with its grandparent's pid for stale, and unlike with a deleted lock file it still looks for
        processes that hold the old shared memory.
        """
        pid = self._locked_pid()
        return {} if pid is None or self._is_our_server(pid) else {"PG_GRANDPARENT_PID": str(pid)}

    def _is_our_server(self, pid: int) -> bool:
        process = Path("/proc") / str(pid)
        try:
            folder = (process / "cwd").stat()
            named, _, described = (process / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")
            is_running_postgres = named.endswith("(postgres") and described.split()[0] != "Z"
            return is_running_postgres and os.path.samestat(folder, self.data.stat())
        except OSError:
            return False

    def _locked_pid(self) -> int | None:
        lines = self._lock_lines()
        return int(lines[0]) if lines and lines[0].isdigit() and int(lines[0]) > 1 else None

    def _lock_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return []


def _url(sockets: Path, role: str, password: str, database: str) -> str:
    return f"postgresql+psycopg://{role}:{password}@/{database}?{urlencode({'host': sockets}, safe='/')}"


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _write_shared(file: Path, text: str) -> None:
    partial = file.with_name(f"{file.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.chmod(0o644)
    partial.rename(file)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
