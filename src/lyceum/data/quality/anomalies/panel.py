"""Histories of metrics side by side: points in time by metrics, with quantiles that leave out what is not known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Phases = NDArray[np.int64]

_HOURS_A_DAY = 24
_DAYS_A_WEEK = 7
_SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Panel:
    """What is known before a point: `times` in seconds since 1970, ascending, and `values` (points by metrics).

    A value that is missing, or that is kept out of the baseline, is NaN. A history of one metric has one column.
    """

    times: Numbers
    values: Numbers


@dataclass(frozen=True, slots=True)
class Expected:
    """What a detector expects at one time, one number for each metric; NaN where it cannot say."""

    centre: Numbers
    scale: Numbers
    """What an error is divided by before it is compared with earlier errors of the same metric."""


def phases_of(times: Numbers) -> Phases:
    """Return the weekday of each time (0 Monday), or the hour of the week when points come less than 12 hours apart."""
    if not len(times):
        return np.zeros(0, dtype=np.int64)
    days = np.floor(times / _SECONDS_A_DAY).astype(np.int64)
    weekday = (days + 3) % _DAYS_A_WEEK  # 1 January 1970 was a Thursday
    if step_seconds(times) >= _SECONDS_A_DAY / 2:
        return weekday
    hour = np.floor(times % _SECONDS_A_DAY / 3600).astype(np.int64)
    return weekday * _HOURS_A_DAY + hour


def step_seconds(times: Numbers) -> float:
    """Return the median time between points, a day for fewer than three of them."""
    if len(times) < 3:
        return _SECONDS_A_DAY
    return float(np.median(np.diff(times)))


def quantiles(values: Numbers, shares: Sequence[float]) -> list[Numbers]:
    """Return quantiles down the columns, linear between points, without the NaN; NaN for a column of nothing else."""
    if not len(values):
        return [np.full(values.shape[1], np.nan) for _ in shares]
    ordered = np.sort(values, axis=0)
    last = np.isfinite(values).sum(axis=0) - 1
    found = []
    for share in shares:
        place = np.maximum(last, 0) * share
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(last, 0))
        below = np.take_along_axis(ordered, low[None, :], axis=0)[0]
        above = np.take_along_axis(ordered, high[None, :], axis=0)[0]
        found.append(np.where(last >= 0, below + (above - below) * (place - low), np.nan))
    return found


def median(values: Numbers) -> Numbers:
    """Return the medians of the columns, without the NaN."""
    return quantiles(values, [0.5])[0]


def counted(values: Numbers) -> Numbers:
    """Return how many values of each column are known."""
    return np.asarray(np.isfinite(values).sum(axis=0), dtype=np.float64)


def seconds_of(at: datetime) -> float:
    """Return the seconds since 1970; a time without a zone is UTC."""
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def are_ascending(times: Sequence[float]) -> bool:
    """Return whether each time is later than the one before."""
    return all(first < second for first, second in pairwise(times))
