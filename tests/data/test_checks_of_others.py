"""Checks that were written for other tools, and what those found, are taken over; what cannot be is named with the reason."""

import json
from typing import Any

import pytest

from lyceum.data.quality.ascode.public import OutsideResult, from_dbt, from_great_expectations, from_soda, usable
from lyceum.data.quality.engine.public import InvalidCheck


def suite(*expectations: tuple[str, dict[str, Any]], **common: Any) -> str:
    listed = [{"type": f"expect_{kind}", "kwargs": kwargs, **common} for kind, kwargs in expectations]
    return json.dumps({"name": "flights", "expectations": listed, "meta": {"great_expectations_version": "1.24.1"}})


@pytest.mark.parametrize(
    "kind, kwargs, check",
    [
        ("column_values_to_not_be_null", {"column": "a"}, {"kind": "not_null", "column": "a"}),
        (
            "column_values_to_not_be_null",
            {"column": "a", "mostly": 0.95},
            {"kind": "not_null", "column": "a", "at_most_failing": 0.05},
        ),
        ("column_values_to_be_unique", {"column": "a"}, {"kind": "unique", "columns": ["a"]}),
        ("compound_columns_to_be_unique", {"column_list": ["a", "b"]}, {"kind": "unique", "columns": ["a", "b"]}),
        (
            "column_values_to_be_between",
            {"column": "a", "min_value": 0, "max_value": 9, "strict_max": True},
            {"kind": "range", "column": "a", "min": 0, "max": 9, "max_inclusive": False},
        ),
        (
            "column_values_to_be_in_set",
            {"column": "a", "value_set": ["x", "y"]},
            {"kind": "in_set", "column": "a", "values": ["x", "y"]},
        ),
        (
            "column_values_to_not_be_in_set",
            {"column": "it's", "value_set": ["x", 1]},
            {"id": "it's.expression", "kind": "expression", "expression": "col(\"it's\") not in ['x', 1]"},
        ),
        (
            "column_value_lengths_to_be_between",
            {"column": "a", "min_value": 1, "max_value": 5, "strict_min": True},
            {"kind": "length", "column": "a", "min": 2, "max": 5},
        ),
        (
            "column_values_to_match_regex_list",
            {"column": "a", "regex_list": ["^a", "b$"]},
            {"kind": "regex", "column": "a", "pattern": "(?:^a)|(?:b$)"},
        ),
        (
            "column_values_to_not_match_regex",
            {"column": "a", "regex": "x"},
            {"kind": "regex", "column": "a", "forbidden": True, "pattern": "x"},
        ),
        (
            "column_values_to_match_like_pattern",
            {"column": "a", "like_pattern": "A_c%.x"},
            {"kind": "regex", "column": "a", "pattern": r"(?s)^A.c.*\.x$"},
        ),
        (
            "column_values_to_be_of_type",
            {"column": "a", "type_": "INTEGER"},
            {
                "id": "a.schema",
                "kind": "schema",
                "columns": [{"name": "a", "type": "integer"}],
                "more_columns": "allowed",
            },
        ),
        (
            "table_columns_to_match_ordered_list",
            {"column_list": ["a", "b"]},
            {"kind": "schema", "columns": [{"name": "a"}, {"name": "b"}], "order": "same"},
        ),
        ("table_row_count_to_equal", {"value": 3}, {"kind": "row_count", "min": 3, "max": 3}),
        (
            "column_mean_to_be_between",
            {"column": "a", "min_value": 1.5},
            {"kind": "statistic", "column": "a", "statistic": "mean", "min": 1.5},
        ),
        (
            "column_pair_values_a_to_be_greater_than_b",
            {"column_A": "a", "column_B": "b", "or_equal": True},
            {"kind": "cross_column", "left": "a", "operator": ">=", "right": "b"},
        ),
        (
            "multicolumn_sum_to_equal",
            {"column_list": ["a", "b"], "sum_total": 10},
            {"id": "table.expression", "kind": "expression", "expression": "col('a') + col('b') == 10"},
        ),
        (
            "column_values_to_be_decreasing",
            {"column": "a", "strictly": True},
            {"kind": "monotonic", "column": "a", "direction": "decreasing", "strictly": True},
        ),
    ],
)
def test_an_expectation_becomes_the_check_that_asks_the_same(
    kind: str, kwargs: dict[str, Any], check: dict[str, Any]
) -> None:
    taken = from_great_expectations(suite((kind, kwargs)))
    assert (taken.checks, taken.left_out) == ((check,), ())
    # and it is one that can be run
    [usable_check], left_out = usable(taken)
    assert (usable_check.__struct_config__.tag, left_out) == (check["kind"], ())


def test_a_suite_of_before_1_0_and_its_severities_are_taken() -> None:
    old = {
        "expectation_suite_name": "s",
        "expectations": [{"expectation_type": "expect_column_to_exist", "kwargs": {"column": "a"}}],
    }
    [check] = from_great_expectations(json.dumps(old)).checks
    assert check["columns"] == [{"name": "a"}]
    soft = suite(("column_values_to_be_unique", {"column": "a"}), severity="info")
    assert from_great_expectations(soft).checks == ({"kind": "unique", "columns": ["a"], "severity": "warning"},)


def test_what_has_no_counterpart_is_named_with_the_reason() -> None:
    taken = from_great_expectations(
        suite(
            ("column_median_to_be_between", {"column": "price", "min_value": 1}),
            ("column_values_to_not_be_null", {"column": "a", "row_condition": "b == 1"}),
            ("column_values_to_be_between", {"column": "a"}),
            ("column_values_to_be_in_set", {"value_set": [1]}),
            ("column_values_to_be_of_type", {"column": "a", "type_": "GEOGRAPHY"}),
        )
    )
    assert taken.checks == ()
    assert [(each.what, each.why.split(";")[0]) for each in taken.left_out] == [
        ("expect_column_median_to_be_between (price)", "Nothing here asks the same"),
        ("expect_column_values_to_not_be_null (a)", "It holds for some rows only (row_condition)"),
        ("expect_column_values_to_be_between (a)", "It has no bounds, so that everything passes."),
        ("expect_column_values_to_be_in_set", "It names no column (column)."),
        ("expect_column_values_to_be_of_type (a)", "No one type here stands for GEOGRAPHY"),
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"expectations": 3}', '{"expectations": [3]}', "[" * 100_000])
def test_what_is_no_suite_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidCheck, match=r"^The (suite|file) "):
        from_great_expectations(text)


CONTRACT = """
dataset: warehouse/main/public/customers
checks:
  - schema:
      allow_extra_columns: true
  - row_count:
      threshold: {must_be_between: {greater_than_or_equal: 10, less_than: 100}}
  - duplicate: {columns: [first, last]}
  - freshness:
      column: seen_at
      threshold: {unit: day, must_be_less_than: 2}
  - failed_rows: {query: SELECT 1}
columns:
  - name: id
    data_type: varchar(10)
    checks:
      - missing:
      - duplicate:
      - invalid:
          valid_min_length: 1
          valid_format: {name: code, regex: "^[A-Z]+$"}
  - name: size
    data_type: integer
    valid_values: [1, 2]
    checks:
      - missing:
          missing_values: [-1]
          threshold: {metric: percent, must_be_less_than: 10, level: warn}
      - invalid:
      - aggregate:
          function: avg
          threshold: {must_be_between: {greater_than_or_equal: 1, less_than_or_equal: 2}}
      - missing:
          threshold: {must_be_less_than: 5}
  - name: country
    checks:
      - invalid:
          valid_reference_data: {dataset: warehouse/main/public/countries, column: code}
"""


def test_a_contract_of_soda_becomes_checks_of_the_table_and_then_of_its_columns() -> None:
    taken = from_soda(CONTRACT, file_name="contract.yml")
    soft = {"at_most_failing": 0.1, "severity": "warning"}
    assert taken.checks == (
        {
            "kind": "schema",
            "columns": [{"name": "id", "type": "string"}, {"name": "size", "type": "integer"}, {"name": "country"}],
            "more_columns": "allowed",
            "order": "same",
        },
        {"kind": "row_count", "min": 10, "max": 99},
        {"kind": "unique", "columns": ["first", "last"]},
        {"kind": "freshness", "column": "seen_at", "age_seconds_max": 172_800},
        {"kind": "not_null", "column": "id"},
        {"kind": "unique", "columns": ["id"]},
        {"kind": "length", "column": "id", "min": 1},
        {"kind": "regex", "column": "id", "pattern": "^[A-Z]+$"},
        {"kind": "not_null", "column": "size", **soft},
        {"id": "size.marked_missing", "kind": "expression", "expression": "col('size') not in [-1]", **soft},
        {"kind": "in_set", "column": "size", "values": [1, 2]},
        {"kind": "statistic", "column": "size", "statistic": "mean", "min": 1, "max": 2},
        {"kind": "referential", "columns": ["country"], "to": "public/countries", "to_columns": ["code"]},
    )
    assert [each.what for each in taken.left_out] == ["failed_rows", "missing (size)"]
    assert "a count of failing rows (5)" in taken.left_out[1].why
    checks, left_out = usable(taken)
    assert (len(checks), left_out) == (len(taken.checks), taken.left_out)


@pytest.mark.parametrize("text", ["a: 1", "[]", "dataset: x", "checks: []"])
def test_what_is_no_contract_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidCheck, match=r"^c\.yml is no contract of Soda"):
        from_soda(text, file_name="c.yml")


def test_results_of_dbt_are_taken_with_their_messages() -> None:
    results = [
        {"unique_id": "model.shop.orders", "status": "success", "message": "OK"},
        {"unique_id": "test.shop.not_null_orders_id.cf6c17daed", "status": "pass", "failures": 0, "message": None},
        {
            "unique_id": "test.shop.unique_orders_id.fed79b3a6e",
            "status": "fail",
            "failures": 2,
            "message": "Got 2 results, configured to fail if != 0",
        },
        {"unique_id": "test.shop.accepted_values_x.1", "status": "warn", "failures": 1, "message": "Got 1 result"},
        {"unique_id": "test.shop.total_fits", "status": "error", "failures": None, "message": "Database Error"},
        {"unique_id": "test.shop.later.2", "status": "skipped"},
    ]
    assert from_dbt(json.dumps({"metadata": {}, "results": results})) == (
        OutsideResult("not_null_orders_id", "passed", "error", 0, ""),
        OutsideResult("unique_orders_id", "failed", "error", 2, "Got 2 results, configured to fail if != 0"),
        OutsideResult("accepted_values_x", "failed", "warning", 1, "Got 1 result"),
        OutsideResult("total_fits", "errored", "error", None, "Database Error"),
    )


@pytest.mark.parametrize(
    "text", ["", "{}", '{"results": [1]}', '{"results": [{"unique_id": "model.a.b", "status": "pass"}]}']
)
def test_what_holds_no_results_of_dbt_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidCheck, match=r"run_results\.json"):
        from_dbt(text)
