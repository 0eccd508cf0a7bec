"""What the API's process holds of checks."""

from lyceum.data.quality.records import RecordChecks

__all__ = ["RecordChecks"]
