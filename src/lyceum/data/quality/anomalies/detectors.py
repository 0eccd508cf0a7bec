"""What a metric's next value should be: the seasonal residual, and the robust z with a floored scale."""

from typing import Protocol

import numpy as np

from lyceum.data.quality.anomalies.panel import Expected, Numbers, Panel, Phases, counted, median, phases_of

LEVEL_POINTS = 28
SEASON_CYCLES = 8
CYCLES_MIN = 3
ROBUST_POINTS = 56
SEASONAL_SHARE_MIN = 0.1
"""How much less the season must leave of the usual error before it is believed."""
SCALE_FLOOR = 1e-3
"""Of the spread of a metric's whole history: a history that hardly ever moved has no MAD (Leys et al. 2013)."""
_MAD_TO_DEVIATION = 1.4826


class Detector(Protocol):
    """Says from a history what the next point should be; the same history gives the same answer."""

    @property
    def name(self) -> str:
        """How it is called in states and reports."""
        ...

    def expected(self, panel: Panel, at: float) -> Expected:
        """Return what each metric should be at `at` (seconds since 1970), from the panel alone."""
        ...


class SeasonalResidual:
    """The recent level, and what this weekday (or hour of the week) usually adds where that helps."""

    name = "seasonal"

    def expected(self, panel: Panel, at: float) -> Expected:
        """Return level plus season, in the metric's own unit.

        The level is the median of the last 28 points. The season is the median of the last 8 points of the same phase,
        taken where it leaves at least 10 % less of the mean absolute error over the last 8 cycles than the level does.
        """
        level = median(panel.values[-LEVEL_POINTS:])
        unit = np.ones(panel.values.shape[1])
        times = np.append(panel.times, at)
        phases = phases_of(times)
        cycle = int(phases.max()) + 1 if len(phases) else 1
        recent = panel.values[-SEASON_CYCLES * max(cycle, 7) :]
        of_recent = phases[:-1][-len(recent) :] if len(recent) else phases[:0]
        same = recent[of_recent == phases[-1]]
        if len(same) < CYCLES_MIN:
            return Expected(level, unit)
        season = median(same[-SEASON_CYCLES:])
        helps = _error_by_phase(recent, of_recent) < (1 - SEASONAL_SHARE_MIN) * _error(recent)
        return Expected(np.where(helps & (counted(same) >= CYCLES_MIN), season, level), unit)


class RobustZ:
    """Distance from the median of the last 56 points in robust deviations, with a floor where there are none."""

    name = "robust"

    def expected(self, panel: Panel, at: float) -> Expected:  # noqa: ARG002  # the same at every time
        """Return the median and 1.4826 times the median absolute deviation (Hampel 1974).

        Where more than half of the points are alike the deviation is 0: the mean absolute deviation times 1.2533 takes
        its place, and both are floored at a thousandth of the deviation of the whole history.
        """
        recent = panel.values[-ROBUST_POINTS:]
        centre = median(recent)
        return Expected(centre, robust_scale(recent, centre))


def robust_scale(values: Numbers, centre: Numbers) -> Numbers:
    """Return the floored robust deviation of each column about `centre`; 0 only for a column that never moved."""
    away = np.abs(values - centre)
    deviation = _MAD_TO_DEVIATION * median(away)
    known = np.maximum(counted(away), 1)
    mean = 1.2533 * np.nansum(away, axis=0) / known
    scale = np.where(deviation > 0, deviation, mean)
    return np.asarray(np.maximum(np.nan_to_num(scale), SCALE_FLOOR * deviations(values)), dtype=np.float64)


def deviations(values: Numbers) -> Numbers:
    """Return the plain standard deviation of each column, 0 for one of nothing."""
    known = np.maximum(counted(values), 1)
    middle = np.nansum(values, axis=0) / known
    return np.asarray(np.sqrt(np.nansum((values - middle) ** 2, axis=0) / known), dtype=np.float64)


def _error(values: Numbers) -> Numbers:
    away = np.abs(values - median(values))
    return np.asarray(np.nansum(away, axis=0) / np.maximum(counted(away), 1), dtype=np.float64)


def _error_by_phase(values: Numbers, phases: Phases) -> Numbers:
    """Return the mean absolute distance from the median of the same phase; infinite where a phase has too few points.

    Medians of few points fit those points too well: n / (n - 1) for each phase takes that back.
    """
    total = np.zeros(values.shape[1])
    is_known = np.ones(values.shape[1], dtype=bool)
    for phase in np.unique(phases):
        same = values[phases == phase]
        known = counted(same)
        away = np.nansum(np.abs(same - median(same)), axis=0)
        is_known &= (known > 1) | (known == 0)
        total += away * known / np.maximum(known - 1, 1)
    return np.where(is_known, total / np.maximum(counted(values), 1), np.inf)
