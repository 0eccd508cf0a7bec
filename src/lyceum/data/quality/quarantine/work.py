"""The job that quarantines rows and what goes to the process that does it; light, since the API imports it."""

from uuid import UUID

import msgspec

from lyceum.data.datasets.rows.public import Intake
from lyceum.data.quality.work import ChecksToRun
from lyceum.kernel.jobs.queue import JobArgs

QUARANTINE_SECONDS_MAX = 2 * 3600


class QuarantineRows(JobArgs, frozen=True, kw_only=True):
    """Make a pending version of the rows that failed checks of a run."""

    kind = "data.quarantine_rows"
    lane = "short"
    attempts_max = 3
    seconds_max = QUARANTINE_SECONDS_MAX
    needs_room = True
    version_id: UUID
    check_run_id: UUID
    check_id: UUID | None
    others: dict[str, UUID] = msgspec.field(default_factory=dict)
    """Versions that whoever asked may read, by the address that a check has for them."""


class Quarantining(ChecksToRun, frozen=True, kw_only=True):
    """Which rows of a version to take, by which checks, and where they go."""

    table_key: str
    delta_version: int
    origin: dict[str, str]
    """What the new version says of where its rows are from."""
    intake: Intake
