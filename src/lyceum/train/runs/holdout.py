"""Rows kept aside before anything is learned, so that the score is about rows the model never saw."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from lyceum.train.engine.public import Target, TargetUnusable, read_target

HOLDOUT_SHARE = 0.2
HOLDOUT_ROWS_MAX = 20_000
TRAINING_ROWS_MIN = 20
"""The engine learns from no fewer."""
KNOWN_ROWS_MIN = 25
CLASS_ROWS_KEPT_MIN = 2
"""The engine learns nothing from a class with a single row."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Split:
    """The rows to learn from and the rows to be scored on, and what the target of the whole table is."""

    training: pl.DataFrame
    held_out: pl.DataFrame
    target: Target


def hold_out(table: pl.DataFrame, *, target: str, seed: int) -> Split:
    """Hold out a fifth of the rows with a usable target, 20,000 at most, chosen by `seed`; classes keep their shares.

    Two rows of a class at least stay in training, and one of each class with three rows or more is held out.
    Raises `TargetUnusable` for a target that cannot be predicted, or with too few rows to keep any aside.
    """
    read = read_target(table, target)
    rows = np.flatnonzero(read.kept)
    if len(rows) < KNOWN_ROWS_MIN:
        raise TargetUnusable(
            "too_few_rows",
            f"only {len(rows)} rows have a usable value in the target {target!r}",
            f"give at least {KNOWN_ROWS_MIN}, since a fifth is kept aside to score the model",
        )
    wanted = min(int(len(rows) * HOLDOUT_SHARE), HOLDOUT_ROWS_MAX)
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(rows)[:wanted] if not read.classes else _of_each_class(rows, read.values, wanted, rng)
    mask = np.zeros(table.height, dtype=bool)
    mask[chosen] = True
    return Split(training=table.filter(pl.Series(~mask)), held_out=table.filter(pl.Series(mask)), target=read)


def _of_each_class(rows: Rows, codes: Rows, wanted: int, rng: np.random.Generator) -> Rows:
    """Choose rows of each class in proportion; at least one where the class can spare one."""
    share = wanted / len(rows)
    chosen = []
    for code in np.unique(codes):
        of_class = rng.permutation(rows[codes == code])
        spare = len(of_class) - CLASS_ROWS_KEPT_MIN
        chosen.append(of_class[: max(0, min(spare, max(1, round(len(of_class) * share))))])
    return rng.permutation(np.concatenate(chosen))[: len(rows) - TRAINING_ROWS_MIN]
