"""The pre-step: rows and frames become the same tensors, and a wrong value is named."""

import datetime as dt
import json
import math
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyceum.serve.runtime.public import (
    CATEGORIES_INPUT,
    DATE_PARTS,
    NUMBERS_INPUT,
    TIMESTAMP_PARTS,
    BadValue,
    BooleanColumn,
    CategoryColumn,
    NotServable,
    NumberColumn,
    PreStep,
    RowReader,
    TimeColumn,
    UnreadableBody,
    read_frame,
)
from lyceum.serve.runtime.spec import prestep_from_json

PRESTEP = PreStep(
    columns=(
        NumberColumn("Größe (m²)"),
        BooleanColumn("paid"),
        CategoryColumn("city"),
        CategoryColumn("shelf", trimmed=True),
        TimeColumn("day", parts=DATE_PARTS, date_only=True),
        TimeColumn("at", parts=TIMESTAMP_PARTS),
        TimeColumn("local", parts=TIMESTAMP_PARTS, time_zone="America/New_York"),
    ),
    missing_text="<missing1>",
)
SCHEMA: dict[str, Any] = {
    "Größe (m²)": pl.Float64,
    "paid": pl.Boolean,
    "city": pl.String,
    "shelf": pl.String,
    "day": pl.Date,
    "at": pl.Datetime("us"),
    "local": pl.Datetime("us", "UTC"),
}

moments = st.datetimes(
    min_value=dt.datetime.fromisoformat("1600-01-02"), max_value=dt.datetime.fromisoformat("2900-01-01")
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
cells = {
    "Größe (m²)": st.floats(allow_nan=True, allow_infinity=False),
    "paid": st.booleans(),
    "city": texts | st.sampled_from(["None", "NA", "", "null"]),
    "shelf": texts.map(lambda text: f" {text}\t"),
    "day": st.dates(min_value=dt.date(1600, 1, 2), max_value=dt.date(2900, 1, 1)),
    "at": moments,
    "local": moments.map(lambda moment: moment.replace(tzinfo=dt.UTC)),
}
rows_strategy = st.lists(
    st.fixed_dictionaries({}, optional={name: st.none() | cell for name, cell in cells.items()}), min_size=1, max_size=5
)


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return (
        a.keys() == b.keys()
        and np.array_equal(a[NUMBERS_INPUT], b[NUMBERS_INPUT], equal_nan=True)
        and a[CATEGORIES_INPUT].tolist() == b[CATEGORIES_INPUT].tolist()
    )


def is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


@given(rows_strategy)
def test_rows_and_the_frame_of_the_same_rows_become_the_same_tensors(rows: list[dict[str, Any]]) -> None:
    reader = RowReader(PRESTEP)
    from_rows = reader.feeds([reader.row_from(row, index) for index, row in enumerate(rows)])
    frame = pl.DataFrame([{name: row.get(name) for name in SCHEMA} for row in rows], schema=SCHEMA)
    assert same(from_rows, read_frame(frame, PRESTEP).feeds())


@given(rows_strategy)
def test_the_bytes_of_a_request_and_its_rows_become_the_same_tensors(rows: list[dict[str, Any]]) -> None:
    reader = RowReader(PRESTEP)
    nan_free = [{name: None if is_nan(value) else value for name, value in row.items()} for row in rows]
    from_rows = reader.feeds([reader.row_from(row, index) for index, row in enumerate(rows)])
    from_bytes = reader.feeds(reader.decode_body(msgspec.json.encode({"rows": nan_free})))
    assert same(from_rows, from_bytes)


@given(rows_strategy)
def test_a_frame_of_texts_is_read_like_rows_of_texts(rows: list[dict[str, Any]]) -> None:
    written = [{name: None if v is None or is_nan(v) else as_text(v) for name, v in row.items()} for row in rows]
    reader = RowReader(PRESTEP)
    from_rows = reader.feeds([reader.row_from(row, index) for index, row in enumerate(written)])
    frame = pl.DataFrame(
        [{name: row.get(name) for name in SCHEMA} for row in written], schema=dict.fromkeys(SCHEMA, pl.String)
    )
    assert same(from_rows, read_frame(frame, PRESTEP).feeds())


def as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def test_absent_null_and_nan_are_all_missing() -> None:
    reader = RowReader(PRESTEP)
    rows: list[dict[str, Any]] = [{}, dict.fromkeys(SCHEMA), {"Größe (m²)": float("nan"), "city": float("nan")}]
    feeds = reader.feeds([reader.row_from(row, index) for index, row in enumerate(rows)])
    assert np.isnan(feeds[NUMBERS_INPUT]).all()
    assert (feeds[CATEGORIES_INPUT] == "<missing1>").all()


def test_date_parts_are_those_of_the_calendar() -> None:
    prestep = PreStep(columns=(TimeColumn("at", parts=TIMESTAMP_PARTS),))
    reader = RowReader(prestep)
    feeds = reader.feeds(reader.decode_body(b'{"rows":[{"at":"1970-03-02T06:30:00"}]}'))
    days, year, month, day, weekday, yearday, hour = feeds[NUMBERS_INPUT][0]
    assert (year, month, day, weekday, yearday, hour) == (1970, 3, 2, 0, 61, 6.5)
    assert days == pytest.approx(60 + 6.5 / 24)


def test_a_moment_with_a_zone_is_moved_to_the_column_s_zone() -> None:
    prestep = PreStep(columns=(TimeColumn("at", parts=("hour",), time_zone="America/New_York"),))
    reader = RowReader(prestep)
    body = b'{"rows":[{"at":"2013-01-01T12:00:00Z"},{"at":"2013-07-01T12:00:00+00:00"},{"at":"2013-01-01T12:00:00"}]}'
    assert reader.feeds(reader.decode_body(body))[NUMBERS_INPUT].ravel().tolist() == [7.0, 8.0, 12.0]


def test_numbers_and_truths_may_be_written_as_texts() -> None:
    prestep = PreStep(columns=(NumberColumn("a"), BooleanColumn("b"), CategoryColumn("c")))
    reader = RowReader(prestep)
    body = b'{"rows":[{"a":" 1.5e2 ","b":"Yes","c":7},{"a":true,"b":0,"c":false},{"a":"","b":" ","c":null}]}'
    feeds = reader.feeds(reader.decode_body(body))
    assert np.array_equal(feeds[NUMBERS_INPUT], np.array([[150, 1], [1, 0], [np.nan, np.nan]]), equal_nan=True)
    assert feeds[CATEGORIES_INPUT].ravel().tolist() == ["7", "false", ""]


@pytest.mark.parametrize(
    "column,value,expected",
    [
        ("Größe (m²)", "twelve", "a number"),
        ("Größe (m²)", [1], "a number"),
        ("Größe (m²)", "1_000", "a number"),
        ("paid", 2, "true or false"),
        ("paid", "maybe", "true or false"),
        ("city", {"a": 1}, "a text"),
        ("day", "31/31/2024", "a date such as"),
        ("at", 1_700_000_000, "a timestamp such as"),
        ("at", "yesterday", "a timestamp such as"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_row_and_column(column: str, value: object, expected: str) -> None:
    reader = RowReader(PRESTEP)
    body = json.dumps({"rows": [{}, {column: value}]}).encode()
    with pytest.raises(BadValue) as caught:
        reader.feeds(reader.decode_body(body))
    assert (caught.value.row, caught.value.column) == (1, column)
    assert caught.value.expected.startswith(expected)
    assert repr(value) in str(caught.value)


def test_a_frame_names_the_row_of_its_wrong_value() -> None:
    frame = pl.DataFrame({"day": ["2024-01-01", None, "soon"]})
    with pytest.raises(BadValue, match="row 2, column 'day': 'soon' is not a date such as 2024-05-31"):
        read_frame(frame, PRESTEP)


@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Enum(["Lyon", "Graz "])])
def test_categories_of_a_frame_are_their_texts(dtype: pl.DataType) -> None:
    prestep = PreStep(columns=(CategoryColumn("city"), CategoryColumn("shelf", trimmed=True)))
    values = pl.Series(["Lyon", None, "Graz "], dtype=dtype)
    typed = read_frame(pl.DataFrame({"city": values, "shelf": values}), prestep)
    assert [series.to_list() for series in typed.categories] == [["Lyon", None, "Graz "], ["Lyon", None, "Graz"]]
    assert typed.categories[0].dtype == pl.String


def test_a_moment_that_no_request_can_hold_is_missing_in_a_frame() -> None:
    prestep = PreStep(columns=(TimeColumn("day", parts=("year",)), TimeColumn("at", parts=("year",))))
    days = pl.Series([2_932_896, 2_932_897, -719_162, -719_163], dtype=pl.Int32).cast(pl.Date)
    at = pl.Series([0, 2**62, -(2**62), None], dtype=pl.Int64).cast(pl.Datetime("us", "Asia/Tokyo"))
    years = read_frame(pl.DataFrame({"day": days, "at": at}), prestep).numbers
    assert np.array_equal(years[:, 0], [9999, np.nan, 1, np.nan], equal_nan=True)
    assert np.array_equal(years[:, 1], [1970, np.nan, np.nan, np.nan], equal_nan=True)


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(BadValue, match="is not a text"):
        RowReader(PRESTEP).row_from({"city": "\ud800"}, 0)


def test_a_long_wrong_value_is_shortened() -> None:
    with pytest.raises(BadValue) as caught:
        RowReader(PRESTEP).row_from({"paid": "x" * 10_000}, 0)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"rows":3}', b'{"rows":[1]}', b"{}", b'{"rows":[{"a":NaN}]}'])
def test_a_body_of_another_shape_is_refused_in_one_sentence(body: bytes) -> None:
    with pytest.raises(UnreadableBody):
        RowReader(PRESTEP).decode_body(body)


def test_a_pre_step_survives_json() -> None:
    assert prestep_from_json(msgspec.json.encode(PRESTEP).decode()) == PRESTEP


@pytest.mark.parametrize(
    "text", ['{"columns":[],"format_version":2}', "{}", "[]", "nonsense", '{"format_version":"x"}']
)
def test_a_pre_step_of_another_format_is_refused(text: str) -> None:
    with pytest.raises(NotServable):
        prestep_from_json(text)
