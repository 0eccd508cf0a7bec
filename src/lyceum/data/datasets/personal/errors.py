"""What marking and erasing can be refused with."""

from lyceum.kernel.problems import Conflict, NotFound


class ErasureUnderWay(Conflict):
    """Somebody is being erased from the dataset."""

    title = "Somebody is being erased"
    code = "erasure_under_way"


class ErasureNotFound(NotFound):
    """There is no such erasure."""

    title = "There is no such erasure"
    code = "erasure_not_found"
