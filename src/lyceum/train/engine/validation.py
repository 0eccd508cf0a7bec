"""What the chosen ensemble will score on new rows, measured so that choosing it does not flatter it."""

from collections.abc import Callable, Sequence

import numpy as np

from lyceum.train.engine.folds import make_folds
from lyceum.train.engine.metrics import score
from lyceum.train.engine.search import Material, Trial
from lyceum.train.engine.selection import cross_fitted


def fair_score(trials: Sequence[Trial], material: Material, *, may_go_on: Callable[[], bool] = lambda: True) -> float:
    """The score of the ensemble of these trials, with the rounds and the weights of each row chosen on other rows.

    Once `may_go_on` says no, it is the score of the rows predicted so far. With a single fold the weights come from
    other rows, the rounds from all of that fold's.
    """
    rows = material.scored_rows
    truth = material.truth[rows]
    parts = [np.searchsorted(rows, fold.valid) for fold in material.folds]
    if len(parts) == 1:
        stratify = material.problem.task != "regression"
        parts = [fold.valid for fold in make_folds(truth, stratify=stratify, seed=material.problem.seed)]
    scored, blended = cross_fitted(
        [trial.predictions for trial in trials],
        [trial.fair for trial in trials],
        truth,
        material.metric,
        parts,
        seed=material.problem.seed,
        may_go_on=may_go_on,
    )
    return score(material.metric, truth[scored], blended)
