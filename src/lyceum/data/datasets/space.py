"""A full disk, however the libraries that meet it say so."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from lyceum.kernel.problems import NoSpace

_NUMBERS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_IN_WORDS = re.compile(r"\(os error (\d+)\)")


class DiskFull(NoSpace):
    """The table could not be kept for want of space; nothing of it is left."""

    code = "disk_full"


def is_full(error: BaseException) -> bool:
    """Return whether an error says that the disk, or the share of it one may use, is full."""
    if getattr(error, "errno", None) in _NUMBERS:
        return True
    # Polars, Delta and the object store library give the system's number in words only
    return any(int(number) in _NUMBERS for number in _IN_WORDS.findall(str(error)))


@contextmanager
def telling_full(file_name: str) -> Iterator[None]:
    """Raise `DiskFull`, in one sentence, for what a full disk raises."""
    try:
        yield
    except DiskFull:
        raise
    except Exception as failed:
        if is_full(failed):
            raise DiskFull(
                f"{file_name} could not be staged because the disk is full; free some space and upload it again."
            ) from failed
        raise
