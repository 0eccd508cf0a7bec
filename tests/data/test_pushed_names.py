"""Records pushed for columns whose names JSON writes with a backslash, or that look like a place in a message."""

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyceum.data.datasets.pushes.errors import RecordsUnreadable
from lyceum.data.datasets.pushes.records import read_records

ODD = 'height "in" \\ cm'
KINDS = ("boolean", "integer", "float", "string", "date", "timestamp", "timestamp_utc")
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.dates().map(date.isoformat),
    st.datetimes().map(lambda time: time.isoformat()),
    st.datetimes().map(lambda time: f"{time.isoformat()}Z"),
    st.lists(st.integers(), max_size=1),
)


def _answer(records: list[dict[str, Any]], columns: tuple[tuple[str, str], ...]) -> object:
    try:
        read = read_records(json.dumps(records).encode(), "json", columns)
    except RecordsUnreadable as refused:
        return str(refused)
    return [tuple(getattr(record, f"c{place}") for place in range(len(columns))) for record in read]


@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
    rows=st.lists(st.dictionaries(st.integers(0, 4), VALUES, max_size=4), min_size=1, max_size=3),
)
def test_an_odd_name_changes_nothing_of_what_is_read_or_refused(
    kinds: list[str], rows: list[dict[int, object]]
) -> None:
    def asked(name_of: dict[int, str]) -> object:
        columns = tuple((name_of[place], kind) for place, kind in enumerate(kinds))
        return _answer([{name_of[place]: value for place, value in row.items()} for row in rows], columns)

    plain = {place: f"name {place}" for place in range(5)}
    odd = {place: f'name "{place}' for place in range(5)}
    as_plain, as_odd = asked(plain), asked(odd)
    if not isinstance(as_plain, str):
        assert as_odd == as_plain
    elif sum(map(len, rows)) == 1:
        assert as_odd == _with_odd_names(as_plain)
    else:
        # which of several faults is told is either reader's own choice
        assert isinstance(as_odd, str)


def _with_odd_names(told: str) -> str:
    for place in range(5):
        told = told.replace(repr(f"name {place}"), repr(f'name "{place}'))
    return told


@pytest.mark.parametrize("name", [ODD, "temp [°C]", "a`b", "a.b", "x - at `$[7].y`", "naïve\u200dname"])
def test_a_value_that_does_not_fit_is_told_by_its_columns_whole_name(name: str) -> None:
    columns = (("id", "integer"), (name, "integer"))
    with pytest.raises(RecordsUnreadable) as refused:
        read_records(json.dumps([{"id": 1}, {"id": 2, name: "high"}]).encode(), "json", columns)
    assert f"column {name!r}: what is there is not a whole number of 64 bits." in str(refused.value)
    assert str(refused.value).startswith("Record ")


def test_records_of_an_odd_name_are_read_by_lines_as_well() -> None:
    lines = b"\n".join(json.dumps({ODD: n}).encode() for n in (1, 2))
    assert [record.c0 for record in read_records(lines, "jsonl", ((ODD, "integer"),))] == [1, 2]
