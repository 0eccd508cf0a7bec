"""What training runs can refuse."""

from lyceum.kernel.problems import Conflict, Invalid, NotFound


class RunNotFound(NotFound):
    """No such run, or none the caller may see."""

    code = "run_not_found"


class RunNotFinished(Conflict):
    """The run has no model yet, or never will."""

    code = "run_not_finished"


class TargetMissing(Invalid):
    """The dataset has no such column."""

    code = "target_missing"


class ColumnUnknown(Invalid):
    """A column to leave out that the dataset does not have, or that is the target."""

    code = "column_unknown"
