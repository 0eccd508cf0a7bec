"""One sentence for a person about what a check found."""

from collections.abc import Sequence
from typing import Any

from lyceum.data.quality.engine.checks import (
    Check,
    Conditional,
    CrossColumn,
    Expression,
    InSet,
    Length,
    Monotonic,
    NotNull,
    Outliers,
    PrimaryKey,
    Range,
    Referential,
    Regex,
    RowCount,
    Scalar,
    Type,
    Unique,
)
from lyceum.data.quality.engine.report import PartitionResult

LISTED_MAX = 5
LISTED_CHARS_MAX = 40
QUOTED_CHARS_MAX = 80


def sentence_of(
    check: Check,
    *,
    checked: int,
    failing: int,
    involved: int | None,
    observed: dict[str, Any] | None,
    first: str | None,
    partitions: Sequence[PartitionResult] = (),
) -> str:
    """Return the sentence; `first` says where the first failing row is, `observed` is None when it may not be shown."""
    if isinstance(check, RowCount):
        rows = observed["rows"] if observed else 0
        return f"The table has {rows_in_words(rows)}; {_rows_asked(check)}."
    if not checked:
        on_rows = isinstance(check, NotNull | PrimaryKey) or not check.subjects()
        what = "rows" if on_rows else f"values of {', '.join(check.subjects())}"
        return f"There are no {what} to check."
    if not failing:
        return _all_well(check, checked)
    share: float = getattr(check, "at_most_failing", 0.0)
    tolerated = f" ({share_in_words(failing / checked)}, {share_in_words(share)} is tolerated)" if share else ""
    where = f"; first on {first}" if first else ""
    worst = f"; worst where {getattr(check, 'partition_by', '')} is {partitions[0].value!r}" if partitions else ""
    return f"{_fault(check, checked, failing, involved, observed)}{tolerated}{where}{worst}."


def _all_well(check: Check, checked: int) -> str:  # noqa: C901, PLR0911, PLR0912 - one case for each kind
    values = f"All {checked:,} values of {', '.join(check.subjects())}"
    match check:
        case NotNull(column=name):
            return f"All {checked:,} rows have {name}."
        case Unique(columns=columns) if len(columns) > 1:
            return f"All {checked:,} combinations of {', '.join(columns)} are different."
        case Unique():
            return f"{values} are different."
        case PrimaryKey(columns=columns):
            return f"{', '.join(columns)} identifies each of {rows_in_words(checked)}."
        case Range():
            return f"{values} are {_inside(check)}."
        case InSet(values=allowed):
            return f"{values} are among the {len(allowed):,} allowed."
        case Length():
            return f"{values} have {count_bounds(check.min, check.max)} characters."
        case Regex(forbidden=forbidden):
            return f"{values} {'are free of' if forbidden else 'fit'} the pattern {_quoted(check.pattern)}."
        case Type(type=kind):
            return f"{values} are of the type {kind}."
        case Monotonic(direction=direction):
            return f"{values} are in {direction} order."
        case Outliers(method="isolation_forest"):
            return f"None of {rows_in_words(checked)} is isolated beyond {check.score_max:g} by {', '.join(check.columns)}."
        case Outliers():
            return f"{values} are within {check.robust_z_max:g} robust standard deviations of the median."
        case Referential(to=to):
            return f"{values} occur in {to}."
        case CrossColumn():
            return f"{check.left} {check.operator} {check.right} in all {checked:,} rows that have both."
        case Conditional():
            return f"{_quoted(check.then)} in all {checked:,} rows where {_quoted(check.when)}."
        case Expression():
            return f"{_quoted(check.expression)} in all {checked:,} rows that tell."
        case _:
            return "The check holds."


def _fault(  # noqa: C901, PLR0911, PLR0912 - one case for each kind
    check: Check, checked: int, failing: int, involved: int | None, observed: dict[str, Any] | None
) -> str:
    one = failing == 1
    have = "has" if one else "have"
    of = f"{failing:,} of {rows_in_words(checked)}"
    some = f"{of} {have}"
    match check:
        case NotNull(column=name):
            return f"{some} no {name}"
        case Unique(columns=columns):
            key = columns[0] if len(columns) == 1 else f"combination of {', '.join(columns)}"
            repeat = "repeats" if one else "repeat"
            return f"{of} {repeat} the {key} of an earlier row ({involved or 0:,} rows share theirs)"
        case PrimaryKey(columns=columns):
            return f"{of} {have} a gap in {', '.join(columns)}, or a key that an earlier row has"
        case Range(column=name):
            return f"{some} {name} {_outside(check, observed)}"
        case InSet(column=name, values=values):
            allowed = ", ".join(_listed(value) for value in values[:LISTED_MAX])
            more = f" and {len(values) - LISTED_MAX:,} more" if len(values) > LISTED_MAX else ""
            return f"{some} a {name} that is not one of {allowed}{more}"
        case Length(column=name):
            return f"{some} a {name} that has not {count_bounds(check.min, check.max)} characters"
        case Regex(column=name, forbidden=forbidden):
            return (
                f"{some} a {name} that {'holds' if forbidden else 'does not fit'} the pattern {_quoted(check.pattern)}"
            )
        case Type(column=name, type=kind):
            return f"{some} a {name} that is no {kind}"
        case Monotonic(column=name, direction=direction):
            return f"{some} a {name} that breaks the {direction} order"
        case Outliers(method="isolation_forest", columns=columns):
            return f"Isolated beyond {check.score_max:g} by {', '.join(columns)}: {of}"
        case Outliers(column=name):
            far = f" ({observed['low']:.6g} to {observed['high']:.6g} is near)" if observed else ""
            return f"{some} a {name} more than {check.robust_z_max:g} robust standard deviations from the median{far}"
        case Referential(columns=columns, to=to):
            return f"{some} {', '.join(columns)} that {to} does not have"
        case CrossColumn():
            return f"In {of}, {check.left} {check.operator} {check.right} does not hold"
        case Conditional():
            return f"In {of} where {_quoted(check.when)}, {_quoted(check.then)} does not hold"
        case Expression():
            return f"In {of}, {_quoted(check.expression)} does not hold"
        case _:
            return f"{of} {'fails' if one else 'fail'}"


def _quoted(text: str) -> str:
    return text if len(text) <= QUOTED_CHARS_MAX else f"{text[: QUOTED_CHARS_MAX - 1]}…"


def _listed(value: Scalar) -> str:
    if isinstance(value, str) and len(value) > LISTED_CHARS_MAX:
        return repr(f"{value[: LISTED_CHARS_MAX - 1]}…")
    return repr(value)


def _inside(check: Range) -> str:
    if check.min is None:
        return f"at most {shown(check.max)}" if check.max_inclusive else f"below {shown(check.max)}"
    if check.max is None:
        return f"at least {shown(check.min)}" if check.min_inclusive else f"above {shown(check.min)}"
    ends = "" if check.min_inclusive and check.max_inclusive else ", ends excluded where asked"
    return f"between {shown(check.min)} and {shown(check.max)}{ends}"


def _outside(check: Range, observed: dict[str, Any] | None) -> str:
    low = (
        None
        if check.min is None
        else f"below {shown(check.min)}"
        if check.min_inclusive
        else f"not above {shown(check.min)}"
    )
    high = (
        None
        if check.max is None
        else f"above {shown(check.max)}"
        if check.max_inclusive
        else f"not below {shown(check.max)}"
    )
    # naming only the side that was crossed is shorter and truer; it needs both ends seen and comparable
    if observed and low and high and not isinstance(check.min, str) and not isinstance(check.max, str):
        if observed["min"] > check.min or (observed["min"] == check.min and check.min_inclusive):
            low = None
        elif observed["max"] < check.max or (observed["max"] == check.max and check.max_inclusive):
            high = None
    return " or ".join(side for side in (low, high) if side)


def _rows_asked(check: RowCount) -> str:
    if check.min is None:
        return f"at most {check.max:,} are asked"
    if check.max is None:
        return f"at least {check.min:,} are asked"
    return f"between {check.min:,} and {check.max:,} are asked"


def rows_in_words(count: int) -> str:
    """Return `1 row` or `1,234 rows`."""
    return "1 row" if count == 1 else f"{count:,} rows"


def shown(bound: float | str | None) -> str:
    """Return a bound as people write it."""
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def share_in_words(share: float) -> str:
    """Return a share in percent, with two or three digits."""
    return f"{share * 100:.2g} %" if share < 0.01 else f"{share * 100:.3g} %"


def count_bounds(low: Any, high: Any) -> str:
    """Return `at least 1`, `at most 9` or `between 1 and 9`."""
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"between {low} and {high}"
