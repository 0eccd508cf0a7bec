"""Keeps the children's log files small."""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lyceum.hub.folders import refuse_foreign

LOG_BYTES_MAX = 10 * 1024**2
OWN_LOGGER = "lyceum.hub"


@contextmanager
def own_log(folder: Path, *, level: str) -> Iterator[None]:
    """Have what the supervisor logs in this block kept in `supervisor.log`, in the form of the other processes' lines.

    Raises `HubRefused` for a file that this account may not write.
    """
    from lyceum.kernel.telemetry import JsonLines

    file = folder / "supervisor.log"
    if file.exists():
        refuse_foreign(file)
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(JsonLines("supervisor"))
    logger = logging.getLogger(OWN_LOGGER)
    level_before = logger.level
    logger.setLevel(level.upper())
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level_before)
        handler.close()


def rotate_logs(folder: Path, *, bytes_max: int = LOG_BYTES_MAX) -> None:
    """Move what is in a log file beyond its size to `<file>.1`, replacing what was there.

    The file is copied and emptied, not renamed: its writer appends and never learns of it. Lines written in between
    are lost. Raises `HubRefused` for a file that this account may not write.
    """
    for file in folder.glob("*.log"):
        refuse_foreign(file)
        if file.stat().st_size > bytes_max:
            moved = file.with_name(f"{file.name}.1")
            refuse_foreign(moved)
            shutil.copyfile(file, moved)
            os.truncate(file, 0)
