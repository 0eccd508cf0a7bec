"""Which columns are learned from and how each is read; the others with the reason in one sentence."""

import datetime as dt
import re
from collections.abc import Mapping
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
    moment_from,
)

_CHOICES_MAX = 50
_DATE_SAMPLE_ROWS = 300
_TEXT_WORDS_MIN = 3
_TEXT_DISTINCT_SHARE = 0.3
_ID_DISTINCT_SHARE = 0.95
_ID_NAME = re.compile(
    r"(^|[_\W])(id|uuid|guid|index|idx|row|rownum|row_?number|key)$|^unnamed|[a-z]I[Dd]$", re.IGNORECASE
)
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


def plan_columns(frame: pl.DataFrame, *, target: str, leave_out: Mapping[str, str]) -> ColumnPlan:
    """Decide for every column but the target; `leave_out` maps a column to the caller's reason."""
    columns: list[Column] = []
    left_out: dict[str, str] = {}
    for series in frame.drop(target).get_columns():
        asked = series.name in leave_out
        reason = (leave_out[series.name] or "left out as asked") if asked else _useless(series)
        if reason is None:
            decided = _column_for(series)
            if isinstance(decided, str):
                reason = decided
            else:
                columns.append(decided)
        if reason is not None:
            left_out[series.name] = reason
    prestep = PreStep(columns=tuple(columns), missing_text=_missing_text(frame, columns))
    return ColumnPlan(prestep, left_out)


def _useless(series: pl.Series) -> str | None:
    if series.null_count() == len(series):
        return "all values are missing"
    if series.dtype in {pl.Object, pl.Binary} or series.dtype.is_nested():
        return f"it holds {series.dtype} values, which the models cannot read"
    if series.n_unique() == 1:
        return "the same value in every row"
    return None


def _column_for(series: pl.Series) -> Column | str:
    nullable = series.null_count() > 0
    dtype = series.dtype
    if dtype == pl.Boolean:
        return BooleanColumn(series.name, nullable=nullable, example=bool(series.drop_nulls()[0]))
    if dtype.is_numeric() or dtype in {pl.Duration, pl.Time}:
        return _number_column(series, nullable=nullable)
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        return _typed_time_column(series, nullable=nullable)
    return _text_column(series.cast(pl.String), nullable=nullable)


def _number_column(series: pl.Series, *, nullable: bool) -> NumberColumn | str:
    if series.dtype.is_integer() and not nullable and _counts_rows(series):
        return "a different whole number in every row, like a row number: it says nothing about new rows"
    if series.dtype.is_float() and not series.is_finite().any():
        return "all values are missing"
    middle = series.cast(pl.Float64).drop_nulls().drop_nans().median() if series.dtype.is_numeric() else None
    example = None
    if isinstance(middle, float):
        example = round(middle) if series.dtype.is_integer() else middle
    return NumberColumn(series.name, integer=series.dtype.is_integer(), nullable=nullable, example=example)


def _counts_rows(series: pl.Series) -> bool:
    if series.n_unique() != len(series):
        return False
    steps = series.diff().drop_nulls()
    return _ID_NAME.search(series.name) is not None or bool((steps == 1).all())


def _typed_time_column(series: pl.Series, *, nullable: bool) -> TimeColumn:
    example = series.drop_nulls()[0].isoformat()
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
    """A text for "missing" that no category column holds: the empty one when it can be."""
    texts = [frame.get_column(c.name).cast(pl.String) for c in columns if isinstance(c, CategoryColumn)]
    candidate, number = "", 0
    while any((series == candidate).any() for series in texts):
        number += 1
        candidate = f"<missing{number}>"
    return candidate
