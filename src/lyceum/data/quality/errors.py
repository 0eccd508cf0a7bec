"""What checks can refuse."""

from lyceum.kernel.problems import Conflict, Invalid, NotFound, Unavailable


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


class CheckUnchanged(Invalid):
    """A change of a check that changes nothing."""

    code = "check_unchanged"


class CheckTooOften(Invalid):
    """A schedule that would have a check run all the time."""

    code = "check_too_often"


class TrialTooSlow(Invalid):
    """A check that takes too long to be tried."""

    code = "trial_too_slow"


class TrialsBusy(Unavailable):
    """As many checks are being tried just now as may be at once."""

    code = "trials_busy"
