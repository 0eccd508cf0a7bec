"""Where uploads are unpacked and typed before they are stored: below the hub's home, on the disk made for its data."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FOLDER = "reading"


@contextmanager
def workplace(home: Path) -> Iterator[Path]:
    """Give a new folder that is gone afterwards; one that a killed process leaves is swept."""
    folder = home / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as work:
        yield Path(work)


def sweep_workplaces(home: Path, *, older_than_seconds: float) -> int:
    """Remove the folders nothing was written to for so long; return how many."""
    before = time.time() - older_than_seconds
    removed = 0
    for work in (home / _FOLDER).glob("*"):
        if _written_at(work) < before:
            shutil.rmtree(work, ignore_errors=True)
            removed += 1
    return removed


def _written_at(work: Path) -> float:
    """Return when anything in the folder was last written; now, when it goes away meanwhile."""
    with suppress(FileNotFoundError):
        return max(path.stat().st_mtime for path in (work, *work.rglob("*")))
    return time.time()
