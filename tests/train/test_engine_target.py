"""The target: which columns can be predicted, as what, and what a person is told otherwise."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from lyceum.serve.runtime.public import Outcome
from lyceum.train.engine.folds import make_folds
from lyceum.train.engine.public import TargetUnusable, fit
from lyceum.train.engine.target import read_target, truth_of

ROWS = 100
NUMBERS = list(range(ROWS))


def refused(values: Any, *, target: str = "sales", **options: Any) -> TargetUnusable:
    with pytest.raises(TargetUnusable) as caught:
        read_target(pl.DataFrame({"sales": values, "shop": NUMBERS[: len(values)]}), target, **options)
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)
    assert caught.value.advice in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "values,code,said",
    [
        (pl.Series([None] * ROWS, dtype=pl.Float64), "all_null", "every value of the target 'sales' is missing"),
        ([float("nan")] * ROWS, "all_null", "every value"),
        ([7] * ROWS, "constant", "is 7 in every row"),
        ([7] * 50 + [None] * 50, "constant", "is 7 in every row"),
        ([f"order {i}" for i in NUMBERS], "unique_text", "a different text in every row"),
        ([f"order {i // 2}" for i in NUMBERS], "too_many_classes", "50 different texts in 100 rows"),
        ([*map(str, range(90)), *["n/a"] * 10], "mixed_type", "with texts such as 'n/a'"),
        ([dt.date(2024, 1, 1 + i % 28) for i in NUMBERS], "unsupported_type", "holds Date values"),
        ([[1]] * 50 + [[2]] * 50, "unsupported_type", "List(Int64)"),
        ([1.5, 2.5] * 5, "too_few_rows", "only 10 rows"),
        (["a"] * 99 + ["b"], "too_few_rows", "fewer than two values"),
        ([f"{i:05}" for i in NUMBERS], "unique_text", "a different text in every row"),
        ([*map(str, range(99)), "1e999"], "mixed_type", "with texts such as '1e999'"),
        ([float(i) * 1e200 for i in NUMBERS], "unsupported_type", "are too large to compute with (0 to 9.9e+201)"),
        ([1e308] * 50 + [-1e308, 1.5] * 25, "unsupported_type", "are too large to compute with"),
        ([i * 1e-300 for i in NUMBERS], "unsupported_type", "are too close together to compute with"),
    ],
)
def test_a_column_that_cannot_be_predicted_is_refused_with_advice(values: Any, code: str, said: str) -> None:
    error = refused(values)
    assert error.code == code
    assert said in str(error)


def test_a_misspelt_target_is_answered_with_the_closest_column() -> None:
    assert str(refused(NUMBERS, target="Sale")) == "the table has no column 'Sale'; did you mean 'sales'?"


def test_a_target_that_is_nowhere_near_lists_the_columns() -> None:
    assert "the columns are 'sales', 'shop'" in str(refused(NUMBERS, target="xyzzy"))


def test_a_task_that_does_not_fit_the_target_is_refused() -> None:
    assert refused(["a", "b"] * 50, task="regression").code == "not_numeric"
    assert refused(["a", "b", "c", "d"] * 25, task="binary").code == "too_many_classes"


def test_digits_behind_a_leading_zero_are_amounts_where_that_is_asked_for() -> None:
    amounts = read_target(pl.DataFrame({"y": [f"{i:05}" for i in NUMBERS]}), "y", task="regression")
    assert (amounts.task, list(amounts.values)) == ("regression", NUMBERS)


@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Enum(["no", "yes"])])
def test_a_target_of_categories_is_scored_against_categories(dtype: pl.DataType) -> None:
    values = pl.Series("y", ["no", "yes"] * 50, dtype=dtype)
    truth, known = truth_of(values, Outcome("y", "binary", ("no", "yes")))
    assert truth.tolist() == [0, 1] * 50
    assert known.all()


def test_a_pandas_target_of_several_types_is_refused() -> None:
    table = pd.DataFrame({"y": pd.Series([1, "two", None, 4.5] * 10, dtype=object), "x": range(40)})
    with pytest.raises(TargetUnusable, match="mixes values of several types") as caught:
        fit(table, target="y")
    assert caught.value.code == "mixed_type"


@pytest.mark.parametrize(
    "values,task,classes",
    [
        ([True, False] * 50, "binary", (False, True)),
        ([0, 1] * 50, "binary", (0, 1)),
        ([0.0, 1.0] * 50, "binary", (0, 1)),
        (["b", "a"] * 50, "binary", ("a", "b")),
        ([1, 2, 3, 4] * 25, "multiclass", (1, 2, 3, 4)),
        (["None", "NA", "x", "x"] * 25, "multiclass", ("NA", "None", "x")),
        (NUMBERS, "regression", ()),
        ([i + 0.5 for i in range(5)] * 20, "regression", ()),
        ([str(i) for i in NUMBERS], "regression", ()),
        ([f"0{i % 3}000" for i in NUMBERS], "multiclass", ("00000", "01000", "02000")),
        (pl.Series(["b", "a"] * 50, dtype=pl.Categorical), "binary", ("a", "b")),
        (pl.Series(["b", "c", "a", "a"] * 25, dtype=pl.Enum(["c", "b", "a"])), "multiclass", ("a", "b", "c")),
    ],
)
def test_the_task_follows_from_the_values_and_classes_keep_their_type(
    values: Any, task: str, classes: tuple[Any, ...]
) -> None:
    target = read_target(pl.DataFrame({"y": values}), "y")
    assert target.task == task
    assert target.classes == classes
    assert [type(c) for c in target.classes] == [type(c) for c in classes]
    assert "'y'" in target.reason


def test_rows_without_a_target_are_left_out_and_that_is_said() -> None:
    target = read_target(pl.DataFrame({"y": [0.5, None, 1.25, float("nan")] * 25}), "y", task="regression")
    assert len(target.values) == 50
    assert target.kept.tolist() == [True, False, True, False] * 25
    assert target.notes == ("50 rows without a value in the target 'y' left out",)


def test_classes_with_a_single_row_are_left_out_and_that_is_said() -> None:
    labels = ["a"] * 50 + ["b"] * 48
    target = read_target(pl.DataFrame({"y": [*labels, "rare", None]}), "y")
    assert target.classes == ("a", "b")
    assert target.task == "binary"
    assert int(target.kept.sum()) == 98
    assert "1 classes with a single row left out, one row teaches nothing: rare" in target.notes


def test_the_share_of_each_class_is_kept_in_every_fold() -> None:
    y = np.array([0] * 90 + [1] * 8 + [2] * 2)
    folds = make_folds(y, stratify=True, seed=0)
    assert len(folds) == 5
    assert sorted(np.concatenate([fold.valid for fold in folds])) == list(range(100))
    for fold in folds:
        assert set(y[fold.train]) == {0, 1, 2}
        assert 17 <= (y[fold.valid] == 0).sum() <= 19
