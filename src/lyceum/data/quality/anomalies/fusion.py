"""Weights of the detectors, chosen by what each would have found in the dataset's own history at its alarm budget."""

from collections.abc import Iterator

import numpy as np

from lyceum.data.quality.anomalies import forest
from lyceum.data.quality.anomalies.calibration import POINTS_MIN, RANKED_POINTS, day_score
from lyceum.data.quality.anomalies.panel import Numbers, quantiles
from lyceum.data.quality.anomalies.states import MetricWatch
from lyceum.data.quality.anomalies.watching import Known, default_weights

TRIALS = 300
STEPS = 4
MOVED_BY = (1.2, 2.0, 4.0)
"""Times the metric's own 95 % error, by the first detector: a fault that is just seen, one that is seen, one that stands out."""
MOVED_METRICS_MAX = 4
POINTS_TESTED_MIN = 28
AS_GOOD_WITHIN = 0.1


def tuned(state: MetricWatch) -> MetricWatch:
    """Return the state with weights chosen by backtest; as it was with fewer than 28 points that have a score.

    Points of the history that were not odd are drawn with a seed, one to four metrics of one column are moved by 1.2 to 4
    times the 95 % error of their first detector, and the weights (on a grid of quarters) are those whose fused rank
    passes the budget's quantile most often. Of those within 0.1 of the best, the ones nearest to the default weights are
    taken: a few hundred trials tell no more. No fault that anybody confirmed is needed, and none is looked at.
    """
    known = Known.of(state)
    usual = [
        place
        for place, (odd, refuted) in enumerate(zip(known.odd, known.refuted, strict=True))
        if not (odd or refuted) and place > 2 * POINTS_MIN
    ][-RANKED_POINTS:]
    if len(usual) < POINTS_TESTED_MIN:
        return state
    of_usual, of_moved = _ranks(known, usual)
    found = [
        (_found(weights, of_usual, of_moved, known.options.alarm_share), weights) for weights in _grid(list(of_usual))
    ]
    most = max(share for share, _ in found)
    first = default_weights(known.options.detectors)
    near = [weights for share, weights in found if share >= most - AS_GOOD_WITHIN]
    best = min(near, key=lambda weights: sum((weights[name] - first[name]) ** 2 for name in weights))
    known.weights = best
    _fuse_again(known)
    return known.state()


def _grid(names: list[str]) -> Iterator[dict[str, float]]:
    def parts(left: int, count: int) -> Iterator[tuple[int, ...]]:
        if count == 1:
            yield (left,)
            return
        for first in range(left + 1):
            for rest in parts(left - first, count - 1):
                yield (first, *rest)

    for shares in parts(STEPS, len(names)):
        yield {name: share / STEPS for name, share in zip(names, shares, strict=True)}


def _found(
    weights: dict[str, float], of_usual: dict[str, Numbers], of_moved: dict[str, Numbers], alarm_share: float
) -> float:
    usual = sum(weight * of_usual[name] for name, weight in weights.items())
    moved = sum(weight * of_moved[name] for name, weight in weights.items())
    return float((moved > np.quantile(usual, 1 - alarm_share)).mean())


def _ranks(known: Known, usual: list[int]) -> tuple[dict[str, Numbers], dict[str, Numbers]]:
    """Return by detector the rank surprises of the usual points as they were, and of drawn ones with moved metrics."""
    random = np.random.default_rng(known.options.seed)
    groups = _columns(known.names)
    drawn = [(int(random.choice(usual)), _moved(groups, random)) for _ in range(TRIALS)]
    by = random.choice(MOVED_BY, size=TRIALS) * random.choice((-1.0, 1.0), size=TRIALS)
    scores: dict[str, Numbers] = {}
    vectors = np.zeros((TRIALS, len(known.names)))
    scales = {name: one.unit for name, one in known.ready(known.times[-1]).items()}
    first = next(iter(scales))
    edge_value = np.nan_to_num(quantiles(known.usual_errors(first), [0.95])[0]) * scales[first]
    for name, table in known.errors.items():
        signed = table.astype(np.float64)
        edge = edge_value / scales[name]
        calibration = known.calibration(name, np.full(len(known.names), 1e-12))
        told = np.zeros(TRIALS)
        for trial, (place, moved) in enumerate(drawn):
            errors = signed[place].copy()
            errors[moved] += by[trial] * edge[moved]
            divided = calibration.surprise(np.abs(errors)) / (calibration.loudness * known.tolerance)
            told[trial] = day_score(divided)
            if name == "seasonal":
                vectors[trial] = errors
        scores[name] = told
    if forest.NAME in known.scores and "seasonal" in known.errors:
        earlier = known.vector(known.errors["seasonal"].astype(np.float64))
        scores[forest.NAME] = forest.scores(earlier, known.vector(vectors), seed=known.options.seed)
    of_moved = {name: np.array([known.rank_of(name, score) for score in told]) for name, told in scores.items()}
    of_usual = {name: np.array([known.ranks[name][place] for place in usual]) for name in scores}
    return of_usual, of_moved


def _columns(names: list[str]) -> list[list[int]]:
    """Return the places of the metrics of each column: the names before the last bar."""
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        groups.setdefault(name.rpartition("|")[0], []).append(place)
    return list(groups.values())


def _moved(groups: list[list[int]], random: np.random.Generator) -> list[int]:
    group = groups[int(random.integers(len(groups)))]
    return [
        int(one)
        for one in random.choice(
            group, size=min(len(group), int(random.integers(1, MOVED_METRICS_MAX + 1))), replace=False
        )
    ]


def _fuse_again(known: Known) -> None:
    """Give the kept points the fused scores that the new weights give, so that the budget's quantile is of one kind."""
    for place, score in enumerate(known.fused):
        if np.isfinite(score):
            known.fused[place] = sum(weight * known.ranks[name][place] for name, weight in known.weights.items())
