"""The jobs of checks, as they lie on the queue."""

from uuid import UUID

import msgspec

from lyceum.kernel.jobs.queue import JobArgs

CHECK_SECONDS_MAX = 3600
"""A whole table is read once, and each of its checks computed on it."""


class RunChecks(JobArgs, frozen=True, kw_only=True):
    """Run all checks of a dataset on the version its check run names."""

    kind = "data.run_checks"
    lane = "short"
    attempts_max = 3
    seconds_max = CHECK_SECONDS_MAX
    check_run_id: UUID
    others: dict[str, UUID] = msgspec.field(default_factory=dict)
    """Versions that whoever asked for the run may read, by the address that a check has for them."""


class RunDueCheck(JobArgs, frozen=True, kw_only=True):
    """Run one check on its dataset's newest version, as its schedule says."""

    kind = "data.run_due_check"
    job_class = "background"
    seconds_max = 600
    check_id: UUID


def schedule_of(check_id: UUID) -> str:
    """Return what the schedule of a check is called."""
    return f"check:{check_id}"
