"""What is told of many measurements."""

from collections.abc import Iterable


def percentile(measured: Iterable[float], percent: int) -> float:
    """Return the measurement that `percent` of them are below."""
    ordered = sorted(measured)
    return ordered[len(ordered) * percent // 100]
