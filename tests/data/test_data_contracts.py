"""Contracts of the Open Data Contract Standard: read as checks, and written so that others read them."""

import json
from importlib.resources import files
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft201909Validator

from lyceum.data.datasets.reading.public import ColumnType
from lyceum.data.quality.ascode.public import from_odcs, to_odcs, usable
from lyceum.data.quality.engine.public import (
    Check,
    ColumnSchema,
    InSet,
    InvalidCheck,
    NotNull,
    Range,
    RowCount,
    Unique,
    checks_from_plain,
    with_distinct_ids,
)

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - name: id
        logicalType: string
        primaryKey: true
        primaryKeyPosition: 2
        logicalTypeOptions: {minLength: 3, pattern: "^[A-Z]+$"}
      - name: shop
        logicalType: integer
        primaryKey: true
        primaryKeyPosition: 1
      - name: total
        logicalType: number
        required: true
        logicalTypeOptions: {exclusiveMinimum: 0, maximum: 1000}
        quality:
          - {metric: nullValues, mustBeLessThan: 5, unit: percent, severity: warning}
          - {metric: invalidValues, arguments: {validValues: [1, 2]}, mustBe: 0}
          - {metric: missingValues, arguments: {missingValues: [null, "N/A"]}, mustBe: 0}
          - {metric: duplicateValues, mustBeLessThan: 10}
      - name: mail
        logicalType: string
        unique: true
    quality:
      - {metric: rowCount, mustBeGreaterThan: 99}
      - {metric: duplicateValues, mustBe: 0, arguments: {properties: [total, mail]}}
      - {type: sql, name: late, query: "SELECT 1", mustBe: 0}
      - {type: text, description: Totals are right.}
      - {type: custom, engine: soda, implementation: "x"}
  - name: lines
    properties: []
"""


def test_a_contract_becomes_checks_of_its_table_and_then_of_its_columns() -> None:
    taken = from_odcs(CONTRACT, file_name="shop.yaml", table="orders")
    columns = [("id", "string"), ("shop", "integer"), ("total", "float"), ("mail", "string")]
    assert taken.checks == (
        {"kind": "schema", "columns": [{"name": n, "type": t} for n, t in columns], "more_columns": "allowed"},
        {"kind": "primary_key", "columns": ["shop", "id"]},
        {"kind": "row_count", "min": 100},
        {"kind": "unique", "columns": ["total", "mail"]},
        {"kind": "length", "column": "id", "min": 3},
        {"kind": "regex", "column": "id", "pattern": "^[A-Z]+$"},
        {"kind": "not_null", "column": "total"},
        {"kind": "range", "column": "total", "min": 0, "max": 1000, "min_inclusive": False},
        {"kind": "not_null", "column": "total", "at_most_failing": 0.05, "severity": "warning"},
        {"kind": "in_set", "column": "total", "values": [1, 2]},
        {"id": "total.expression", "kind": "expression", "expression": "col('total') not in ['N/A']"},
        {"kind": "unique", "columns": ["mail"]},
    )
    assert [each.what for each in taken.left_out] == ["late", "text", "custom", "duplicateValues (total)"]
    checks, left_out = usable(taken)
    assert (len(checks), left_out) == (len(taken.checks), taken.left_out)


@pytest.mark.parametrize(
    "text, told",
    [
        ("kind: Other", "c.yaml is no data contract: its kind is not DataContract."),
        ("[]", "c.yaml is no data contract: its kind is not DataContract."),
        ("kind: DataContract\napiVersion: v2.2.2", "c.yaml is a contract of 'v2.2.2'; versions 3 are read."),
        ("kind: DataContract\napiVersion: v3.0.0", "c.yaml describes no table; say which of them is meant."),
        (CONTRACT, "c.yaml describes orders, lines; say which of them is meant."),
    ],
)
def test_what_is_no_contract_of_one_table_is_refused_in_a_sentence(text: str, told: str) -> None:
    with pytest.raises(InvalidCheck) as refused:
        from_odcs(text, file_name="c.yaml")
    assert refused.value.detail == told


COLUMNS = [
    ColumnSchema("n", ColumnType.INTEGER),
    ColumnSchema("x", ColumnType.FLOAT),
    ColumnSchema("day", ColumnType.DATE),
    ColumnSchema("text", ColumnType.STRING),
    ColumnSchema("at", ColumnType.TIMESTAMP_UTC),
]
NAMES = st.sampled_from([column.name for column in COLUMNS])
COMMON: dict[str, Any] = {
    "severity": st.sampled_from(["error", "warning"]),
    "at_most_failing": st.sampled_from([0.0, 0.25]),
}
CHECKS: st.SearchStrategy[Check] = st.one_of(
    st.builds(NotNull, column=NAMES, **COMMON),
    st.builds(Unique, columns=st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple), **COMMON),
    st.builds(Range, column=NAMES, min=st.integers(-5, 5), max=st.integers(6, 9), **COMMON),
    st.builds(Range, column=st.just("day"), max=st.dates().map(str), **COMMON),
    st.builds(InSet, column=NAMES, values=st.lists(st.text(max_size=5), min_size=1, max_size=3).map(tuple), **COMMON),
    st.builds(RowCount, min=st.integers(0, 9)),
)
STANDARD = Draft201909Validator(json.loads((files("open_data_contract_standard") / "schema.json").read_text()))


@given(st.lists(CHECKS, max_size=6).map(with_distinct_ids))
def test_a_contract_written_here_keeps_the_standard_and_is_read_as_the_checks_it_was_made_from(
    checks: tuple[Check, ...],
) -> None:
    text = to_odcs("flights", version="1.2.0", columns=COLUMNS, checks=checks)
    assert [fault.message for fault in STANDARD.iter_errors(yaml.safe_load(text))] == []
    taken = from_odcs(text, file_name="flights.yaml")
    assert taken.left_out == ()
    # the columns themselves become a check of their own
    assert taken.checks[0]["kind"] == "schema"
    found = checks_from_plain(taken.checks[1:])
    assert sorted(map(_said, found)) == sorted(map(_said, checks))


def _said(check: Check) -> str:
    """Return what a check says; in the standard's own words it has no name."""
    return repr(type(check)(**{name: getattr(check, name) for name in check.__struct_fields__ if name != "id"}))
