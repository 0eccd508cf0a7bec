"""One hub a data folder: an advisory lock that the kernel lets go of when its holder dies."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lyceum.hub.errors import HubRefused
from lyceum.hub.folders import HubFolders, refuse_foreign

LOCK_FILE = "hub.lock"
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class LockHolder:
    """Who runs the hub of a data folder, since when (UTC), and where its control socket is."""

    pid: int
    since: str
    control_socket: Path


@contextmanager
def hub_lock(folders: HubFolders, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the data folder for this process; raises `HubRefused` when another hub does or the file cannot be locked.

    Waits for a hub that is just ending: it says that it no longer runs a moment before it lets go.
    """
    file = folders.home / LOCK_FILE
    refuse_foreign(file)
    with file.open("a+", encoding="utf-8") as handle:
        deadline = time.monotonic() + wait_seconds
        try:
            while not _locked(handle.fileno()):
                if time.monotonic() >= deadline:
                    raise HubRefused(_refusal(folders.home))
                time.sleep(POLL_SECONDS)
        except OSError as error:
            raise HubRefused(
                f"{file} cannot be locked ({error.strerror}): set LYCEUM_HOME to a folder on a disk of this machine."
            ) from None
        _write(handle.fileno(), folders)
        try:
            yield
        finally:
            handle.truncate(0)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_holder(home: Path) -> LockHolder | None:
    """Return who holds, or last held, the lock of a data folder; it may have died without a word."""
    try:
        held = json.loads((home / LOCK_FILE).read_text(encoding="utf-8"))
        return LockHolder(pid=held["pid"], since=held["since"], control_socket=Path(held["control_socket"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(descriptor: int, folders: HubFolders) -> None:
    held = {
        "pid": os.getpid(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "control_socket": str(folders.control_socket),
    }
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(held).encode(), 0)


def _refusal(home: Path) -> str:
    holder = lock_holder(home)
    who = f"pid {holder.pid}, since {holder.since}" if holder else "it is just starting"
    return (
        f"A hub already runs on the data in {home} ({who}): stop that one first, "
        f"or start a second hub with another LYCEUM_HOME."
    )
