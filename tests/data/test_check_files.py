"""Checks as YAML files: read with the line of what is wrong, written with reasons, and the same on the way back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyceum.data.quality.ascode.public import checks_as_yaml, checks_in, suggestions_as_yaml
from lyceum.data.quality.engine.public import (
    KINDS,
    Check,
    InSet,
    InvalidCheck,
    NotNull,
    Range,
    RowCount,
    SuggestedCheck,
    Unique,
    checks_from_plain,
)


def test_a_list_of_checks_is_read_in_its_order() -> None:
    text = """
checks:
  - kind: unique
    columns: [flight_id]
  - {kind: range, column: dep_hour, min: 0, max: 23, severity: warning}
  - {id: enough, kind: row_count, min: 1000}
"""
    assert checks_in(text, file_name="checks.yaml") == (
        Unique(columns=("flight_id",)),
        Range(column="dep_hour", min=0, max=23, severity="warning"),
        RowCount(id="enough", min=1000),
    )


def test_a_mapping_says_the_same_by_column() -> None:
    text = """
checks:
  flight_id: [not_null, unique]
  dep_hour: {range: [0, 23], at_most_failing: 0.01}
  "*": {row_count: [1000, null]}
"""
    assert checks_in(text, file_name="checks.yaml") == (
        NotNull(column="flight_id"),
        Unique(columns=("flight_id",)),
        Range(column="dep_hour", min=0, max=23, at_most_failing=0.01),
        RowCount(min=1000),
    )


def test_json_is_taken_as_well() -> None:
    text = '{"checks": [{"kind": "not_null", "column": "a"}]}'
    assert checks_in(text, file_name="checks.json") == (NotNull(column="a"),)


def test_dates_are_the_texts_they_are_written_as() -> None:
    text = "checks: [{kind: range, column: day, min: 2024-01-01, max: 2024-12-31}]"
    assert checks_in(text, file_name="c.yaml") == (Range(column="day", min="2024-01-01", max="2024-12-31"),)


@pytest.mark.parametrize(
    "text, told",
    [
        ("", "c.yaml is empty."),
        ("checks: []", "c.yaml holds no checks; list them under 'checks:'."),
        ("{}", "c.yaml holds no checks; list them under 'checks:'."),
        ("just words", "c.yaml, line 1: this is no list of checks; list them under 'checks:'."),
        ("checks:\n  - kind: [\n", "this is no YAML"),
        ("checks:\n  - kind: not_null\n    colum: a\n", "c.yaml, line 2: Check 1 (not_null):"),
        (
            "- kind: not_null\n  column: a\n- kind: rnage\n",
            "c.yaml, line 3: Check 2 is of the unknown kind 'rnage'; did",
        ),
        ("- column: a\n", "c.yaml, line 1: Check 1 has no kind; write one such as 'kind: not_null'."),
        ("check: []\n", "c.yaml, line 1: nothing is known of 'check'; list the checks under 'checks:'."),
        ("checks:\n  a: [not_nul]\n", "c.yaml, line 2: 'not_nul' asks nothing known of 'a'"),
        ("checks:\n  1: [not_null]\n", "c.yaml, line 2: 1 is no column's name; put it in quotes"),
        (
            "checks:\n- {kind: range, column: a, min: 3, max: 2}\n",
            "c.yaml, line 2: Check 1 (range): min 3 is above max 2",
        ),
        ("checks:\n- {kind: not_null, kind: unique}\n", "c.yaml, line 2: 'kind' stands here twice"),
        ("checks:\n- !!python/object:os.system [x]\n", "c.yaml, line 2: Check 1 is not an object with a kind"),
        ("checks:\n- {kind: !!int many}\n", "c.yaml, line 2: 'many' cannot be read; put a text in quotes."),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(text: str, told: str) -> None:
    with pytest.raises(InvalidCheck) as refused:
        checks_in(text, file_name="c.yaml")
    assert told in refused.value.detail


def test_a_file_that_unfolds_is_refused_before_it_does() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
    )
    with pytest.raises(InvalidCheck, match=r"line 2: aliases \(\*a0\) are not taken; write it out\."):
        checks_in(bomb, file_name="c.yaml")
    with pytest.raises(InvalidCheck, match="nested more than 20 deep"):
        checks_in("checks: " + "[" * 5000, file_name="c.yaml")
    with pytest.raises(InvalidCheck, match="more than 2,000,000 characters"):
        checks_in("#" * 2_000_001, file_name="c.yaml")


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
COMMON = {"severity": st.sampled_from(["error", "warning"]), "at_most_failing": st.floats(0, 1)}
CHECKS: st.SearchStrategy[Check] = st.one_of(
    st.builds(NotNull, column=NAMES, **COMMON),
    st.builds(Unique, columns=st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple), **COMMON),
    st.builds(Range, column=NAMES, min=NUMBERS, max_inclusive=st.booleans(), **COMMON),
    st.builds(Range, column=NAMES, max=st.dates().map(str), **COMMON),
    st.builds(
        InSet,
        column=NAMES,
        values=st.lists(NAMES | NUMBERS | st.booleans(), min_size=1, max_size=5).map(tuple),
        **COMMON,
    ),
    st.builds(RowCount, id=st.sampled_from(["", "size"]), min=st.integers(0, 10**12)),
)


@given(CHECKS, st.text(max_size=60))
def test_what_is_written_is_read_as_it_was(check: Check, reason: str) -> None:
    text = suggestions_as_yaml([SuggestedCheck(check, reason)], heading=[reason])
    assert checks_in(text, file_name="c.yaml") == (check,)


def test_every_kind_of_check_is_written_and_read() -> None:
    plain: list[dict[str, Any]] = [
        {"kind": "not_null", "column": "a"},
        {"kind": "unique", "columns": ["a"]},
        {"kind": "range", "column": "a", "min": 1},
        {"kind": "in_set", "column": "a", "values": ["x"]},
        {"kind": "row_count", "min": 1},
        {"kind": "completeness", "column": "a", "min_share": 0.9, "tags": ["x"], "owner": "those of the harbour"},
        {"kind": "primary_key", "columns": ["a", "b"]},
        {"kind": "length", "column": "a", "max": 3},
        {"kind": "regex", "column": "a", "pattern": "^x$"},
        {"kind": "type", "column": "a", "type": "date"},
        {"kind": "monotonic", "column": "a"},
        {"kind": "outliers", "column": "a"},
        {"kind": "statistic", "column": "a", "statistic": "mean", "min": 1},
        {"kind": "conditional", "when": "country == 'US'", "then": "state is not None"},
        {"kind": "cross_column", "left": "a", "operator": "<", "right": "b"},
        {"kind": "expression", "expression": "a + b == 3", "partition_by": "c"},
        {"kind": "referential", "columns": ["a"], "to": "o/n", "to_columns": ["b"]},
        {"kind": "volume"},
        {"kind": "freshness", "column": "a", "age_seconds_max": 3600},
        {"kind": "schema", "columns": [{"name": "a", "type": "integer"}, {"name": "b"}], "more_columns": "allowed"},
        {"kind": "drift", "columns": ["a"]},
        {"kind": "sql", "query": "SELECT *\nFROM data\nWHERE a > 1", "blocking": False},
    ]
    assert {each["kind"] for each in plain} == set(KINDS)
    checks = checks_from_plain(plain)
    text = checks_as_yaml(checks)
    assert checks_in(text, file_name="c.yaml") == checks
    assert "null" not in text.replace("not_null", "")
    assert "    query: |-\n      SELECT *\n      FROM data\n      WHERE a > 1\n    blocking: false\n" in text
