"""What goes to the process that appends pushed records and what comes back; light, since the API imports it."""

import msgspec

from lyceum.data.datasets.appends.tables.public import AppendedTable, AppendTarget


class BatchToAppend(msgspec.Struct, frozen=True, kw_only=True):
    """What one request pushed."""

    id: int
    form: str
    records: bytes


class Appending(msgspec.Struct, frozen=True, kw_only=True):
    """Which records follow which version.

    The first ones have the columns that are `declared`, or those that are found in them.
    """

    batches: tuple[BatchToAppend, ...]
    target: AppendTarget
    declared: tuple[tuple[str, str], ...] | None

    @property
    def columns(self) -> tuple[tuple[str, str], ...] | None:
        """Names and types of the columns that the records have to fit, where those are known."""
        return self.target.base.columns if self.target.base is not None else self.declared


class Unfitting(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that does not fit the columns of the version it would follow."""

    batch_id: int
    reason: str


class Appended(msgspec.Struct, frozen=True, kw_only=True):
    """What was committed, and what was left out."""

    appended: AppendedTable
    unfitting: tuple[Unfitting, ...]
