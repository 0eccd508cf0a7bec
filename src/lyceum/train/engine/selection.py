"""Greedy ensemble selection with replacement (Caruana et al., "Ensemble selection from libraries of models", 2004)."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lyceum.train.engine.events import Metric
from lyceum.train.engine.metrics import goodness

_STEPS = 30
_ROWS_MAX = 15_000
# a member is left out when the score without it is worse by less than this share
_LOSS_SHARE_MAX = 5e-4
# every member costs a served row its time; a sixth one hardly ever changes the score
_MEMBERS_MAX = 5
# of the best score: what is gained below it is rounding
_GAIN_SHARE_MIN = 1e-7


def select(
    predictions: Sequence[npt.NDArray[Any]],
    y: npt.NDArray[Any],
    metric: Metric,
    *,
    seed: int = 0,
    rows_max: int = _ROWS_MAX,
) -> dict[int, float]:
    """Weights (summing to 1) by position of the at most five predictions whose weighted average is best.

    Of more than `rows_max` rows, a sample drawn from `seed` decides.
    """
    rows = _sample(len(y), rows_max, seed)
    options = {place: p[rows] for place, p in enumerate(predictions)}
    shares = _greedy(options, y[rows], metric)
    if len(shares) > _MEMBERS_MAX:
        heaviest = sorted(shares, key=lambda place: -shares[place])[:_MEMBERS_MAX]
        shares = _greedy({place: options[place] for place in heaviest}, y[rows], metric)
    return _pruned(_normalised(shares), options, y[rows], metric)


def _pruned(
    weights: dict[int, float], options: Mapping[int, npt.NDArray[Any]], y: npt.NDArray[Any], metric: Metric
) -> dict[int, float]:
    """The weights without the lightest members whose leaving costs next to nothing."""
    best = goodness(metric, y, blend(options, weights))
    while len(weights) > 1:
        lightest = min(weights, key=weights.__getitem__)
        without = _normalised({place: weight for place, weight in weights.items() if place != lightest})
        if goodness(metric, y, blend(options, without)) < best - _LOSS_SHARE_MAX * abs(best):
            break
        weights = without
    return weights


def _normalised(shares: Mapping[int, float]) -> dict[int, float]:
    total = sum(shares.values())
    return {place: share / total for place, share in shares.items()}


def _greedy(options: Mapping[int, npt.NDArray[Any]], y: npt.NDArray[Any], metric: Metric) -> dict[int, float]:
    alone = {place: goodness(metric, y, option) for place, option in options.items()}
    first = max(alone, key=alone.__getitem__)
    chosen, total, best = [first], options[first].copy(), alone[first]
    best_chosen = list(chosen)
    for size in range(2, _STEPS + 2):
        scores = {place: goodness(metric, y, (total + option) / size) for place, option in options.items()}
        winner = max(scores, key=scores.__getitem__)
        chosen.append(winner)
        total += options[winner]
        if scores[winner] > best + _GAIN_SHARE_MIN * abs(best):
            best, best_chosen = scores[winner], list(chosen)
    return {place: count / len(best_chosen) for place, count in Counter(best_chosen).items()}


def blend(
    predictions: Sequence[npt.NDArray[Any]] | Mapping[int, npt.NDArray[Any]], weights: Mapping[int, float]
) -> npt.NDArray[np.float64]:
    """The weighted average of the predictions."""
    blended = sum(weight * predictions[place] for place, weight in weights.items())
    return np.asarray(blended, dtype=np.float64)


def cross_fitted(
    predictions: Sequence[npt.NDArray[Any]],
    fair: Sequence[npt.NDArray[Any]],
    y: npt.NDArray[Any],
    metric: Metric,
    parts: Sequence[npt.NDArray[np.int64]],
    *,
    seed: int = 0,
    may_go_on: Callable[[], bool] = lambda: True,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Rows, and their `fair` predictions blended with weights that were selected on the rows of the other parts.

    Weights that saw the rows they are scored on flatter themselves: the more so the fewer rows, the more members.
    Once `may_go_on` says no, the parts that are left are left out; the first one never is.
    """
    rows: list[npt.NDArray[np.int64]] = []
    blended: list[npt.NDArray[np.float64]] = []
    for part in parts:
        if rows and not may_go_on():
            break
        others = np.setdiff1d(np.arange(len(y)), part)
        rows_max = _ROWS_MAX // len(parts)
        weights = select([p[others] for p in predictions], y[others], metric, seed=seed, rows_max=rows_max)
        rows.append(part)
        blended.append(blend([p[part] for p in fair], weights))
    return np.concatenate(rows), np.concatenate(blended)


def _sample(rows: int, rows_max: int, seed: int) -> npt.NDArray[np.int64]:
    if rows <= rows_max:
        return np.arange(rows)
    return np.sort(np.random.default_rng([seed, 2]).choice(rows, rows_max, replace=False))
