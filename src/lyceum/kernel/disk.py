"""The room left on the hub's disk, and the reserve below which nothing is written that grows.

What is kept free is for PostgreSQL, the logs, and for people to sign in, read and remove things until there is room again.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from lyceum.kernel.config import Settings
from lyceum.kernel.problems import NoSpace

RESERVE_BYTES = 2 * 1024**3
RESERVE_SHARE = 0.2
"""Of a disk so small that `RESERVE_BYTES` would be more than this: the reserve is then this share of it."""


@dataclass(frozen=True, slots=True)
class DiskState:
    """The fullest of the disks the hub's data lies on."""

    path: Path
    total_bytes: int
    free_bytes: int
    free_bytes_min: int

    @property
    def is_low(self) -> bool:
        """Whether less is free than is kept in reserve."""
        return self.free_bytes < self.free_bytes_min


@dataclass(frozen=True, slots=True)
class Disk:
    """The disks of the hub's home and of its files on this machine; `reserve_bytes` None: as the disk's size suggests."""

    paths: tuple[Path, ...]
    reserve_bytes: int | None

    def look(self) -> DiskState:
        """Return how the disk is that is nearest to its reserve; a look costs microseconds."""
        return min((self._one(path) for path in self.paths), key=lambda one: one.free_bytes - one.free_bytes_min)

    def refuse_when_low(self, *, wanted_bytes: int = 0) -> None:
        """Raise `NoSpace` when less than the reserve would be free after `wanted_bytes` were written."""
        state = self.look()
        if state.free_bytes - wanted_bytes < state.free_bytes_min:
            wanted = f", {wanted_bytes // 1024**2} MB are asked for," if wanted_bytes else ""
            raise NoSpace(
                f"Only {state.free_bytes // 1024**2} MB are free on the hub's disk{wanted} and it keeps "
                f"{state.free_bytes_min // 1024**2} MB in reserve; free some space or move LYCEUM_HOME to a larger disk."
            )

    def _one(self, path: Path) -> DiskState:
        usage = shutil.disk_usage(next(there for there in (path, *path.parents) if there.exists()))
        return DiskState(path, usage.total, usage.free, reserve_of(usage.total, self.reserve_bytes))


def reserve_of(total_bytes: int, wanted_bytes: int | None) -> int:
    """Return what is kept free of a disk: what the settings say, else 2 GiB, or a fifth of a disk smaller than 10 GiB."""
    return wanted_bytes if wanted_bytes is not None else min(RESERVE_BYTES, int(total_bytes * RESERVE_SHARE))


def disk_of(settings: Settings) -> Disk:
    """Return the disks of the hub's home and, where its files lie on this machine, of those."""
    return Disk((settings.home, *_files(settings)), settings.disk_free_bytes_min)


def _files(settings: Settings) -> tuple[Path, ...]:
    if settings.storage_url is None:
        return ()
    # the supervisor asks as well, and stays small without the library of object stores
    from lyceum.kernel.objects import folder_of

    folder = folder_of(settings.storage_url)
    return () if folder is None else (folder,)
