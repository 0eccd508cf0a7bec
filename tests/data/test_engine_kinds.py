"""Each kind of check on the smallest table that shows what it says."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

import lyceum
from lyceum.data.quality.engine.public import (
    InvalidCheck,
    Reference,
    Surroundings,
    checks_from_plain,
    reference_of,
    run_checks,
)

NOW = datetime(2024, 6, 10, 12, tzinfo=UTC)
TABLE = pl.DataFrame(
    {
        "id": [1, 2, 3, 3, None],
        "amount": [10.0, 20.5, None, 5.0, 1000.0],
        "net": [9.0, 21.0, 3.0, 5.0, 900.0],
        "country": ["US", "US", "DE", "DE", None],
        "state": ["CA", None, None, "BY", None],
        "sku": ["SKU-001", "SKU-02", "sku-003", None, "SKU-004x"],
        "number": ["1", "-2", "x", "4.0", None],
        "step": [1, 3, 2, None, 5],
        "ordered": [datetime.fromisoformat(f"2024-06-0{day}") for day in range(1, 6)],
        "shipped": [datetime.fromisoformat(f"2024-06-0{day}") for day in (2, 2, 1, 9, 5)],
        "day": [date(2024, 6, day) for day in range(1, 6)],
    }
)
CUSTOMERS = pl.LazyFrame({"id": [1, 2], "country": ["US", "DE"]})


def table_named(name: str) -> pl.LazyFrame:
    if name != "shop/customers":
        raise LookupError(f"there is no dataset '{name}' that you may read")
    return CUSTOMERS


def run(plain: dict[str, Any], frame: pl.DataFrame = TABLE, **around: Any) -> Any:
    asked = checks_from_plain([plain])
    surroundings = Surroundings(now=NOW, table_named=table_named, **around)
    return run_checks(frame.lazy(), asked, around=surroundings).results[0]


@pytest.mark.parametrize(
    "plain,checked,failing,says",
    [
        ({"kind": "length", "column": "country", "min": 3}, 4, 4, "4 of 4 rows have a country that has not at least 3"),
        (
            {"kind": "length", "column": "sku", "max": 7},
            4,
            1,
            "1 of 4 rows has a sku that has not at most 7 characters",
        ),
        ({"kind": "regex", "column": "sku", "pattern": r"^SKU-\d{3}$"}, 4, 3, "3 of 4 rows have a sku that does not"),
        (
            {"kind": "regex", "column": "sku", "pattern": "x$", "forbidden": True},
            4,
            1,
            "1 of 4 rows has a sku that holds",
        ),
        ({"kind": "type", "column": "number", "type": "integer"}, 4, 2, "2 of 4 rows have a number that is no integer"),
        ({"kind": "type", "column": "number", "type": "float"}, 4, 1, "1 of 4 rows has a number that is no float"),
        ({"kind": "type", "column": "id", "type": "float"}, 4, 0, "All 4 values of id are of the type float."),
        ({"kind": "type", "column": "day", "type": "timestamp"}, 5, 5, "5 of 5 rows have a day that is no timestamp"),
        (
            {"kind": "monotonic", "column": "step"},
            4,
            1,
            "1 of 4 rows has a step that breaks the increasing order; first",
        ),
        ({"kind": "monotonic", "column": "day", "direction": "decreasing"}, 5, 4, "4 of 5 rows have a day that breaks"),
        ({"kind": "monotonic", "column": "id", "strictly": True}, 4, 1, "1 of 4 rows has a id that breaks the"),
        (
            {"kind": "conditional", "when": "country == 'US'", "then": "state is not None"},
            2,
            1,
            "In 1 of 2 rows where country == 'US', state is not None does not hold; first on row 2.",
        ),
        (
            {"kind": "cross_column", "left": "shipped", "operator": ">=", "right": "ordered"},
            5,
            1,
            "In 1 of 5 rows, shipped >= ordered does not hold; first on row 3.",
        ),
        ({"kind": "expression", "expression": "net <= amount"}, 4, 1, "In 1 of 4 rows, net <= amount does not hold"),
        (
            {"kind": "expression", "expression": "0 < amount < 100 or id is None"},
            4,
            0,
            "0 < amount < 100 or id is None",
        ),
        (
            {"kind": "primary_key", "columns": ["id"]},
            5,
            2,
            "2 of 5 rows have a gap in id, or a key that an earlier row",
        ),
        (
            {"kind": "referential", "columns": ["id"], "to": "shop/customers", "to_columns": ["id"]},
            4,
            2,
            "2 of 4 rows have id that shop/customers does not have; first on row 3.",
        ),
        (
            {
                "kind": "referential",
                "columns": ["id", "country"],
                "to": "shop/customers",
                "to_columns": ["id", "country"],
            },
            4,
            3,
            "3 of 4 rows have id, country that shop/customers does not have; first on row 2.",
        ),
        (
            {"kind": "statistic", "column": "net", "statistic": "mean", "max": 100},
            5,
            1,
            "The mean of net is 187.6; at most",
        ),
        (
            {"kind": "statistic", "column": "id", "statistic": "sum", "min": 9, "max": 9},
            4,
            0,
            "The sum of id is 9; between",
        ),
        (
            {"kind": "freshness", "column": "day", "age_seconds_max": 86400},
            5,
            1,
            "The newest day is 5.5 days old; at most",
        ),
        (
            {"kind": "freshness", "column": "ordered", "age_seconds_max": 864000},
            5,
            0,
            "The newest ordered is 5.5 days old.",
        ),
        ({"kind": "sql", "query": "SELECT id FROM data WHERE amount > 500"}, 5, 1, "The query finds 1 row; at most 0"),
    ],
)
def test_each_kind_counts_and_says_what_fails(plain: dict[str, Any], checked: int, failing: int, says: str) -> None:
    result = run(plain)
    assert result.sentence.startswith(says)
    assert (result.status, result.rows_checked, result.failing) == ("failed" if failing else "passed", checked, failing)


@pytest.mark.parametrize(
    "plain,says",
    [
        ({"kind": "length", "column": "id", "min": 3}, "measures the length of 'id', which holds integer values"),
        ({"kind": "regex", "column": "id", "pattern": "a"}, "fits a pattern to 'id', which holds integer values"),
        ({"kind": "expression", "expression": "id == country"}, "compares 'id' (integer) with 'country' (string)"),
        ({"kind": "expression", "expression": "id + 1"}, "has an expression that is no question: it gives float"),
        ({"kind": "expression", "expression": "country and id > 1"}, "takes 'country' for true or false"),
        ({"kind": "expression", "expression": "day > 'soon'"}, "gives 'soon' as a bound of 'day', which is no date"),
        ({"kind": "cross_column", "left": "day", "operator": "<", "right": "ordered"}, "compares 'day' (date) with"),
        ({"kind": "freshness", "column": "id", "age_seconds_max": 1}, "asks how old 'id' is, but it holds integer"),
        (
            {"kind": "referential", "columns": ["id"], "to": "other/table", "to_columns": ["id"]},
            "compares with another table, but there is no dataset 'other/table' that you may read",
        ),
        (
            {"kind": "referential", "columns": ["id"], "to": "shop/customers", "to_columns": ["country"]},
            "looks up 'id' (integer) in 'country' of shop/customers, which has string values",
        ),
        ({"kind": "sql", "query": "SELECT nope FROM data"}, "has a query that cannot be run: Binder Error"),
    ],
)
def test_a_check_that_does_not_fit_says_so(plain: dict[str, Any], says: str) -> None:
    result = run(plain)
    assert result.status == "errored"
    assert says in result.sentence


def test_a_newest_value_in_the_future_is_not_fresh() -> None:
    frame = TABLE.with_columns(ordered=pl.lit(datetime.fromisoformat("2030-01-01")))
    result = run({"kind": "freshness", "column": "ordered", "age_seconds_max": 60}, frame)
    assert (result.status, "in the future" in result.sentence) == ("failed", True)


def test_completeness_fails_beyond_chance_alone() -> None:
    asked = {"kind": "completeness", "column": "x", "min_share": 0.95, "visible_fall": 0.05}

    def filled(many: int, rows: int) -> pl.DataFrame:
        return pl.DataFrame({"x": [1] * many + [None] * (rows - many)})

    assert run(asked, filled(18, 20)).status == "skipped", "18 of 20 may be chance, and 20 are too few to tell"
    assert run(asked, filled(5, 20)).status == "failed", "5 of 20 are no chance"
    assert run(asked, filled(940, 1000)).status == "passed"
    result = run(asked, filled(920, 1000))
    assert (result.status, result.failing) == ("failed", 80)
    assert result.metrics["share_low"] < 0.92 < result.metrics["share_high"] < 0.95


def test_volume_is_compared_with_the_reference() -> None:
    asked = {"kind": "volume", "fall_max": 0.5, "rise_max": 1.0}
    assert run(asked).status == "skipped"
    for rows, status in ((10, "passed"), (11, "failed"), (3, "passed"), (2, "failed")):
        result = run(asked, references={"previous": Reference(rows=rows, columns={})})
        assert result.status == status, result.sentence


def test_schema_drift_names_each_column_that_is_not_as_asked() -> None:
    columns = [{"name": "id", "type": "string"}, {"name": "gone"}, {"name": "amount", "type": "float"}]
    result = run({"kind": "schema", "columns": columns}, TABLE.select("id", "amount", "net"))
    assert result.failing == 3
    assert result.sentence == (
        "The table's columns are not as asked: 'gone' is missing, 'id' holds integer values, not string, 'net' is new."
    )
    kept = {"kind": "schema", "columns": [{"name": "net"}, {"name": "id"}], "more_columns": "allowed"}
    assert run(kept).status == "passed"
    assert run({**kept, "order": "same"}).sentence.endswith("the columns are in another order.")


def test_outliers_are_far_in_robust_deviations_even_where_half_is_one_value() -> None:
    normal = pl.DataFrame({"x": [float(n % 7) for n in range(200)] + [1e6, float("inf")]})
    result = run({"kind": "outliers", "column": "x"}, normal)
    assert (result.failing, [row.row for row in result.sample]) == (2, [201, 202])
    constant = pl.DataFrame({"x": [5.0] * 100})
    assert run({"kind": "outliers", "column": "x"}, constant).status == "passed"
    mostly = pl.DataFrame({"x": [5.0] * 98 + [6.0, 500.0]})
    assert run({"kind": "outliers", "column": "x"}, mostly).failing == 1
    then = {"reference": reference_of(normal.head(200).lazy())}
    assert run({"kind": "outliers", "column": "x", "reference": "reference"}, constant, references=then).failing == 0
    far = pl.DataFrame({"x": [90.0, 3.0]})
    assert run({"kind": "outliers", "column": "x", "reference": "reference"}, far, references=then).failing == 1


def test_a_tolerated_share_holds_within_each_partition() -> None:
    frame = pl.DataFrame({"shop": ["a"] * 90 + ["b"] * 10, "x": [1] * 90 + [None] * 5 + [1] * 5})
    asked: dict[str, Any] = {"kind": "not_null", "column": "x", "at_most_failing": 0.1}
    assert run(asked, frame).status == "passed"
    result = run({**asked, "partition_by": "shop"}, frame)
    assert result.status == "failed"
    assert [(part.value, part.rows_checked, part.failing) for part in result.partitions] == [("b", 10, 5)]
    assert result.sentence.endswith("worst where shop is 'b'.")


def test_blocking_is_the_severity_unless_it_is_said() -> None:
    failing = {"kind": "row_count", "min": 100}
    for said, blocks in (
        ({}, True),
        ({"severity": "warning"}, False),
        ({"blocking": False}, False),
        ({"severity": "warning", "blocking": True}, True),
    ):
        assert run({**failing, **said}).blocks is blocks


@pytest.mark.parametrize(
    "plain,says",
    [
        (
            {"kind": "unique", "columns": ["a"], "partition_by": "b"},
            "partition_by is for checks that a row decides alone",
        ),
        ({"kind": "length", "column": "a"}, "give min, max or both"),
        ({"kind": "drift", "columns": []}, "columns names each column once"),
        ({"kind": "completeness", "column": "a", "min_share": 2}, "min_share is above 0 and at most 1"),
        ({"kind": "not_null", "column": "a", "tags": [""]}, "tags are at most 20 words"),
        ({"kind": "sql", "query": " "}, "query has between 1 and"),
        ({"kind": "referential", "columns": ["a"], "to": "x/y", "to_columns": ["a", "b"]}, "are equally many"),
    ],
)
def test_what_makes_no_sense_is_refused(plain: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidCheck, match=says):
        checks_from_plain([plain])


def test_a_notebook_asks_for_any_kind_in_short() -> None:
    frame = TABLE.select("id", "sku", "country", "amount", "net")
    report = lyceum.check(
        frame,
        {
            "sku": [{"regex": "^SKU-"}, {"length": [1, 7]}, {"type": "integer", "severity": "warning"}],
            "country": {"completeness": 0.5, "visible_fall": 0.5},
            "id": {"kind": "referential", "columns": ["id"], "to": "customers", "to_columns": ["id"]},
            "*": [
                {"expression": "net <= amount"},
                {"sql": "SELECT * FROM data WHERE amount > 5000"},
                {"kind": "volume"},
            ],
        },
        previous=frame.head(2).to_pandas(),
        tables={"customers": CUSTOMERS},
    )
    assert [(result.check.id, result.status) for result in report.results] == [
        ("sku.regex", "failed"),
        ("sku.length", "failed"),
        ("sku.type", "failed"),
        ("country.completeness", "passed"),
        ("id.referential", "failed"),
        ("net+amount.expression", "failed"),
        ("sql", "passed"),
        ("volume", "passed"),
    ]
