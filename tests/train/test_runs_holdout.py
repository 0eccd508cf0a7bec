"""Which rows are kept aside, and tables too small for it."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyceum.train.engine.columns import row_numbers
from lyceum.train.engine.public import TargetUnusable
from lyceum.train.runs.holdout import CLASS_ROWS_KEPT_MIN, HOLDOUT_ROWS_MAX, KNOWN_ROWS_MIN, TRAINING_ROWS_MIN, hold_out


def _table(target: list[Any]) -> pl.DataFrame:
    return pl.DataFrame({"row": range(len(target)), "y": target}, strict=False)


@settings(max_examples=200, deadline=None)
@given(
    counts=st.lists(st.integers(0, 40), min_size=1, max_size=8),
    nulls=st.integers(0, 10),
    seed=st.integers(0, 2**31 - 1),
)
def test_whatever_the_classes_the_split_can_be_learned_from_and_scored_or_is_refused(
    counts: list[int], nulls: int, seed: int
) -> None:
    values = [f"class {place}" for place, count in enumerate(counts) for _ in range(count)] + [None] * nulls
    table = _table(values)
    try:
        split = hold_out(table, target="y", seed=seed)
    except TargetUnusable:
        return
    assert split.training.height + split.held_out.height == table.height
    assert set(split.training["row"]).isdisjoint(split.held_out["row"])
    assert split.held_out.height > 0
    assert split.held_out["y"].null_count() == 0
    learned = split.training.drop_nulls("y").group_by("y").len().filter(pl.col("len") >= CLASS_ROWS_KEPT_MIN)
    assert set(split.held_out["y"]) <= set(learned["y"])
    assert learned["len"].sum() >= TRAINING_ROWS_MIN
    assert learned.height >= 2


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 10, 19, 24])
def test_too_few_rows_are_refused_with_the_tables_own_count(rows: int) -> None:
    with pytest.raises(TargetUnusable) as refused:
        hold_out(_table([float(value) for value in range(rows)]), target="y", seed=0)
    if rows > 1:
        assert f"only {rows} rows" in str(refused.value)
    assert refused.value.code in {"too_few_rows", "constant", "all_null"}


def test_the_fewest_rows_that_are_taken_leave_enough_to_learn_from() -> None:
    for target in (list("ab") * 13, [0.5 * value for value in range(KNOWN_ROWS_MIN)], list("abcdefgh") * 4):
        split = hold_out(_table(target[: max(KNOWN_ROWS_MIN, 25)]), target="y", seed=3)
        assert split.training.height >= TRAINING_ROWS_MIN
        assert split.held_out.height >= 1


def test_a_fifth_is_held_out_with_the_classes_in_their_shares() -> None:
    target = ["common"] * 800 + ["rare"] * 200
    split = hold_out(_table(target), target="y", seed=1)
    assert dict(split.held_out.group_by("y").len().iter_rows()) == {"common": 160, "rare": 40}


def test_no_more_rows_than_needed_are_held_out_of_a_large_table() -> None:
    split = hold_out(_table(list(np.linspace(0, 1, 200_000))), target="y", seed=1)
    assert split.held_out.height == HOLDOUT_ROWS_MAX


def test_the_seed_chooses_the_rows() -> None:
    table = _table([value % 7 / 2 for value in range(500)])
    first, again, other = (hold_out(table, target="y", seed=seed).held_out["row"].to_list() for seed in (1, 1, 2))
    assert first == again != other


def test_what_numbers_the_rows_is_still_seen_in_those_that_stay() -> None:
    for target in ([0.5 * value for value in range(500)], list("abc") * 9, list("abcdefgh") * 4):
        training = hold_out(_table(target), target="y", seed=2).training
        assert set(row_numbers(training.drop("y"))) == {"row"}


def test_a_class_with_one_row_stays_in_training() -> None:
    split = hold_out(_table(["a"] * 40 + ["b"] * 40 + ["once"]), target="y", seed=0)
    assert "once" not in split.held_out["y"]
    assert split.target.task == "binary"


@pytest.mark.parametrize(
    "target, code",
    [
        ([None] * 50, "all_null"),
        (["same"] * 50, "constant"),
        ([f"text {value}" for value in range(50)], "unique_text"),
        ([date(2020, 1, 1 + value % 28) for value in range(50)], "unsupported_type"),
        ([*(str(value) for value in range(40)), *["n/a"] * 10], "mixed_type"),
    ],
)
def test_a_target_that_cannot_be_predicted_is_refused_as_the_engine_does(target: list[Any], code: str) -> None:
    with pytest.raises(TargetUnusable) as refused:
        hold_out(_table(target), target="y", seed=0)
    assert refused.value.code == code
