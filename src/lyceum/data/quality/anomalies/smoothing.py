"""Holt-Winters: level, damped trend and additive season, each smoothed exponentially."""

import numpy as np

from lyceum.data.quality.anomalies.panel import Expected, Numbers, Panel, Phases, counted, median, phases_of

ALPHAS = (0.1, 0.3, 0.6)
BETA = 0.05
GAMMAS = (0.0, 0.2)
DAMPING = 0.9
POINTS_MAX = 120
_WARM_SHARE = 0.3


class HoltWinters:
    """Triple exponential smoothing with an additive season and a damped trend.

    Recursions of Hyndman and Athanasopoulos, Forecasting: Principles and Practice (3rd edition, 8.3), after Holt (1957)
    and Winters (1960), damping after Gardner and McKenzie (1985). The level's rate and whether there is a season are
    chosen for each metric by the one-step errors over its history; trend and season have fixed rates. A missing point
    leaves level, trend and season as they were.
    """

    name = "smoothing"

    def expected(self, panel: Panel, at: float) -> Expected:
        """Return the one-step forecast, in the metric's own unit."""
        values = panel.values[-POINTS_MAX:]
        unit = np.ones(panel.values.shape[1])
        if len(values) < 2:
            return Expected(np.full(panel.values.shape[1], np.nan), unit)
        phases = phases_of(np.append(panel.times, at))[-len(values) - 1 :]
        forecasts, errors = _smoothed(values, phases)
        best = errors.argmin(axis=0)
        return Expected(np.take_along_axis(forecasts, best[None, :], axis=0)[0], unit)


def _smoothed(values: Numbers, phases: Phases) -> tuple[Numbers, Numbers]:
    """Return forecasts after the last point, and mean absolute errors of those after the first third: rates by metrics."""
    alpha = np.array([[rate] for rate in ALPHAS for _ in GAMMAS])
    gamma = np.array([[rate] for _ in ALPHAS for rate in GAMMAS])
    shape = (len(alpha), values.shape[1])
    start = np.where(counted(values[:7]) > 0, median(values[:7]), median(values))
    level = np.broadcast_to(np.nan_to_num(start), shape).copy()
    trend, errors, seen = np.zeros(shape), np.zeros(shape), np.zeros(values.shape[1])
    season = np.zeros((int(phases.max()) + 1, *shape))
    known = np.isfinite(values)
    warm = int(_WARM_SHARE * len(values))
    for place, (phase, value) in enumerate(zip(phases[:-1], values, strict=True)):
        damped = level + DAMPING * trend
        error = np.where(known[place], value - damped - season[phase], 0.0)
        if place >= warm:
            errors += np.abs(error)
            seen += known[place]
        trend = np.where(known[place], DAMPING * trend + alpha * BETA * error, trend)
        level = np.where(known[place], damped + alpha * error, level)
        season[phase] += gamma * (1 - alpha) * error
    mean = np.where(seen > 0, errors / np.maximum(seen, 1), np.inf)
    forecasts = level + DAMPING * trend + season[phases[-1]]
    return np.where(counted(values) > 0, forecasts, np.nan), mean
