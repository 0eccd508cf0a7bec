"""What checks can refuse."""

from collections.abc import Mapping, Sequence

from lyceum.kernel.problems import Conflict, Invalid, NotFound, Unavailable

SAID_MAX = 5
"""Of the checks that failed, how many the sentence names; the list has them all."""


class CheckNotFound(NotFound):
    """No such check, or none the caller may see."""

    code = "check_not_found"


class CheckRunNotFound(NotFound):
    """No such check run, or none the caller may see."""

    code = "check_run_not_found"


class ChecksFailed(Conflict):
    """Data that does not pass the checks that hold back a version; `checks` lists each, with what it found."""

    title = "The data did not pass its checks"
    code = "checks_failed"

    def __init__(self, checks: Sequence[Mapping[str, str]]) -> None:
        said = " ".join(f"{one['check']}: {one['sentence']}" for one in checks[:SAID_MAX])
        more = f" And {len(checks) - SAID_MAX:,} more." if len(checks) > SAID_MAX else ""
        count = "One blocking check" if len(checks) == 1 else f"{len(checks):,} blocking checks"
        super().__init__(
            f"{count} did not hold, so this version is held back and the last good one stays. {said}{more}",
            checks=[dict(one) for one in checks],
        )


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


class FileUnreadable(Invalid):
    """A file of checks that is no text, or too large."""

    code = "file_unreadable"


class TooManyOutsideResults(Invalid):
    """Another tool's run with more results than are kept."""

    code = "too_many_outside_results"


class SuggestionNotFound(NotFound):
    """A check that the profile does not suggest, or that is kept or refused already."""

    code = "suggestion_not_found"
