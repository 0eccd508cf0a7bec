"""Frames to feeds, column by column, by the same rules as rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from lyceum.kernel.problems import first_line
from lyceum.serve.runtime.errors import BadValue, UnusableInput
from lyceum.serve.runtime.rows import Feeds
from lyceum.serve.runtime.spec import (
    CATEGORIES_INPUT,
    NUMBERS_INPUT,
    BooleanColumn,
    CategoryColumn,
    Column,
    NumberColumn,
    PreStep,
    TimeColumn,
    TimePart,
)
from lyceum.serve.runtime.values import (
    Unreadable,
    boolean_from,
    category_from,
    expected_text,
    moment_from,
    number_from,
)

_MICROSECONDS_A_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class TypedFrame:
    """A frame read against a pre-step: `numbers` float64 [n, k] with NaN for missing, one text series a category."""

    numbers: npt.NDArray[np.float64]
    categories: tuple[pl.Series, ...]
    missing_text: str

    def slice(self, start: int, rows: int) -> "TypedFrame":
        """At most `rows` rows from `start` on."""
        categories = tuple(series.slice(start, rows) for series in self.categories)
        return TypedFrame(self.numbers[start : start + rows], categories, self.missing_text)

    def feeds(self) -> Feeds:
        """The tensors of an exported model; an input without columns is left out."""
        feeds: Feeds = {}
        if self.numbers.shape[1]:
            feeds[NUMBERS_INPUT] = self.numbers
        if self.categories:
            texts = np.empty((len(self.numbers), len(self.categories)), dtype=object)
            for position, series in enumerate(self.categories):
                texts[:, position] = series.fill_null(self.missing_text).to_list()
            feeds[CATEGORIES_INPUT] = texts
        return feeds


def as_polars(table: object) -> pl.DataFrame:
    """A Polars frame from Polars, pandas, or anything with an Arrow export; raises UnusableInput."""
    if isinstance(table, pl.DataFrame):
        return table
    if isinstance(table, pl.LazyFrame):
        return table.collect()
    try:
        if type(table).__module__.partition(".")[0] == "pandas":
            return pl.from_pandas(table)  # type: ignore[call-overload, no-any-return]  # any pandas frame
        frame = pl.DataFrame(table)  # type: ignore[arg-type]  # Polars checks for the Arrow export itself
    except Exception as error:
        raise UnusableInput(
            f"the table cannot be read as columns of one type each ({first_line(error)}); "
            "give a Polars or pandas frame, or anything with an Arrow export"
        ) from error
    return frame


def within_calendar(series: pl.Series) -> pl.Series:
    """Dates or timestamps, missing where they lie outside the years 1 to 9999, which no row of a request can hold."""
    inside = series.dt.year().is_between(1, 9999)
    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone is not None:
        inside &= series.dt.convert_time_zone("UTC").dt.year().is_between(1, 9999)
    return pl.select(pl.when(inside).then(series).otherwise(None).alias(series.name)).to_series()


def read_frame(
    frame: pl.DataFrame, prestep: PreStep, *, before_column: Callable[[], None] = lambda: None
) -> TypedFrame:
    """Type every column of the pre-step; a column the frame lacks is missing throughout. Raises BadValue.

    `before_column` is called before each column is read; what it raises ends the reading.
    """

    def column_of(name: str) -> pl.Series:
        before_column()
        return _column(frame, name)

    parts: list[npt.NDArray[np.float64]] = [
        _direct_values(column_of(column.name), column) for column in prestep.direct_columns
    ]
    for column in prestep.time_columns:
        moments = _moments(column_of(column.name), column)
        parts.extend(_part_values(moments, part) for part in column.parts)
    numbers = np.column_stack(parts) if parts else np.empty((frame.height, 0), dtype=np.float64)
    categories = tuple(_texts(column_of(column.name), column) for column in prestep.category_columns)
    return TypedFrame(np.ascontiguousarray(numbers), categories, prestep.missing_text)


def _column(frame: pl.DataFrame, name: str) -> pl.Series:
    if name in frame.columns:
        return frame.get_column(name)
    return pl.Series(name, [None] * frame.height, dtype=pl.Null)


def _direct_values(series: pl.Series, column: NumberColumn | BooleanColumn) -> npt.NDArray[np.float64]:
    if isinstance(column, NumberColumn):
        return _as_floats(_numbers(series, column))
    return _as_floats(_booleans(series, column))


def _numbers(series: pl.Series, column: NumberColumn) -> pl.Series:
    if series.dtype.is_numeric() or series.dtype in {pl.Boolean, pl.Null}:
        return series.cast(pl.Float64)
    if series.dtype == pl.Duration:
        return series.dt.total_microseconds().cast(pl.Float64) / 1e6
    return _by_distinct_value(series, column, number_from, pl.Float64)


def _booleans(series: pl.Series, column: BooleanColumn) -> pl.Series:
    if series.dtype in {pl.Boolean, pl.Null}:
        return series.cast(pl.Boolean)
    return _by_distinct_value(series, column, boolean_from, pl.Boolean)


def _texts(series: pl.Series, column: CategoryColumn) -> pl.Series:
    if isinstance(series.dtype, pl.Categorical | pl.Enum | pl.Null):
        series = series.cast(pl.String)
    if series.dtype == pl.String and not column.trimmed:
        return series
    return _by_distinct_value(series, column, lambda value: category_from(value, trimmed=column.trimmed), pl.String)


def _moments(series: pl.Series, column: TimeColumn) -> pl.Series:
    if series.dtype == pl.Date:
        return within_calendar(series).cast(pl.Datetime("us"))
    if isinstance(series.dtype, pl.Datetime):
        zone = series.dtype.time_zone
        series = within_calendar(series)
        if zone is not None and not _within_zone_tables(series):
            return _by_distinct_value(series, column, lambda value: moment_from(value, column), pl.Datetime("us"))
        if zone is not None:
            series = series.dt.convert_time_zone(column.time_zone or "UTC").dt.replace_time_zone(None)
        return series.cast(pl.Datetime("us"))
    if series.dtype == pl.Null:
        return series.cast(pl.Datetime("us"))
    return _by_distinct_value(series, column, lambda value: moment_from(value, column), pl.Datetime("us"))


def _within_zone_tables(series: pl.Series) -> bool:
    """Polars knows no daylight saving after 2099 and differs on local mean time before 1902; Python decides there."""
    years = series.dt.convert_time_zone("UTC").dt.year().drop_nulls()
    return bool(years.is_between(1902, 2098).all())


def _by_distinct_value(
    series: pl.Series, column: Column, read: Callable[[object], object], dtype: pl.DataType | type[pl.DataType]
) -> pl.Series:
    distinct = series.unique() if series.dtype == pl.String else series
    known: list[object] = []
    for value in distinct.to_list():
        try:
            known.append(read(value))
        except Unreadable:
            row = series.to_list().index(value)
            raise BadValue(row=row, column=column.name, value=value, expected=expected_text(column)) from None
    read_values = pl.Series(known, dtype=dtype, strict=False)
    if distinct is series:
        return read_values
    lookup = pl.DataFrame({"key": distinct, "value": read_values})
    keys = series.rename("key").to_frame()
    return keys.join(lookup, on="key", how="left", nulls_equal=True, maintain_order="left").get_column("value")


def _part_values(moments: pl.Series, part: TimePart) -> npt.NDArray[np.float64]:
    match part:
        case "days":
            return _as_floats(moments.to_physical()) / _MICROSECONDS_A_DAY
        case "weekday":
            return _as_floats(moments.dt.weekday()) - 1.0
        case "yearday":
            return _as_floats(moments.dt.ordinal_day())
        case "hour":
            hours, minutes, seconds = map(_as_floats, (moments.dt.hour(), moments.dt.minute(), moments.dt.second()))
            return hours + minutes / 60 + seconds / 3600
        case "year" | "month" | "day":
            return _as_floats(getattr(moments.dt, part)())


def _as_floats(series: pl.Series) -> npt.NDArray[np.float64]:
    values: npt.NDArray[Any] = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return values.astype(np.float64, copy=False)
