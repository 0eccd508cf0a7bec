"""Checks that need more than one row to be decided."""

from datetime import timedelta
from typing import Literal

import msgspec

from lyceum.data.quality.engine.kinds.shared import (
    AnyCheck,
    ColumnCheck,
    KeyCheck,
    RowCheck,
    require_bounds,
    require_distinct,
    require_no_partition,
)

SQL_CHARS_MAX = 20_000
SECONDS_MAX = int(timedelta(days=36_500).total_seconds())
TypeName = Literal["boolean", "integer", "float", "string", "date", "timestamp", "timestamp_utc"]


class Unique(KeyCheck, frozen=True, kw_only=True, tag="unique"):
    """No two rows have the same values in `columns`; rows where one of them is missing are not compared.

    Failing rows are the surplus ones: those that would have to go for the rest to be unique.
    """

    def _own_id(self) -> str:
        return f"{'+'.join(self.columns)}.unique"


class PrimaryKey(KeyCheck, frozen=True, kw_only=True, tag="primary_key"):
    """`columns` are filled in every row and no two rows have the same values in them.

    Failing rows are those with a gap and the surplus ones among the others.
    """

    def _own_id(self) -> str:
        return f"{'+'.join(self.columns)}.primary_key"


class Completeness(AnyCheck, frozen=True, kw_only=True, tag="completeness"):
    """At least `min_share` of the column is filled, beyond what chance explains.

    The rows are taken for a sample of what the source delivers. The check fails when the whole Wilson interval of the
    filled share lies below `min_share`, and is skipped with too few rows to see a fall by `visible_fall`.
    """

    column: str
    min_share: float
    confidence: float = 0.95
    visible_fall: float = 0.05
    """The fall below `min_share` that must not stay unseen."""
    power: float = 0.8
    """How probably such a fall is to be seen."""

    def _require_sense(self) -> None:
        for field in ("min_share", "confidence", "power", "visible_fall"):
            if not 0 < getattr(self, field) <= 1:
                raise ValueError(f"{field} is above 0 and at most 1")
        if self.confidence == 1 or self.power == 1:
            raise ValueError("confidence and power are below 1: nothing is certain")

    def _own_id(self) -> str:
        return f"{self.column}.completeness"

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the columns the check reads."""
        return (self.column,)


class Monotonic(ColumnCheck, frozen=True, kw_only=True, tag="monotonic"):
    """From row to row the values only rise (or fall); missing ones are passed over. Failing rows break the order."""

    direction: Literal["increasing", "decreasing"] = "increasing"
    strictly: bool = False

    def _require_sense(self) -> None:
        super()._require_sense()
        require_no_partition(self.partition_by)

    def _own_id(self) -> str:
        return f"{self.column}.monotonic"


class Referential(KeyCheck, frozen=True, kw_only=True, tag="referential"):
    """The values of `columns` occur in another table's `to_columns`, in every row where none is missing."""

    to: str
    """The other dataset, as `organisation/name`."""
    to_columns: tuple[str, ...]

    def _require_sense(self) -> None:
        super()._require_sense()
        require_distinct("to_columns", self.to_columns)
        if len(self.columns) != len(self.to_columns):
            raise ValueError("columns and to_columns are equally many")

    def _own_id(self) -> str:
        return f"{'+'.join(self.columns)}.referential"


class RowCount(AnyCheck, frozen=True, kw_only=True, tag="row_count"):
    """The table has at least `min` and at most `max` rows."""

    min: int | None = None
    max: int | None = None

    def _require_sense(self) -> None:
        require_bounds(self.min, self.max)
        if min(bound for bound in (self.min, self.max) if bound is not None) < 0:
            raise ValueError("a count is not below zero")

    def _own_id(self) -> str:
        return "row_count"


class Volume(AnyCheck, frozen=True, kw_only=True, tag="volume"):
    """The number of rows is within `fall_max` below and `rise_max` above that of the reference, as shares of it."""

    fall_max: float | None = 0.5
    rise_max: float | None = None
    reference: str = "previous"

    def _require_sense(self) -> None:
        if self.fall_max is None and self.rise_max is None:
            raise ValueError("give fall_max, rise_max or both")
        if not 0 <= (self.fall_max or 0) <= 1 or (self.rise_max or 0) < 0:
            raise ValueError("fall_max is a share between 0 and 1, rise_max one from 0")

    def _own_id(self) -> str:
        return "volume"


class Freshness(AnyCheck, frozen=True, kw_only=True, tag="freshness"):
    """The newest value of a date or time column is at most `age_seconds_max` old; without offset it is in UTC.

    A newest value further ahead than `ahead_seconds_max` fails too, since it would hide that nothing new comes.
    """

    column: str
    age_seconds_max: int
    ahead_seconds_max: int = 86_400

    def _require_sense(self) -> None:
        if not 0 <= self.age_seconds_max <= SECONDS_MAX or not 0 <= self.ahead_seconds_max <= SECONDS_MAX:
            raise ValueError(f"ages are between 0 and {SECONDS_MAX:,} seconds")

    def _own_id(self) -> str:
        return f"{self.column}.freshness"

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the columns the check reads."""
        return (self.column,)


class Statistic(AnyCheck, frozen=True, kw_only=True, tag="statistic"):
    """A statistic of the finite values of a column lies between `min` and `max`; `std` is that of a sample (n - 1)."""

    column: str
    statistic: Literal["mean", "std", "sum", "min", "max"]
    min: float | None = None
    max: float | None = None

    def _require_sense(self) -> None:
        require_bounds(self.min, self.max)

    def _own_id(self) -> str:
        return f"{self.column}.{self.statistic}"

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the columns the check reads."""
        return (self.column,)


class ExpectedColumn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A column that a table is to have; any type will do where none is given."""

    name: str
    type: TypeName | None = None


class Schema(AnyCheck, frozen=True, kw_only=True, tag="schema"):
    """The table has the columns, with their types. Each column missing, added or of another type is one failure."""

    columns: tuple[ExpectedColumn, ...]
    more_columns: Literal["allowed", "refused"] = "refused"
    order: Literal["any", "same"] = "any"

    def _require_sense(self) -> None:
        require_distinct("columns", tuple(column.name for column in self.columns))

    def _own_id(self) -> str:
        return "schema"


class Outliers(RowCheck, frozen=True, kw_only=True, tag="outliers"):
    """No value is further than `robust_z_max` robust standard deviations (1.4826 MAD) from the median of its column.

    Centre and spread are those of the reference where one is named, else those of the table itself. By `isolation_forest` no row
    is more isolated among the others than `score_max`, by what its `columns` hold together: what is usual is learnt from
    20,000 rows of the table itself, drawn the same each time.
    """

    column: str | None = None
    """For `robust_z`."""
    columns: tuple[str, ...] = ()
    """For `isolation_forest`: numbers, truth values and texts that repeat."""
    method: Literal["robust_z", "isolation_forest"] = "robust_z"
    robust_z_max: float = 5.0
    score_max: float = 0.65
    """Usual rows score 0.3 to 0.6; 1 is as isolated as can be. Give `at_most_failing` where columns have long tails."""
    reference: str | None = None
    """For `robust_z`."""

    def _require_sense(self) -> None:
        super()._require_sense()
        require_no_partition(self.partition_by)
        if self.method == "robust_z":
            if self.column is None or self.columns:
                raise ValueError("robust_z looks at one column; name it as column")
            if not self.robust_z_max > 0:
                raise ValueError("robust_z_max is above 0")
            return
        if self.column is not None or self.reference is not None:
            raise ValueError(
                "isolation_forest looks at rows by their columns, without a reference; name them as columns"
            )
        require_distinct("columns", self.columns)
        if not 0 < self.score_max < 1:
            raise ValueError("score_max is between 0 and 1")

    def _own_id(self) -> str:
        return f"{'+'.join(self.subjects())}.outliers"

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the columns the check reads."""
        return self.columns if self.column is None else (self.column,)


class Drift(AnyCheck, frozen=True, kw_only=True, tag="drift"):
    """The columns are distributed as in a stored reference.

    A column has drifted when its effect size is above `at_most` and, where the method has a p-value, chance explains
    it no more than `false_discovery_rate` allows over all columns (Benjamini and Hochberg). Skipped with fewer than
    `rows_min` values on either side.
    """

    columns: tuple[str, ...]
    method: Literal["psi", "ks", "jensen_shannon", "wasserstein", "chi_square"] = "psi"
    at_most: float = 0.1
    reference: str = "previous"
    false_discovery_rate: float = 0.05
    rows_min: int = 200

    def _require_sense(self) -> None:
        require_distinct("columns", self.columns)
        if not self.at_most >= 0 or not 0 < self.false_discovery_rate < 1 or self.rows_min < 2:
            raise ValueError("at_most is from 0, false_discovery_rate between 0 and 1, rows_min from 2")

    def _own_id(self) -> str:
        return f"{'+'.join(self.columns)}.drift"

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the columns the check reads."""
        return self.columns


class Sql(AnyCheck, frozen=True, kw_only=True, tag="sql"):
    """The query finds no row: `SELECT * FROM data WHERE ...`. It reads this table alone, as `data`, and writes nothing."""

    query: str
    rows_max: int = 0
    """How many rows it may find all the same."""

    def _require_sense(self) -> None:
        if not self.query.strip() or len(self.query) > SQL_CHARS_MAX:
            raise ValueError(f"query has between 1 and {SQL_CHARS_MAX:,} characters")
        if self.rows_max < 0:
            raise ValueError("a count is not below zero")

    def _own_id(self) -> str:
        return "sql"
