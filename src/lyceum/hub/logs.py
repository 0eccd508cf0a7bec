"""Keeps the children's log files small."""

import os
import shutil
from pathlib import Path

LOG_BYTES_MAX = 10 * 1024**2


def rotate_logs(folder: Path, *, bytes_max: int = LOG_BYTES_MAX) -> None:
    """Move what is in a log file beyond its size to `<file>.1`, replacing what was there.

    The file is copied and emptied, not renamed: its writer appends and never learns of it. Lines written in between
    are lost.
    """
    for file in folder.glob("*.log"):
        if file.stat().st_size > bytes_max:
            shutil.copyfile(file, file.with_name(f"{file.name}.1"))
            os.truncate(file, 0)
