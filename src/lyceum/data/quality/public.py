"""The door of checks."""

from lyceum.data.quality.due import check_version
from lyceum.data.quality.erasing import ERASER, forget_rows_shown
from lyceum.data.quality.judging import JUDGE
from lyceum.data.quality.outcomes import (
    CheckOutcome,
    CheckRunOutcome,
    check_run_outcome,
    checks_telling_of,
    tags_of_check,
)
from lyceum.data.quality.scoring import standings
from lyceum.data.quality.standing import versions_checked

__all__ = [
    "ERASER",
    "JUDGE",
    "CheckOutcome",
    "CheckRunOutcome",
    "check_run_outcome",
    "check_version",
    "checks_telling_of",
    "forget_rows_shown",
    "standings",
    "tags_of_check",
    "versions_checked",
]
