"""The door of checks."""

from lyceum.data.quality.due import check_version
from lyceum.data.quality.erasing import ERASER
from lyceum.data.quality.outcomes import CheckOutcome, CheckRunOutcome, check_run_outcome

__all__ = ["ERASER", "CheckOutcome", "CheckRunOutcome", "check_run_outcome", "check_version"]
