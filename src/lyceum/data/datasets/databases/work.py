"""The jobs that read databases and what goes to the process that does it; light, since the API imports it."""

from typing import Literal
from uuid import UUID

import msgspec

from lyceum.data.datasets.work import Intake
from lyceum.kernel.jobs.queue import JobArgs

IMPORT_SECONDS_MAX = 2 * 3600
AGAIN_SECONDS_MAX = 60

DatabaseKind = Literal["postgresql", "mysql", "sqlite"]
Tls = Literal["disable", "prefer", "require", "verify-full"]


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed of an import: where to read, and what; a database that was uploaded has no address."""

    url: str | None = None
    table: str | None = None
    query: str | None = None


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Which database to read, at which of its judged addresses, what of it, and within which bounds."""

    kind: DatabaseKind
    host: str = ""
    port: int = 0
    addresses: tuple[str, ...] = ()
    user: str = ""
    password: str = ""
    database: str = ""
    tls: Tls = "prefer"
    table: str | None
    query: str | None
    statement_seconds: int
    rows_max: int
    bytes_max: int
    intake: Intake

    def __repr__(self) -> str:
        """Say where, and not with which password."""
        return f"Reading({self.kind}, {self.host}, {self.database})"


class ImportSql(JobArgs, frozen=True, kw_only=True):
    """Read a pending version from a database; where, and with which password, is sealed with the version."""

    kind = "data.import_sql"
    job_class = "high"
    lane = "short"
    attempts_max = 3
    seconds_max = IMPORT_SECONDS_MAX
    needs_room = True
    version_id: UUID


class ImportAgain(JobArgs, frozen=True, kw_only=True):
    """Begin a version of what a dataset's source holds now."""

    kind = "data.import_again"
    attempts_max = 3
    seconds_max = AGAIN_SECONDS_MAX
    needs_room = True
    dataset_id: UUID
