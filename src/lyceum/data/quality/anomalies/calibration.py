"""How rare an error is for the metric that made it: a rank among its own errors, with a tail beyond the largest."""

from dataclasses import dataclass

import numpy as np

from lyceum.data.quality.anomalies.panel import Numbers, counted, quantiles

POINTS_MIN = 14
"""Points of its own that a metric must have before it is judged."""
SURPRISE_MAX = 100.0
BODY = 0.8
TAIL = 0.98
LOUD_SHARE = 0.9
LOUD_FLOOR = 0.3
RANKED_POINTS = 120
"""Earlier points that a score is ranked among: the first ones of a history are loud, since little was known."""
_BODY_SURPRISE = float(-np.log10(1 - BODY))
_TAIL_DECADES = float(np.log10((1 - BODY) / (1 - TAIL)))


@dataclass(frozen=True, slots=True)
class Calibration:
    """From errors to surprises: minus log10 of the share of a metric's errors that are at least as large.

    Up to the 80 % quantile the surprise rises evenly; above it the errors are taken to fall off exponentially, with the
    slope between the 80 % and the 98 % quantile (the peaks-over-threshold tail of Pickands 1975 with shape 0), or the
    root of the mean square of the errors where that is more, as it is for heavy tails. A surprise is then divided by what
    is usual for the metric: 0.3 plus the mean of the 90 % quantile and the largest of its own earlier surprises, so that
    a metric that has startled before must startle more.
    """

    body: Numbers
    slope: Numbers
    loudness: Numbers
    is_ready: np.ndarray

    @classmethod
    def of(cls, errors: Numbers, surprises: Numbers, floor: Numbers) -> "Calibration":
        """Return the calibration from earlier absolute `errors` and earlier undivided `surprises` (points by metrics).

        `floor` is the least error that counts for each metric, above 0.
        """
        body, tail = quantiles(errors, [BODY, TAIL])
        body = np.nan_to_num(body)
        slope = np.maximum.reduce([(np.nan_to_num(tail) - body) / _TAIL_DECADES, 0.3 * body, floor])
        often, most = quantiles(surprises, [LOUD_SHARE, 1.0])
        loudness = LOUD_FLOOR + (np.nan_to_num(often) + np.nan_to_num(most)) / 2
        return cls(body, slope, loudness, counted(errors) >= POINTS_MIN)

    def surprise(self, errors: Numbers) -> Numbers:
        """Return the surprise of each metric's error, at most 100; 0 where an error is unknown or there are too few."""
        within = _BODY_SURPRISE * errors / np.where(self.body > 0, self.body, 1.0)
        beyond = _BODY_SURPRISE + (errors - self.body) / self.slope
        found = np.where(errors > self.body, beyond, within)
        found = np.where(self.is_ready & np.isfinite(found), found, 0.0)
        return np.minimum(found, SURPRISE_MAX)

    def error_at(self, score: float) -> Numbers:
        """Return the error of each metric whose divided surprise is `score`: half the width of its band."""
        undivided = np.minimum(score * self.loudness, SURPRISE_MAX)
        beyond = self.body + np.maximum(undivided - _BODY_SURPRISE, 0.0) * self.slope
        return np.where(undivided > _BODY_SURPRISE, beyond, self.body * undivided / _BODY_SURPRISE)


def day_score(scores: Numbers) -> float:
    """Return what the metrics say of their point together: the largest of their divided surprises."""
    return float(scores.max(initial=0.0))


def rank_surprise(score: float, earlier: Numbers) -> float:
    """Return minus log10 of the calibrated rank of `score` among `earlier` scores, going on beyond the largest.

    Exponential above the 80 % quantile, as `Calibration` has it; 0 with fewer than 14 earlier scores.
    """
    known = earlier[np.isfinite(earlier)]
    if len(known) < POINTS_MIN:
        return 0.0
    own = Calibration.of(known[:, None], np.zeros((0, 1)), np.array([max(1e-9, 0.05 * float(known.max()))]))
    return float(own.surprise(np.array([score]))[0])
