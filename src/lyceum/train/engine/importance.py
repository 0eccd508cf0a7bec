"""How much each column matters: the loss of score on held-out rows when its values are shuffled."""

import time
from collections.abc import Sequence

import numpy as np

from lyceum.train.engine.encode import Matrix
from lyceum.train.engine.metrics import goodness
from lyceum.train.engine.search import Material, Trial

_ROWS_MAX = 2000
_ROWS_MIN = 300


def permutation_importances(
    material: Material, chosen: Sequence[tuple[Trial, float]], sources: Sequence[str], *, seconds: float
) -> dict[str, float]:
    """Loss of score by column, most important first, from the first fold's models on that fold's held-out rows.

    Uses the whole ensemble, its heaviest member, or fewer rows, whichever fits into `seconds`; a column that there was
    no time for is absent. In the metric's unit, so that more is always more important.
    """
    end = time.monotonic() + seconds
    fold = material.folds[0]
    rng = np.random.default_rng([material.problem.seed, 4])
    rows = fold.valid if len(fold.valid) <= _ROWS_MAX else np.sort(rng.choice(fold.valid, _ROWS_MAX, replace=False))
    columns = list(dict.fromkeys(sources))
    members, rows = _affordable(material, chosen, rows, seconds / (len(columns) + 1))
    truth, x = material.truth[rows], material.x[rows]
    whole = goodness(material.metric, truth, _predicted(material, members, x))
    losses: dict[str, float] = {}
    for column in columns:
        if time.monotonic() > end:
            break
        features = [position for position, source in enumerate(sources) if source == column]
        shuffled = x.copy()
        shuffled[:, features] = x[rng.permutation(len(x))][:, features]
        losses[column] = whole - goodness(material.metric, truth, _predicted(material, members, shuffled))
    return dict(sorted(losses.items(), key=lambda entry: -entry[1]))


def _affordable(
    material: Material, chosen: Sequence[tuple[Trial, float]], rows: np.ndarray, seconds_each: float
) -> tuple[Sequence[tuple[Trial, float]], np.ndarray]:
    heaviest = sorted(chosen, key=lambda entry: -entry[1])
    for members in (heaviest, heaviest[:1]):
        started = time.monotonic()
        _predicted(material, members, material.x[rows])
        if time.monotonic() - started <= seconds_each:
            return members, rows
    return heaviest[:1], rows[:_ROWS_MIN]


def _predicted(material: Material, members: Sequence[tuple[Trial, float]], x: Matrix) -> np.ndarray:
    total = sum(weight for _, weight in members)
    scores = sum(weight / total * trial.first_fold.predict(x) for trial, weight in members)
    return material.in_target_units(np.asarray(scores))
