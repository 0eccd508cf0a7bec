"""Isolation Forest on residual vectors: whether the metrics of a point are odd together."""

from functools import lru_cache
from typing import Any

import numpy as np

from lyceum.data.quality.anomalies.panel import Numbers

NAME = "forest"
POINTS_MIN = 21
POINTS_BETWEEN_FITS = 7
TREES = 50
_CLIPPED_AT = 10.0


def scores(earlier: Numbers, judged: Numbers, *, seed: int) -> Numbers:
    """Return how easily each of the `judged` residual vectors is isolated, 0 to 1; NaN with fewer than 21 earlier.

    Rows are points, columns metrics, each in units of its usual error. The forest (Liu, Ting, Zhou 2008) is grown on the
    earlier vectors up to the last multiple of seven, so it is the same for seven points.
    """
    known = len(earlier) - len(earlier) % POINTS_BETWEEN_FITS
    if known < POINTS_MIN or not earlier.shape[1]:
        return np.full(len(judged), np.nan)
    grown = _grown(_plain(earlier[:known]).tobytes(), earlier.shape[1], seed)
    return -np.asarray(grown.score_samples(_plain(judged)), dtype=np.float64)


def _plain(vectors: Numbers) -> np.ndarray:
    return np.clip(np.nan_to_num(vectors), -_CLIPPED_AT, _CLIPPED_AT).astype(np.float32)


@lru_cache(maxsize=4)
def _grown(vectors: bytes, columns: int, seed: int) -> Any:
    from sklearn.ensemble import IsolationForest

    table = np.frombuffer(vectors, dtype=np.float32).reshape(-1, columns)
    return IsolationForest(n_estimators=TREES, random_state=seed, n_jobs=1).fit(table)
