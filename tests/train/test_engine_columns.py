"""Which columns are learned from, whatever type they come in."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from lyceum.serve.runtime.public import OnnxModel, compare
from lyceum.train.engine.columns import row_numbers
from lyceum.train.engine.public import fit
from lyceum.train.runs.holdout import hold_out

ROWS = 120


def sales(**columns: Any) -> pl.DataFrame:
    """A table that can be learned from, with more columns."""
    rng = np.random.default_rng(0)
    price = rng.normal(size=ROWS)
    return pl.DataFrame({"price": price, "sold": price + rng.normal(size=ROWS) * 0.3 > 0, **columns})


@pytest.mark.parametrize("first", [0, 1, 50_001])
def test_a_column_that_numbers_the_rows_is_found_in_the_rows_that_are_left_of_a_split(first: int) -> None:
    table = sales(number=[*range(first, first + ROWS)])
    training = hold_out(table, target="sold", seed=0).training
    assert training.height < table.height
    fitted = fit(training, target="sold", time_limit_seconds=1)
    assert "row number" in fitted.columns_left_out["number"]


def test_a_column_that_numbers_the_rows_is_found_in_any_order_and_with_half_the_targets_missing() -> None:
    order = np.random.default_rng(1).permutation(ROWS)
    table = sales(number=order).with_columns(sold=pl.when(pl.Series(order % 2 == 0)).then("sold"))
    fitted = fit(table, target="sold", time_limit_seconds=1)
    assert "row number" in fitted.columns_left_out["number"]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([*range(1900, 1900 + ROWS)], id="a year a row"),
        pytest.param([i * i for i in range(ROWS)], id="amounts that happen to differ"),
        pytest.param([i // 2 for i in range(ROWS)], id="two rows a day"),
        pytest.param([None, *range(1, ROWS)], id="a number that not every row has"),
    ],
)
def test_whole_numbers_that_say_something_are_learned_from(values: list[int | None]) -> None:
    assert row_numbers(pl.DataFrame({"year": values})) == {}


def test_different_whole_numbers_named_like_an_identifier_are_left_out() -> None:
    assert set(row_numbers(pl.DataFrame({"customerId": [i * i for i in range(ROWS)]}))) == {"customerId"}


def test_a_cell_of_blanks_is_the_same_in_the_file_as_in_training(tmp_path: Path) -> None:
    shelf = ["  ", " a", "b ", None] * (ROWS // 4)
    table = sales(shelf=shelf).with_columns(sold=pl.Series([text is not None and not text.strip() for text in shelf]))
    fitted = fit(table, target="sold", time_limit_seconds=2)
    assert fitted.export_onnx(tmp_path / "model.onnx").members_dropped == {}
    served = OnnxModel.load(tmp_path / "model.onnx")
    assert compare(fitted.answers(table), served.predict_frame(table), tolerance=1e-5).within_tolerance
    blank, missing = fitted.predict_proba(pl.DataFrame({"price": [0.0, 0.0], "shelf": ["  ", None]}))[:, 1]
    assert blank > missing + 0.2


KINDS = ["low", "high", "none"] * (ROWS // 3)


@pytest.mark.parametrize(
    "values,kind",
    [
        pytest.param(pl.Series(KINDS, dtype=pl.Categorical), "category", id="categorical"),
        pytest.param(pl.Series(KINDS, dtype=pl.Enum(["low", "high", "none"])), "category", id="enum"),
        pytest.param(
            pl.Series([dt.timedelta(minutes=7 * (i % 31)) for i in range(ROWS)], dtype=pl.Duration("ms")),
            "number",
            id="duration",
        ),
        pytest.param(pl.Series([dt.time(i % 24, 30) for i in range(ROWS)]), "number", id="time"),
    ],
)
def test_a_column_of_a_type_with_parameters_is_learned_from_and_served(
    values: pl.Series, kind: str, tmp_path: Path
) -> None:
    table = sales(more=values)
    fitted = fit(table, target="sold", time_limit_seconds=1)
    assert {c.name: c.type for c in fitted.signature.inputs}["more"] == kind
    fitted.export_onnx(tmp_path / "model.onnx")
    served = OnnxModel.load(tmp_path / "model.onnx").predict_frame(table)
    assert compare(fitted.served_answers(table), served, tolerance=1e-5).within_tolerance


def test_a_pandas_table_of_categories_and_durations_is_learned_from() -> None:
    table = sales().to_pandas()
    table["sold"] = pd.Categorical(np.where(table["sold"], "yes", "no"))
    table["wait"] = pd.to_timedelta(np.arange(ROWS) % 31, unit="min")
    fitted = fit(table, target="sold", time_limit_seconds=1)
    assert fitted.classes == ("no", "yes")
    assert fitted.score(table) > 0.8
    assert "wait" in {c.name for c in fitted.signature.inputs}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(pl.Series([3_500_000, *range(ROWS - 1)], dtype=pl.Int32).cast(pl.Date), id="date"),
        pytest.param(
            pl.Series([3 * 10**17, *(i * 10**13 for i in range(ROWS - 1))], dtype=pl.Int64).cast(pl.Datetime("us")),
            id="timestamp",
        ),
        pytest.param(
            pl.Series([3 * 10**14, *(i * 10**10 for i in range(ROWS - 1))], dtype=pl.Int64).cast(
                pl.Datetime("ms", "Asia/Tokyo")
            ),
            id="timestamp with a zone",
        ),
    ],
)
def test_a_moment_after_the_year_9999_is_a_missing_one(values: pl.Series) -> None:
    table = sales(at=values)
    fitted = fit(table, target="sold", time_limit_seconds=1)
    (at,) = [column for column in fitted.signature.inputs if column.name == "at"]
    assert not at.required
    assert str(at.example).startswith("1970")
    without = table.with_columns(at=pl.lit(None, dtype=values.dtype))
    assert np.array_equal(fitted.predict_proba(table)[0], fitted.predict_proba(without)[0])


def test_a_column_whose_dates_are_all_outside_the_calendar_is_left_out() -> None:
    far = pl.Series([3_500_000 + i for i in range(ROWS)], dtype=pl.Int32).cast(pl.Date)
    fitted = fit(sales(at=far), target="sold", time_limit_seconds=1)
    assert fitted.columns_left_out == {"at": "no date in it lies within the years 1 to 9999"}


@pytest.mark.parametrize(
    "name,said",
    [
        ("Price", "the table has no column 'Price' to leave out; did you mean 'price'?"),
        ("xyzzy", "the table has no column 'xyzzy' to leave out; the columns are 'price', 'sold'"),
        ("sold", "'sold' is the target, so it cannot be left out; take it out of leave_out"),
    ],
)
def test_a_column_that_cannot_be_left_out_is_named(name: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"leave.out|left out") as caught:
        fit(sales(), target="sold", leave_out={name: ""})
    assert str(caught.value) == said
