"""What goes to the process that appends pushed records and what comes back; light, since the API imports it."""

from uuid import UUID

import msgspec

from lyceum.data.datasets.work import AcceptedTable, Question


class BatchToAppend(msgspec.Struct, frozen=True, kw_only=True):
    """What one request pushed."""

    id: int
    form: str
    records: bytes


class BaseVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The version that the records are appended to."""

    id: UUID
    number: int
    delta_version: int
    columns: tuple[tuple[str, str], ...]


class Appending(msgspec.Struct, frozen=True, kw_only=True):
    """Which records follow which version; without one, they are the first."""

    batches: tuple[BatchToAppend, ...]
    base: BaseVersion | None
    table_key: str
    operation_id: str
    leftovers_older_than_seconds: float
    questions: tuple[Question, ...] = ()


class Unfitting(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that does not fit the columns of the version it would follow."""

    batch_id: int
    reason: str


class Appended(msgspec.Struct, frozen=True, kw_only=True):
    """What was committed, on top of which version, and what was left out."""

    table: AcceptedTable
    base_id: UUID | None
    unfitting: tuple[Unfitting, ...]
