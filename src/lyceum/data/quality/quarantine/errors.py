"""What quarantining can refuse."""

from lyceum.kernel.problems import Conflict


class CheckRunUnfinished(Conflict):
    """A check run that has no results."""

    code = "check_run_unfinished"


class NothingToQuarantine(Conflict):
    """Results that name no failing rows."""

    code = "nothing_to_quarantine"


class CheckChangedSince(Conflict):
    """A check whose values are others than those it ran with, which are kept nowhere in full."""

    code = "check_changed_since"
