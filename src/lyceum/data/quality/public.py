"""The door of checks."""

from lyceum.data.quality.erasing import ERASER, forget_rows_shown
from lyceum.data.quality.outcomes import CheckOutcome, CheckRunOutcome, check_run_outcome

__all__ = ["ERASER", "CheckOutcome", "CheckRunOutcome", "check_run_outcome", "forget_rows_shown"]
