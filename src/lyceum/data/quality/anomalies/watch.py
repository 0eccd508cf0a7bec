"""A dataset's metrics over time: observe a point, replay a history, take feedback, draw the band."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from lyceum.data.quality.anomalies.calibration import POINTS_MIN, RANKED_POINTS
from lyceum.data.quality.anomalies.panel import Numbers, quantiles
from lyceum.data.quality.anomalies.states import (
    NETWORK,
    Answer,
    Finding,
    Mark,
    MetricWatch,
    Observation,
    Standing,
    Verdict,
    WatchOptions,
)
from lyceum.data.quality.anomalies.watching import HELD_POINTS, Known, Ready, Said

FINDINGS_MAX = 10
_HELD_SHARE = 0.5
_LINE_FLOOR = 1.0
_TOLERANCE_KEPT = 0.98
_FAR = 2.0


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A point of a metric as a chart shows it; None where nothing is known."""

    at: float
    value: float | None
    low: float | None
    expected: float | None
    high: float | None
    mark: Mark


class OutOfOrder(ValueError):
    """A point is older than the last one that is known."""


class Judge:
    """What a state says of points at one time; nothing is remembered by it."""

    def __init__(self, state: MetricWatch, at: float) -> None:
        self._known = Known.of(state)
        self._at = at
        self._ready = self._known.ready(at)

    def verdict(self, metrics: Mapping[str, float]) -> Verdict:
        """Return what is said of these metrics; those without a history are left out."""
        return _judged(self._known, self._ready, self._at, metrics).verdict


@dataclass(frozen=True, slots=True)
class _Judged:
    verdict: Verdict
    said: Mapping[str, Said]
    scores: Mapping[str, float]
    values: Numbers
    low: Numbers
    high: Numbers
    together: Numbers


def begun(options: WatchOptions | None = None) -> MetricWatch:
    """Return the state of a dataset of which nothing is known."""
    return MetricWatch(options=options or WatchOptions())


def observe(state: MetricWatch, observation: Observation) -> tuple[MetricWatch, Verdict]:
    """Return what is said of the next point, and the state that knows it.

    A point at the time of the last one takes its place. Raises `OutOfOrder` for an older one.
    """
    known = Known.of(_without_last(state) if state.times and state.times[-1] == observation.at else state)
    verdict = _observed(known, observation)
    return known.state(), verdict


def replay(state: MetricWatch, history: Iterable[Observation]) -> tuple[MetricWatch, list[Verdict]]:
    """Return the state after a history, oldest first, with what was said of each point at its time."""
    known = Known.of(state)
    verdicts = [_observed(known, observation) for observation in history]
    return known.state(), verdicts


def answered(state: MetricWatch, at: float, answer: Answer, metrics: Iterable[str] | None = None) -> MetricWatch:
    """Return the state that learned what a person says of the point at `at`, of some metrics or all that are held.

    "expected" takes the point into the baseline and lets those metrics startle as much as there without an alarm, less
    with each point that follows; "not_expected" leaves it out for good; "new_level" also leaves behind what was before.
    Raises `KeyError` for a time that is no longer known.
    """
    known = Known.of(state)
    if at not in known.times:
        raise KeyError(f"No point at {at} is kept.")
    place = known.times.index(at)
    if metrics is None:
        chosen = known.marks[place] == Mark.HELD
        chosen = chosen if chosen.any() else np.isfinite(known.values[place])
    else:
        asked = set(metrics)
        chosen = np.array([name in asked for name in known.names])
    if answer is Answer.NOT_EXPECTED:
        known.marks[place, chosen] = Mark.CONFIRMED
        known.refuted[place] = True
        known.tolerance[chosen] = np.maximum(1.0, known.tolerance[chosen] / 2)
        return known.state()
    known.marks[place, chosen] = Mark.EXPECTED
    known.taken[place, chosen] = known.values[place, chosen]
    known.refuted[place] = False
    # from here on the tolerance says it: the point's own score must not make others look small
    known.fused[place] = float("nan")
    for told in known.scores.values():
        told[place] = float("nan")
    startled = np.max([table[place] for table in known.surprises.values()], axis=0)
    # people answer in processes that train no network; where there is nothing else, it has to be
    quick = known.errors.keys() - {NETWORK} or {NETWORK}
    for ready in known.ready(at, only=quick).values():
        usual = startled / (ready.calibration.loudness * _LINE_FLOOR)
        known.tolerance[chosen] = np.maximum(known.tolerance[chosen], np.nan_to_num(usual)[chosen])
    if answer is Answer.NEW_LEVEL:
        _leave_behind(known, place, chosen)
    return known.state()


def chart(state: MetricWatch, metric: str, *, next_at: float | None = None) -> list[ChartPoint]:
    """Return the kept points of a metric with the band of the seasonal residual, and the band at `next_at` if given.

    The middle of the band is what was expected at the time; its width is what is tolerated now. Raises `KeyError` for a
    metric that is not known, or when the seasonal residual is not among the state's detectors.
    """
    known = Known.of(state)
    if metric not in known.names or "seasonal" not in known.errors:
        raise KeyError(f'No history of a metric "{metric}" with a seasonal band is kept.')
    place = known.names.index(metric)
    at = next_at if next_at is not None else known.times[-1]
    ready = known.ready(at, only={"seasonal"})["seasonal"]
    half = float(ready.half_band(max(_threshold(known), _LINE_FLOOR))[place])
    values, errors = known.values[:, place], known.errors["seasonal"][:, place].astype(np.float64)
    points = [
        _chart_point(time, float(value), float(value - error), half, Mark(int(mark)))
        for time, value, error, mark in zip(known.times, values, errors, known.marks[:, place], strict=True)
    ]
    if next_at is not None:
        points.append(_chart_point(next_at, float("nan"), float(ready.expected.centre[place]), half, Mark.KEPT))
    return points


def _chart_point(at: float, value: float, centre: float, half: float, mark: Mark) -> ChartPoint:
    if not np.isfinite(centre):
        return ChartPoint(at, value if np.isfinite(value) else None, None, None, None, mark)
    return ChartPoint(at, value if np.isfinite(value) else None, centre - half, centre, centre + half, mark)


def threshold_of(state: MetricWatch) -> float:
    """Return the fused score above which the next point is odd."""
    return _threshold(Known.of(state))


def _threshold(known: Known) -> float:
    if known.options.threshold is not None:
        return known.options.threshold
    kept = ~np.array(known.refuted, dtype=bool) & np.isfinite(known.fused)
    told = np.array(known.fused)[kept][-RANKED_POINTS:]
    odd = np.array(known.odd, dtype=bool)[kept][-RANKED_POINTS:]
    # a rank that the budget's share of earlier points has: quiet data uses up no budget
    least = -float(np.log10(known.options.alarm_share))
    if len(told) < POINTS_MIN:
        return least
    if odd.sum() <= max(HELD_POINTS, known.options.alarm_share * len(told)):
        # of few points the quantile is among the largest, and how large an odd one is must not say what the next may be
        told = np.where(odd, np.minimum(told, told[~odd].max(initial=least)), told)
    return max(least, float(np.quantile(told, 1 - known.options.alarm_share)))


def _observed(known: Known, observation: Observation) -> Verdict:
    if known.times and observation.at <= known.times[-1]:
        raise OutOfOrder(
            f"The point at {observation.at} is not later than the last one at {known.times[-1]}: replay the history in order."
        )
    known.with_names([name for name, value in observation.metrics.items() if np.isfinite(value)])
    ready = known.ready(observation.at)
    judged = _judged(known, ready, observation.at, observation.metrics)
    _append(known, judged, observation.at)
    _accept_new_levels(known)
    known.cut()
    return judged.verdict


def _judged(known: Known, ready: Mapping[str, Ready], at: float, metrics: Mapping[str, float]) -> _Judged:
    values = np.array([metrics.get(name, float("nan")) for name in known.names], dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    said = {name: one.said_of(values) for name, one in ready.items()}
    scores, ranks = known.detector_surprises(said)
    weights = {name: known.weights.get(name, 0.0) for name in scores}
    total = sum(weights.values()) or 1.0
    fused = sum(weights[name] * ranks[name] for name in ranks) / total
    threshold = _threshold(known)
    points = len(known.times)
    is_odd = fused > threshold
    standing = Standing.ODD if is_odd else Standing.USUAL
    if points < known.options.learning_points:
        standing = Standing.LEARNING
    earlier = np.array([score for score in known.fused if np.isfinite(score)])
    together = _together(known, said, weights)
    centre, half = _band(known, ready, threshold)
    verdict = Verdict(
        at=at,
        standing=standing,
        score=float(fused),
        threshold=threshold,
        rank=float((earlier < fused).mean()) if len(earlier) else 0.0,
        scores=ranks,
        findings=_findings(known, values, together, centre, half),
        points=points,
    )
    return _Judged(verdict, said, scores, values, centre - half, centre + half, together)


def _together(known: Known, said: Mapping[str, Said], weights: Mapping[str, float]) -> Numbers:
    """Return the score of each metric: the weighted mean over the detectors that look at single metrics."""
    own = {name: weights[name] for name in said}
    total = sum(own.values())
    if total <= 0:
        own, total = dict.fromkeys(said, 1.0), float(len(said))
    found = np.zeros(len(known.names))
    for name, one in said.items():
        found += own[name] / total * one.scores
    return found


def _band(known: Known, ready: Mapping[str, Ready], threshold: float) -> tuple[Numbers, Numbers]:
    """Return the middle and half the width of each metric's band, from the detector that weighs most."""
    if not ready:
        unknown = np.full(len(known.names), np.nan)
        return unknown, unknown
    loudest = ready[max(ready, key=lambda name: known.weights.get(name, 0.0))]
    return loudest.expected.centre, loudest.half_band(max(threshold, _LINE_FLOOR))


def _findings(known: Known, values: Numbers, together: Numbers, centre: Numbers, half: Numbers) -> tuple[Finding, ...]:
    order = [place for place in np.argsort(-together)[:FINDINGS_MAX] if together[place] > 0]
    return tuple(
        Finding(
            metric=known.names[place],
            value=float(values[place]),
            low=float(centre[place] - half[place]),
            expected=float(centre[place]),
            high=float(centre[place] + half[place]),
            score=float(together[place]),
        )
        for place in order
    )


def _append(known: Known, judged: _Judged, at: float) -> None:
    is_odd = judged.verdict.standing is Standing.ODD
    marks = np.full(len(known.names), Mark.KEPT, dtype=np.uint8)
    if is_odd:
        top = float(judged.together.max(initial=0.0))
        # one that is far out must not be taken for usual because another is farther
        line = max(_LINE_FLOOR, min(_HELD_SHARE * top, judged.verdict.threshold))
        marks[judged.together >= line] = Mark.HELD
    known.times.append(at)
    known.values = np.vstack([known.values, judged.values])
    inside = np.clip(judged.values, judged.low, judged.high)
    taken = np.where((marks == Mark.HELD) & np.isfinite(inside), inside, judged.values)
    known.taken = np.vstack([known.taken, taken])
    known.marks = np.vstack([known.marks, marks])
    for name, one in judged.said.items():
        known.errors[name] = np.vstack([known.errors[name], one.errors.astype(np.float32)])
        known.surprises[name] = np.vstack([known.surprises[name], one.surprises.astype(np.float32)])
    for name, told in known.scores.items():
        score = judged.scores.get(name, float("nan"))
        told.append(score if len(known.times) > POINTS_MIN else float("nan"))
        known.ranks[name].append(judged.verdict.scores.get(name, 0.0))
    known.fused.append(judged.verdict.score if len(known.times) > 2 * POINTS_MIN else float("nan"))
    known.odd.append(is_odd)
    known.refuted.append(False)
    known.tolerance = 1 + (known.tolerance - 1) * _TOLERANCE_KEPT


def _accept_new_levels(known: Known) -> None:
    """Take a metric that stayed far out on one side for so many points for one that has moved: its baseline begins there.

    Far out is twice the 95 % error that it had before them, by the first of the detectors.
    """
    run = known.options.accepted_after_points
    start = len(known.times) - run
    if start < POINTS_MIN or not known.errors:
        return
    name = next(iter(known.errors))
    edge = quantiles(known.usual_errors(name)[:start], [0.95])[0]
    errors = known.errors[name][start:].astype(np.float64)
    far = np.abs(errors) > _FAR * edge
    moved = (
        far.all(axis=0) & (np.abs(np.sign(errors).sum(axis=0)) == run) & (known.marks[start - 1] != Mark.LEFT_BEHIND)
    )
    if not moved.any():
        return
    known.marks[start:, moved] = Mark.KEPT
    known.taken[start:, moved] = known.values[start:, moved]
    _leave_behind(known, start, moved)


def _leave_behind(known: Known, start: int, chosen: np.ndarray) -> None:
    before = known.marks[:start]
    before[:, chosen] = np.where(before[:, chosen] == Mark.CONFIRMED, Mark.CONFIRMED, Mark.LEFT_BEHIND)


def _without_last(state: MetricWatch) -> MetricWatch:
    known = Known.of(state)
    known.times.pop()
    known.values, known.marks, known.taken = known.values[:-1], known.marks[:-1], known.taken[:-1]
    for tables in (known.errors, known.surprises):
        for name, table in tables.items():
            tables[name] = table[:-1]
    for told in (*known.scores.values(), *known.ranks.values()):
        told.pop()
    known.fused.pop()
    known.odd.pop()
    known.refuted.pop()
    return known.state()


def with_threshold(state: MetricWatch, threshold: float | None) -> MetricWatch:
    """Return the state with a fixed threshold for the fused score, or None for the one that the budget asks for."""
    return msgspec.structs.replace(state, options=msgspec.structs.replace(state.options, threshold=threshold))
