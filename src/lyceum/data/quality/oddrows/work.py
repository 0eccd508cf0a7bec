"""The job that looks for odd rows and what goes to the process that does it; light, since the API imports it."""

from uuid import UUID

import msgspec

from lyceum.kernel.jobs.queue import JobArgs

SEARCH_SECONDS_MAX = 3600


class FindOddRows(JobArgs, frozen=True, kw_only=True):
    """Look for the odd rows of the version that a search names."""

    kind = "data.find_odd_rows"
    lane = "short"
    attempts_max = 3
    seconds_max = SEARCH_SECONDS_MAX
    search_id: UUID


class OddRowsToFind(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of a version to look through, and how many of the oddest to tell of."""

    table_key: str
    delta_version: int
    rows_max: int
    marks: dict[str, str]
    """Columns whose values are told nowhere."""


class ColumnPart(msgspec.Struct, frozen=True, kw_only=True):
    """A column's part in what makes a row odd."""

    column: str
    share: float
    value: str | float | None
    usual: str


class OddRowFound(msgspec.Struct, frozen=True, kw_only=True):
    """An odd row; `row` counts from 1 in the table."""

    row: int
    score: float
    columns: list[ColumnPart]


class OddRowsFound(msgspec.Struct, frozen=True, kw_only=True):
    """The oddest rows, the oddest first."""

    rows: list[OddRowFound]
