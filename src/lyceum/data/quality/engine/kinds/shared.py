"""What all kinds of checks share."""

from datetime import datetime
from math import isfinite
from typing import Literal

import msgspec

Severity = Literal["error", "warning"]
Scalar = bool | int | float | str
TAGS_MAX = 20
TAG_CHARS_MAX = 64


class AnyCheck(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all checks share. An `error` that fails refuses the data; a `warning` only tells."""

    id: str = ""
    severity: Severity = "error"
    blocking: bool | None = None
    """Whether a failure refuses the data; as the severity has it when None."""
    tags: tuple[str, ...] = ()
    owner: str = ""
    """Who is asked when the check fails, in the words of those who wrote it."""

    def __post_init__(self) -> None:
        if len(self.tags) > TAGS_MAX or any(not 0 < len(tag) <= TAG_CHARS_MAX for tag in self.tags):
            raise ValueError(f"tags are at most {TAGS_MAX} words of at most {TAG_CHARS_MAX} characters")
        self._require_sense()
        if not self.id:
            msgspec.structs.force_setattr(self, "id", self._own_id())

    def _require_sense(self) -> None:
        """Raise ValueError with what is wrong, in words that follow the check's name."""

    def _own_id(self) -> str:
        raise NotImplementedError

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the columns the check reads."""
        return ()

    @property
    def refuses(self) -> bool:
        """Whether data that fails the check is to be refused."""
        return self.severity == "error" if self.blocking is None else self.blocking


class RowCheck(AnyCheck, frozen=True, kw_only=True):
    """A check every row passes or fails; it tolerates a share of failing rows."""

    at_most_failing: float = 0.0
    """The tolerated share of failing rows among the rows checked, 0 to 1."""
    partition_by: str | None = None
    """A column; the tolerated share then holds within each of its values."""

    def _require_sense(self) -> None:
        if not 0 <= self.at_most_failing <= 1:
            raise ValueError(f"at_most_failing is a share between 0 and 1, not {self.at_most_failing:g}")


class ColumnCheck(RowCheck, frozen=True, kw_only=True):
    """A check that each value of one column passes or fails."""

    column: str

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the columns the check reads."""
        return (self.column,)


class KeyCheck(RowCheck, frozen=True, kw_only=True):
    """A check of the values that some columns have together."""

    columns: tuple[str, ...]

    def _require_sense(self) -> None:
        super()._require_sense()
        require_distinct("columns", self.columns)
        require_no_partition(self.partition_by)

    def subjects(self) -> tuple[str, ...]:
        """Return the names of the columns the check reads."""
        return self.columns


def require_distinct(field: str, names: tuple[str, ...]) -> None:
    """Raise ValueError when a column is named twice, or none is."""
    if not names or len(set(names)) < len(names):
        raise ValueError(f"{field} names each column once, and at least one")


def require_no_partition(partition_by: str | None) -> None:
    """Raise ValueError for a check that cannot be told apart by partition."""
    if partition_by is not None:
        raise ValueError("partition_by is for checks that a row decides alone")


def require_bounds(low: float | None, high: float | None) -> None:
    """Raise ValueError when both ends are open, or the lower one is above the upper."""
    if low is None and high is None:
        raise ValueError("give min, max or both")
    if not all_finite(low, high):
        raise ValueError("min and max are finite; leave out the end that is open")
    if low is not None and high is not None and low > high:
        raise ValueError(f"min {low:,} is above max {high:,}")


def is_above(low: float | str | None, high: float | str | None) -> bool:
    """Return whether `low` is beyond `high`; False for what cannot be compared, which the run tells of."""
    if isinstance(low, str) and isinstance(high, str):
        try:
            return datetime.fromisoformat(low) > datetime.fromisoformat(high)
        except (ValueError, TypeError):
            return False
    if low is None or high is None or isinstance(low, str) or isinstance(high, str):
        return False
    return low > high


def all_finite(*values: Scalar | None) -> bool:
    """Return whether none of the values is NaN or infinite."""
    return all(isfinite(value) for value in values if isinstance(value, float))
