"""Runs a hub: starts its parts in parallel, keeps them running, answers on the control socket, stops them in order."""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from lyceum.hub.children import Child, ChildPlan
from lyceum.hub.control import serve_control
from lyceum.hub.errands import ERRAND_SECONDS_MAX, run_errand
from lyceum.hub.errors import HubFailed, HubRefused
from lyceum.hub.folders import HubFolders, prepare_folders, prepare_run_folder
from lyceum.hub.forks import ForkServer
from lyceum.hub.lock import hub_lock
from lyceum.hub.logs import own_log, rotate_logs
from lyceum.hub.parts import (
    HubParts,
    Program,
    errand_request,
    gather_parts,
    postgres_plan,
    program_plan,
    programs,
    valkey_plan,
)
from lyceum.hub.ports import why_not
from lyceum.hub.prepared import read_note
from lyceum.hub.replica_state import replica_in_use
from lyceum.hub.scheduled import BACKUP_SECONDS_MAX, keep_backups
from lyceum.hub.switching import settle
from lyceum.kernel.backup_note import last_backup
from lyceum.kernel.config import Settings
from lyceum.kernel.disk import disk_of

LOG_ROTATION_SECONDS = 60
SETUP_PATH = "/setup?token="

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HubReady:
    """What to tell once everything serves."""

    seconds: float
    parts: HubParts


class Audience(Protocol):
    """Who hears what the hub does; `lyceum up` prints it."""

    def started(self, name: str, seconds: float) -> None:
        """Hear that a part serves, and how long its start took."""

    def notice(self, text: str) -> None:
        """Hear one sentence about something that is not as expected."""

    def ready(self, hub: HubReady) -> None:
        """Hear that everything serves."""

    def setup_link(self, url: str) -> None:
        """Hear the one-time link for the administrator, who has not been set up yet."""


RESET_LINK = "admin-reset-link "
"""What stands before the address in the command that asks for such a link."""
RESET_FACTORS = "admin-reset-factors "
"""The same in the command that takes the second factors from somebody who has lost them."""


class Supervisor:
    """One run of one hub."""

    def __init__(self, settings: Settings, audience: Audience, forks: ForkServer, *, version: str) -> None:
        self._settings = settings
        self._forks = forks
        self._audience = audience
        self._version = version
        self._children: list[Child] = []
        self._running: list[asyncio.Task[None]] = []
        self._stop = asyncio.Event()
        self._since = datetime.now(UTC)
        self._parts: HubParts | None = None
        self._backing_up: asyncio.Task[None] | None = None
        self._migrated = False
        self._ready = False

    async def run(self, *, beside: tuple[Program, ...] | None = None) -> None:
        """Run the hub until it is told to stop by a signal or over its control socket; the fork server ends with it.

        `beside` replaces the API, the prediction process and the workers. Raises `HubRefused` when the hub may not
        start, `HubFailed` when it cannot; nothing it started is left behind.
        """
        try:
            await self._run_alone(prepare_folders(self._settings.home), beside)
        finally:
            self._forks.close()

    async def _run_alone(self, folders: HubFolders, beside: tuple[Program, ...] | None) -> None:
        with hub_lock(folders):
            self._listen_to_signals()
            settle(folders.home)
            rotate_logs(folders.logs)
            with own_log(folders.logs, level=self._settings.log_level):
                await self._run_logged(folders, beside)

    async def _run_logged(self, folders: HubFolders, beside: tuple[Program, ...] | None) -> None:
        prepare_run_folder(folders)
        control = await serve_control(folders.control_socket, self._answer)
        try:
            await self._start_and_wait(folders, beside)
        except (HubRefused, HubFailed) as error:
            log.error("the hub ends", extra={"cause": str(error)})  # noqa: TRY400 the sentence says it all
            raise
        finally:
            await self._stop_children()
            control.close()
            # a thread may still be making the data folder: the lock is kept until it has ended
            await asyncio.get_running_loop().shutdown_default_executor()
            shutil.rmtree(folders.run, ignore_errors=True)
            log.info("the hub has stopped")

    def stop(self) -> None:
        """Stop cleanly; asked a second time, kill what still runs."""
        if self._stop.is_set():
            for child in self._children:
                child.kill()
        self._stop.set()

    async def _start_and_wait(self, folders: HubFolders, beside: tuple[Program, ...] | None) -> None:
        self._parts = parts = await asyncio.to_thread(gather_parts, self._settings, folders)
        self._tell_moved_ports(parts)
        self._child_failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        starting = asyncio.create_task(self._start(parts, programs(parts.settings) if beside is None else beside))
        stopping = asyncio.create_task(self._stop.wait())
        rotating = asyncio.create_task(_keep_logs_small(folders))
        try:
            await _first_of(starting, stopping, self._child_failed)
            await _first_of(stopping, self._child_failed)
        finally:
            beside_it = (starting, stopping, rotating, *((self._backing_up,) if self._backing_up else ()))
            for task in beside_it:
                task.cancel()
            await asyncio.gather(*beside_it, return_exceptions=True)

    async def _start(self, parts: HubParts, beside: tuple[Program, ...]) -> None:
        plans = [program_plan(program, parts, self._forks) for program in beside]
        # the embedded server turns the app's role away until the tables are there; another server does not
        children = [self._run_child(plan) for plan in plans] if parts.postgres else []
        told = await self._start_servers(parts)
        children = children or [self._run_child(plan) for plan in plans]
        await asyncio.gather(*(self._tell_ready(child) for child in children))
        self._ready = True
        self._backing_up = asyncio.create_task(self._keep_backups(parts))
        self._audience.ready(HubReady(seconds=time.monotonic() - self._forks.since, parts=parts))
        try:
            told = await self._report_of("first-link", parts) if told is None else told
        except HubFailed as error:
            self._notice(f"No set-up link could be made ({error}): try `lyceum admin link`.")
            return
        if token := told.get("setup_token"):
            self._audience.setup_link(_setup_url(parts, token))

    async def _start_servers(self, parts: HubParts) -> dict[str, Any] | None:
        """Start what is embedded and prepare the database; None means that the set-up link is still to be made."""
        await asyncio.gather(self._start_valkey(parts), self._start_postgres(parts))
        if parts.owner_url is None:
            await self._refuse_unprepared(parts)
            return {}
        note = await read_note(parts.postgres) if parts.postgres else None
        if note is None:
            return await self._prepare_database(parts)
        self._admit_app(parts)
        return {} if note.set_up else None

    async def _keep_backups(self, parts: HubParts) -> None:
        settings = parts.settings
        if settings.backup_schedule is None:
            return
        if parts.owner_url is None:
            self._notice("No backups will be made on schedule: they take LYCEUM_DATABASE_OWNER_URL.")
            return
        await keep_backups(
            settings.backup_schedule,
            settings.home,
            lambda: self._report_of("backup", parts, seconds_max=BACKUP_SECONDS_MAX),
            self._notice,
        )

    async def _start_valkey(self, parts: HubParts) -> None:
        if parts.valkey:
            await asyncio.to_thread(parts.valkey.prepare)
            await self._tell_ready(self._run_child(valkey_plan(parts.valkey, parts.folders)))

    async def _start_postgres(self, parts: HubParts) -> None:
        postgres = parts.postgres
        if postgres is None:
            return
        started = time.monotonic()
        made = await asyncio.to_thread(postgres.prepare, new_credentials=parts.credentials_are_new, app_admitted=False)
        if made:
            self._tell_started("data folder", time.monotonic() - started)
        plan = postgres_plan(postgres, parts.folders, prepare=lambda: postgres.prepare(app_admitted=self._migrated))
        await self._tell_ready(self._run_child(plan))

    async def _prepare_database(self, parts: HubParts) -> dict[str, Any]:
        """Migrate, then let the app's role in; what the errand said comes back."""
        told: dict[str, Any] = {}
        async for report in self._errand("prepare", parts):
            told |= report
            self._tell_away(report)
            if "migrated_seconds" in report:
                self._admit_app(parts)
                self._tell_started("database", report["migrated_seconds"])
        return told

    async def _refuse_unprepared(self, parts: HubParts) -> None:
        """Refuse to serve from tables that are not of this release, and that we may not migrate."""
        told: dict[str, Any] = {}
        async for report in self._errand("check", parts):
            told |= report
            self._tell_away(report)
        if told["missing"] is not None:
            raise HubRefused(
                f"The database of LYCEUM_DATABASE_URL {told['missing']}: "
                f"run `lyceum migrate` with LYCEUM_DATABASE_OWNER_URL set to its owner's address."
            )

    def _tell_away(self, report: dict[str, Any]) -> None:
        if "away" in report:
            self._notice(f"The database cannot be reached just now ({report['away']}): trying for a minute.")
        if "stayed_away" in report:
            self._notice(
                f"The database still cannot be reached ({report['stayed_away']}): the hub starts without having "
                f"looked at its tables, and answers once it is there; see `lyceum doctor`."
            )

    def _admit_app(self, parts: HubParts) -> None:
        self._migrated = True
        pid = next((child.pid for child in self._children if child.plan.name == "postgres"), None)
        if parts.postgres and pid:
            parts.postgres.admit_app(pid)

    def _run_child(self, plan: ChildPlan) -> Child:
        child = Child(plan, announce=self._notice)
        running = asyncio.create_task(child.run())
        running.add_done_callback(self._note_failure)
        self._children.append(child)
        self._running.append(running)
        return child

    def _note_failure(self, ended: "asyncio.Task[None]") -> None:
        error = None if ended.cancelled() else ended.exception()
        if error is not None and not self._child_failed.done():
            self._child_failed.set_exception(error)

    def _notice(self, text: str) -> None:
        log.warning(text)
        self._audience.notice(text)

    def _tell_started(self, part: str, seconds: float) -> None:
        log.info("a part of the hub serves", extra={"part": part, "seconds": round(seconds, 3)})
        self._audience.started(part, seconds)

    async def _tell_ready(self, child: Child) -> None:
        await child.wait_ready()
        self._tell_started(child.plan.name, child.ready_seconds or 0.0)

    def _tell_moved_ports(self, parts: HubParts) -> None:
        for name, meaning in (("port", "the API"), ("predict_port", "the prediction process")):
            wanted, given = getattr(self._settings, name), getattr(parts.settings, name)
            if wanted != given:
                self._notice(f"Port {wanted} {why_not(wanted)}, so {meaning} is on port {given}.")

    async def _stop_children(self) -> None:
        servers = [child for child in self._children if child.plan.is_ready is not None]
        others = [child for child in self._children if child.plan.is_ready is None]
        self._forks.give_up()
        for listening in self._parts.listening.values() if self._parts else ():
            listening.close()
        # the servers last: whoever is stopping still writes to them
        for group in (others, servers):
            await asyncio.gather(*(child.stop() for child in group))
        await asyncio.gather(*self._running, return_exceptions=True)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        # nohup starts us with this one ignored, on purpose
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGHUP, self.stop)

    async def _answer(self, command: str) -> dict[str, Any]:
        match command:
            case "status":
                return self._status() | await asyncio.to_thread(self._replica)
            case "stop":
                self.stop()
                return {"stopping": True}
            case "admin-link":
                parts = self._ready_parts()
                if parts.owner_url is None:
                    raise HubFailed("A set-up link is made as the database's owner: set LYCEUM_DATABASE_OWNER_URL.")
                return {"url": _setup_url(parts, (await self._report_of("link", parts))["setup_token"])}
            case "admin-key":
                return await self._report_of("key", self._ready_parts())
            case _ if command.startswith(RESET_LINK):
                return await self._report_of("reset-link", self._ready_parts(), command.removeprefix(RESET_LINK))
            case _ if command.startswith(RESET_FACTORS):
                return await self._report_of("reset-factors", self._ready_parts(), command.removeprefix(RESET_FACTORS))
            case _:
                raise HubFailed(f"This hub does not know the command {command}: it may be of another release.")

    def _status(self) -> dict[str, Any]:
        """Return what `lyceum status` shows; passwords are not in it."""
        settings = self._parts.settings if self._parts else self._settings
        parts = self._parts
        return {
            "version": self._version,
            "pid": os.getpid(),
            "since": self._since.isoformat(timespec="seconds"),
            "ready": self._ready and all(child.is_ready for child in self._children),
            "home": str(settings.home),
            "url": settings.base_url,
            "host": settings.host,
            "port": settings.port,
            "predict_port": settings.predict_port,
            "last_backup": _last_backup(settings.home),
            "database": "embedded" if parts is None or parts.postgres else "external",
            "valkey": "embedded" if parts is None or parts.valkey else "external",
            "disk": self._disk_report(),
            "children": [asdict(child.report()) for child in self._children],
        }

    def _disk_report(self) -> dict[str, int]:
        disk = disk_of(self._settings).look()
        return {"free_bytes": disk.free_bytes, "free_bytes_min": disk.free_bytes_min}

    def _replica(self) -> dict[str, Any]:
        return {"replica": replica_in_use(self._parts.settings if self._parts else self._settings)}

    def _ready_parts(self) -> HubParts:
        if self._parts is None or not self._ready:
            raise HubFailed("The hub is still starting: ask again in a moment.")
        return self._parts

    async def _report_of(
        self, name: str, parts: HubParts, *about: str, seconds_max: float = ERRAND_SECONDS_MAX
    ) -> dict[str, Any]:
        report: dict[str, Any] = {}
        async for line in self._errand(name, parts, *about, seconds_max=seconds_max):
            report |= line
        return report

    def _errand(
        self, name: str, parts: HubParts, *about: str, seconds_max: float = ERRAND_SECONDS_MAX
    ) -> AsyncIterator[dict[str, Any]]:
        log_file = parts.folders.logs / "administrator.log"
        return run_errand(errand_request(name, parts, *about), self._forks, log_file=log_file, seconds_max=seconds_max)


def _setup_url(parts: HubParts, token: str) -> str:
    return f"{parts.settings.base_url}{SETUP_PATH}{token}"


def _last_backup(home: Path) -> dict[str, Any] | None:
    last = last_backup(home)
    return asdict(last) if last else None


async def _first_of(*awaited: "asyncio.Future[Any]") -> None:
    """Return when the first has ended; raises what it raised."""
    done, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
    for ended in done:
        ended.result()


async def _keep_logs_small(folders: HubFolders) -> None:
    while True:
        await asyncio.sleep(LOG_ROTATION_SECONDS)
        # the next minute tries again
        with contextlib.suppress(HubRefused, OSError):
            await asyncio.to_thread(rotate_logs, folders.logs)
