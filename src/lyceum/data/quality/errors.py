"""What checks can refuse."""

from lyceum.kernel.problems import Conflict, NotFound


class CheckNotFound(NotFound):
    """No such check, or none the caller may see."""

    code = "check_not_found"


class CheckRunNotFound(NotFound):
    """No such check run, or none the caller may see."""

    code = "check_run_not_found"


class CheckExists(Conflict):
    """The dataset has a check that asks the same."""

    code = "check_exists"


class NothingToCheck(Conflict):
    """The dataset has no checks."""

    code = "nothing_to_check"


class TooManyChecks(Conflict):
    """The dataset has as many checks as it may."""

    code = "too_many_checks"
