"""The report of a run: what it compares is of the same rows."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from lyceum.serve.runtime.public import OnnxModel
from lyceum.train.engine.public import fit
from lyceum.train.runs.holdout import Split, hold_out
from lyceum.train.runs.report import report_of

ROWS = 150


def reported(table: pl.DataFrame, folder: Path) -> tuple[dict[str, Any], Split]:
    split = hold_out(table, target="y", seed=0)
    model = fit(split.training, target="y", time_limit_seconds=1)
    exported = model.export_onnx(folder / "model.onnx")
    return report_of(model, exported, OnnxModel.load(exported.path), split), split


def test_the_baseline_of_numbers_is_the_training_mean_guessed_for_the_held_out_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=ROWS)
    report, split = reported(pl.DataFrame({"x": x, "y": x * 3 + rng.lognormal(size=ROWS)}), tmp_path)
    errors = split.held_out["y"].to_numpy() - split.training["y"].to_numpy().mean()
    assert report["baseline"] == pytest.approx(np.sqrt((errors**2).mean()))


def test_the_baseline_of_classes_is_their_training_shares_guessed_for_the_held_out_rows(tmp_path: Path) -> None:
    y = ["a"] * 100 + ["b"] * 40 + ["c"] * 10
    report, split = reported(pl.DataFrame({"x": [ord(v) + i % 5 for i, v in enumerate(y)], "y": y}), tmp_path)
    learned = split.training["y"].to_list()
    shares = {v: learned.count(v) / len(learned) for v in "abc"}
    assert report["metric"] == "log_loss"
    assert report["baseline"] == pytest.approx(-np.mean([np.log(shares[v]) for v in split.held_out["y"]]))


def test_an_example_row_with_a_moment_after_the_year_9999_shows_it_as_missing(tmp_path: Path) -> None:
    days = pl.Series([3_500_000 + i % 2 for i in range(ROWS)], dtype=pl.Int32).cast(pl.Date)
    table = pl.DataFrame({"x": [i / 7 for i in range(ROWS)], "day": days, "y": ["a", "b"] * (ROWS // 2)})
    report, _ = reported(table, tmp_path)
    assert {sample["row"]["day"] for sample in report["sample_rows"]} == {None}
