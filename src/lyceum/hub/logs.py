"""Keeps the children's log files small."""

import os
import shutil
from pathlib import Path

from lyceum.hub.folders import refuse_foreign

LOG_BYTES_MAX = 10 * 1024**2


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
