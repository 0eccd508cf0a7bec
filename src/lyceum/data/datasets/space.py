"""A full disk, told of the table that it leaves no room for."""

from collections.abc import Iterator
from contextlib import contextmanager

from lyceum.kernel.problems import NoSpace, is_full


class DiskFull(NoSpace):
    """The table could not be kept for want of space; nothing of it is left."""

    code = "disk_full"


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
