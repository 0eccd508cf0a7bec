"""Which columns are learned from and how each is read; the others with the reason in one sentence."""

import datetime as dt
import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from lyceum.serve.runtime.public import (
    DATE_PARTS,
    TIMESTAMP_PARTS,
    BooleanColumn,
    CategoryColumn,
    Column,
    NumberColumn,
    PreStep,
    TimeColumn,
    Unreadable,
    category_from,
    moment_from,
    within_calendar,
)

_CHOICES_MAX = 50
_DATE_SAMPLE_ROWS = 300
_TEXT_WORDS_MIN = 3
_TEXT_DISTINCT_SHARE = 0.3
_ID_DISTINCT_SHARE = 0.95
_ID_NAME = re.compile(
    r"(^|[_\W])(id|uuid|guid|index|idx|row|rownum|row_?number|key)$|^unnamed|[a-z]I[Dd]$", re.IGNORECASE
)
# rows held out or without a target leave gaps in what counted them
_COUNTING_ROWS_SHARE_MIN = 0.6
# one row a year is an honest table, and its year an honest column
_YEAR_MIN, _YEAR_MAX = 1800, 2100
_LOOKS_LIKE_DATE = re.compile(r"\d{1,4}[-/. ]\w{1,9}[-/. ]\d{1,4}")
_DATE_FORMATS = (
    "%Y/%m/%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%Y/%m/%d %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
)


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """The pre-step of the columns learned from, and a reason for every other column."""

    prestep: PreStep
    left_out: Mapping[str, str]


def require_known(leave_out: Sequence[str], columns: Sequence[str], *, target: str) -> None:
    """Raise ValueError for a column to leave out that the table has not, or that is to be predicted."""
    for name in leave_out:
        if name == target:
            raise ValueError(f"{name!r} is the target, so it cannot be left out; take it out of leave_out")
        if name in columns:
            continue
        close = difflib.get_close_matches(name, columns, n=1, cutoff=0.5)
        advice = f"did you mean {close[0]!r}?" if close else f"the columns are {', '.join(map(repr, columns[:12]))}"
        raise ValueError(f"the table has no column {name!r} to leave out; {advice}")


def row_numbers(table: pl.DataFrame) -> dict[str, str]:
    """The columns that only number the rows, each with the reason for not learning from it.

    `table` is asked for before rows are filtered; that some rows were held out of it before does no harm.
    """
    reason = "a different whole number in every row, like a row number: it says nothing about new rows"
    return {series.name: reason for series in table.get_columns() if _counts_rows(series)}


def plan_columns(
    frame: pl.DataFrame,
    *,
    target: str,
    leave_out: Mapping[str, str],
    may_go_on: Callable[[], bool] = lambda: True,
) -> ColumnPlan:
    """Decide for every column but the target; `leave_out` maps a column to the caller's reason.

    `may_go_on` is asked before each column; once it says no, the columns that were not looked at are left out.
    """
    columns: list[Column] = []
    left_out: dict[str, str] = {}
    out_of_time = False
    for series in frame.drop(target).get_columns():
        out_of_time = out_of_time or (bool(columns) and not may_go_on())
        if series.name in leave_out:
            left_out[series.name] = leave_out[series.name] or "left out as asked"
            continue
        decided = "the time limit left no room to look at it" if out_of_time else _decided(series)
        if isinstance(decided, str):
            left_out[series.name] = decided
        else:
            columns.append(decided)
    prestep = PreStep(columns=tuple(columns), missing_text=_missing_text(frame, columns))
    return ColumnPlan(prestep, left_out)


def _decided(series: pl.Series) -> Column | str:
    return _useless(series) or _column_for(series)


def _useless(series: pl.Series) -> str | None:
    if series.null_count() == len(series):
        return "all values are missing"
    if series.dtype in {pl.Object, pl.Binary} or series.dtype.is_nested():
        return f"it holds {series.dtype} values, which the models cannot read"
    if _is_constant(series):
        return "the same value in every row"
    return None


def _is_constant(series: pl.Series) -> bool:
    if series.null_count():
        return False
    if series.dtype.is_integer():
        return bool(series.min() == series.max())
    if series.dtype.is_float():
        return bool(series.min() == series.max()) and not series.is_nan().any()
    return series.n_unique() == 1


def _column_for(series: pl.Series) -> Column | str:
    nullable = series.null_count() > 0
    dtype = series.dtype
    if dtype == pl.Boolean:
        return BooleanColumn(series.name, nullable=nullable, example=bool(series.drop_nulls()[0]))
    if dtype.is_numeric() or isinstance(dtype, pl.Duration | pl.Time):
        return _number_column(series, nullable=nullable)
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        return _typed_time_column(series, nullable=nullable)
    return _text_column(series.cast(pl.String), nullable=nullable)


def _number_column(series: pl.Series, *, nullable: bool) -> NumberColumn | str:
    middle = series.median() if series.dtype.is_numeric() else None
    if series.dtype.is_float() and not _is_finite(middle):
        finite = series.filter(series.is_finite())
        if finite.is_empty():
            return "all values are missing"
        middle = finite.median()
    example = None
    if isinstance(middle, float):
        example = round(middle) if series.dtype.is_integer() else middle
    return NumberColumn(series.name, integer=series.dtype.is_integer(), nullable=nullable, example=example)


def _is_finite(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _counts_rows(series: pl.Series) -> bool:
    """Whether whole numbers, all different, fill a range of about as many numbers, or are named like an identifier."""
    first, last = (series.min(), series.max()) if series.dtype.is_integer() else (None, None)
    if series.null_count() or not isinstance(first, int) or not isinstance(last, int):
        return False
    are_years = first >= _YEAR_MIN and last <= _YEAR_MAX
    fill_their_range = len(series) >= _COUNTING_ROWS_SHARE_MIN * (last - first + 1)
    if _ID_NAME.search(series.name) is None and (are_years or not fill_their_range):
        return False
    return series.n_unique() == len(series)


def _typed_time_column(series: pl.Series, *, nullable: bool) -> TimeColumn | str:
    known = within_calendar(series).drop_nulls()
    if known.is_empty():
        return "no date in it lies within the years 1 to 9999"
    example = known[0].isoformat()
    nullable = nullable or len(known) < len(series)
    if series.dtype == pl.Date:
        return TimeColumn(series.name, parts=DATE_PARTS, date_only=True, nullable=nullable, example=example)
    zone = series.dtype.time_zone if isinstance(series.dtype, pl.Datetime) else None
    return TimeColumn(series.name, parts=TIMESTAMP_PARTS, time_zone=zone, nullable=nullable, example=example)


def _text_column(series: pl.Series, *, nullable: bool) -> Column | str:
    known = series.drop_nulls()
    moments = _written_dates(known, nullable=nullable)
    if moments is not None:
        return moments
    distinct = known.n_unique()
    words = known.head(1000).str.split(" ").list.len().mean()
    wordy = isinstance(words, float) and words >= _TEXT_WORDS_MIN
    if wordy and distinct > _TEXT_DISTINCT_SHARE * len(known) and distinct > _CHOICES_MAX:
        return "free text: most rows have a sentence of their own, which these models do not read"
    if distinct > _ID_DISTINCT_SHARE * len(known) and len(known) > _CHOICES_MAX:
        return "nearly every row has a text of its own, like a name or an identifier: it says nothing about new rows"
    counts = known.value_counts(sort=True, name="rows").sort("rows", series.name, descending=[True, False])
    choices = tuple(counts.get_column(series.name).head(_CHOICES_MAX).to_list())
    trimmed = bool((known.str.strip_chars() != known).any())
    return CategoryColumn(series.name, trimmed=trimmed, nullable=nullable, example=choices[0], choices=choices)


def _written_dates(known: pl.Series, *, nullable: bool) -> TimeColumn | None:
    """The column as dates when every text reads as one, in ISO 8601 or in one of the usual local forms."""
    sample = known.unique(maintain_order=True).head(_DATE_SAMPLE_ROWS).to_list()
    if not all(_LOOKS_LIKE_DATE.match(text.strip()) for text in sample):
        return None
    for formats in ((), *((pattern,) for pattern in _DATE_FORMATS)):
        column = TimeColumn(
            known.name, parts=TIMESTAMP_PARTS, formats=formats, nullable=nullable, example=str(sample[0])
        )
        if not _all_read(sample, column):
            continue
        distinct = known.unique().to_list()
        if not _all_read(distinct, column):
            continue
        midnight = all(
            moment is None or moment.time().isoformat() == "00:00:00" for moment in _moments(distinct, column)
        )
        if not midnight:
            return column
        return TimeColumn(
            known.name, parts=DATE_PARTS, date_only=True, formats=formats, nullable=nullable, example=str(sample[0])
        )
    return None


def _moments(texts: list[str], column: TimeColumn) -> list[dt.datetime | None]:
    return [moment_from(text, column) for text in texts]


def _all_read(texts: list[str], column: TimeColumn) -> bool:
    try:
        _moments(texts, column)
    except Unreadable:
        return False
    return True


def _missing_text(frame: pl.DataFrame, columns: list[Column]) -> str:
    """A text for "missing" that no category column holds once it is read: the empty one when it can be."""
    held: set[str | None] = set()
    for column in columns:
        if isinstance(column, CategoryColumn):
            distinct = frame.get_column(column.name).cast(pl.String).unique().to_list()
            held |= {category_from(text, trimmed=column.trimmed) for text in distinct}
    candidate, number = "", 0
    while candidate in held:
        number += 1
        candidate = f"<missing{number}>"
    return candidate
