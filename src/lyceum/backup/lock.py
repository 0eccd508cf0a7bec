"""One at a time at a destination: whoever writes or removes there holds its lock.

In a folder that is a lock of the kernel, gone with its holder. In a bucket it is an object that its holder writes anew every
few seconds; one that stays the same for longer than that, by the looker's own clock, was left by somebody who is dead.
"""

import fcntl
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import ObjectStore

from lyceum.backup.destination import Destination
from lyceum.backup.errors import BackupFailed, BackupRefused

LOCK_NAME = "lock"
BEAT_SECONDS = 5.0
DEAD_SECONDS = 30.0
LOOK_SECONDS = 0.5

StillHeld = Callable[[], None]
"""Raises `BackupFailed` when the lock was lost; asked before what must not be done without it."""


@contextmanager
def destination_lock(
    destination: Destination, *, beat_seconds: float = BEAT_SECONDS, dead_seconds: float = DEAD_SECONDS
) -> Iterator[StillHeld]:
    """Hold a destination; raises `BackupRefused` while somebody else does."""
    if destination.folder is not None:
        with _folder_lock(destination.folder / LOCK_NAME):
            yield lambda: None
        return
    lease = _Lease(destination.store, dead_seconds)
    lease.take(destination.name)
    beating = threading.Thread(target=lease.beat_until_released, args=(beat_seconds,), name="backup-lock", daemon=True)
    beating.start()
    try:
        yield lease.refuse_lost
    finally:
        lease.released.set()
        beating.join()
        lease.drop()


@contextmanager
def _folder_lock(file: Path) -> Iterator[None]:
    with file.open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _refusal(str(file.parent)) from None
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield


@dataclass(slots=True)
class _Lease:
    """The lock as an object, `<token> <beat>`; only its holder's own token may be renewed or dropped."""

    store: ObjectStore
    dead_seconds: float
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    released: threading.Event = field(default_factory=threading.Event)
    beats: int = 0
    lost: bool = False

    def take(self, name: str) -> None:
        """Write the object where none is, else in place of a dead one's; raises `BackupRefused`."""
        while True:
            try:
                obstore.put(self.store, LOCK_NAME, self._content(), mode="create")
            except AlreadyExistsError:
                etag = self._etag_of_dead(name)
            else:
                return
            # it was given back since: whoever asks first has it now
            if etag is None:
                continue
            try:
                obstore.put(self.store, LOCK_NAME, self._content(), mode={"e_tag": etag})
            except PreconditionError:
                raise _refusal(name) from None
            return

    def beat_until_released(self, beat_seconds: float) -> None:
        """Write the object anew until it is released; stops when it is somebody else's by then."""
        renewed = time.monotonic()
        while not self.released.wait(beat_seconds):
            try:
                if not self._look()[0].startswith(self.token):
                    self.lost = True
                    return
                self.beats += 1
                obstore.put(self.store, LOCK_NAME, self._content())
                renewed = time.monotonic()
            except (BaseError, OSError):
                # the store is away: nobody can take the lock there either until it is back
                if time.monotonic() - renewed > self.dead_seconds:
                    self.lost = True
                    return

    def refuse_lost(self) -> None:
        """Raise `BackupFailed` when somebody else may hold the lock by now."""
        if self.lost:
            raise BackupFailed(
                "The destination could not be reached for so long that others may write there: try again."
            )

    def drop(self) -> None:
        """Remove the object, unless it is somebody else's."""
        try:
            if self._look()[0].startswith(self.token):
                obstore.delete(self.store, LOCK_NAME)
        except (BaseError, OSError):
            return

    def _etag_of_dead(self, name: str) -> str | None:
        """Return the tag of an object that nobody renews, None for one that is gone; raises `BackupRefused`."""
        seen, etag = self._look()
        deadline = time.monotonic() + self.dead_seconds
        while seen and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            now, etag = self._look()
            if now not in {seen, ""}:
                raise _refusal(name)
            seen = now
        return etag

    def _look(self) -> tuple[str, str | None]:
        try:
            reply = obstore.get(self.store, LOCK_NAME)
        except FileNotFoundError:
            return "", None
        return bytes(reply.bytes()).decode(), reply.meta.get("e_tag")

    def _content(self) -> bytes:
        return f"{self.token} {self.beats}".encode()


def _refusal(name: str) -> BackupRefused:
    return BackupRefused(f"Somebody else makes or removes backups in {name} just now: wait until that is done.")
