"""Whether columns are distributed as in a reference: how far apart first, then whether chance explains it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Literal

import numpy as np
import polars as pl

from lyceum.data.quality.engine.nodes import NUMBERS, CannotRun
from lyceum.data.quality.engine.references import ColumnReference, finite_numbers
from lyceum.data.quality.engine.states import CATEGORIES_MAX

Method = Literal["psi", "ks", "jensen_shannon", "wasserstein", "chi_square"]
_TIMES = "times"
ORDERED_METHODS = frozenset({"ks", "wasserstein"})
"""They take values; the others take counts."""
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """How far a column is from its reference."""

    column: str
    effect: float | None
    """In the method's own unit; None when there were too few values to say."""
    p_value: float | None = None
    """How probable as large an effect is without drift; None where no exact test was possible."""
    q_value: float | None = None
    """The p-value after Benjamini and Hochberg, over the columns judged together."""
    values: int = 0


def drifts_of(
    table: pl.LazyFrame, references: Mapping[str, ColumnReference], *, method: Method, rows_min: int
) -> list[ColumnDrift]:
    """Return the drift of each column that has a reference; the table is in the types of `as_plain`.

    Counts are taken in one streaming pass over all columns; methods that take values hold one column at a time. Raises
    CannotRun for a misfit.
    """
    types = table.collect_schema()
    for name, reference in references.items():
        is_number = reference.type in NUMBERS
        if is_number is not types[name].is_numeric():
            raise CannotRun(f"compares '{name}' with a reference in which it held {reference.type} values")
        if method in ORDERED_METHODS and not is_number:
            raise CannotRun(f"takes {method} of '{name}', which holds texts; use psi, jensen_shannon or chi_square")
    if method in ORDERED_METHODS:
        return [_drift_of_values(table, name, one, method, rows_min) for name, one in references.items()]
    wanted = {name: _counts(table, name, reference) for name, reference in references.items()}
    counted = pl.collect_all(list(wanted.values()), engine="streaming")
    return [
        _drift_of_counts(name, references[name], found, method, rows_min)
        for name, found in zip(wanted, counted, strict=True)
    ]


def _drift_of_values(
    table: pl.LazyFrame, name: str, reference: ColumnReference, method: Method, rows_min: int
) -> ColumnDrift:
    numbers = finite_numbers(table.select(name).collect(engine="streaming").to_series())
    if len(numbers) < rows_min or reference.values < rows_min:
        return ColumnDrift(name, None, values=len(numbers))
    kept = reference.numbers()
    p_value = ks_p_value(numbers, kept) if reference.exact else None
    effect = ks(numbers, kept) if method == "ks" else wasserstein(numbers, kept, reference.std or 0.0)
    return ColumnDrift(name, effect, p_value, values=len(numbers))


def _counts(table: pl.LazyFrame, name: str, reference: ColumnReference) -> pl.LazyFrame:
    """Return how many values are finite and below each edge, in one row; or how often each value occurs."""
    value = pl.col(name)
    if reference.type not in NUMBERS:
        return table.select(value.cast(pl.String)).filter(value.is_not_null()).group_by(name).len(_TIMES)
    value = value.cast(pl.Float64)
    if not reference.edges:
        return table.select(value).filter(value.is_finite()).select(value.cast(pl.String)).group_by(name).len(_TIMES)
    below = [(value < edge).sum().alias(str(place)) for place, edge in enumerate(reference.edges)]
    return table.select((value == -inf).sum().alias("infinite"), value.is_finite().sum().alias("finite"), *below)


def _drift_of_counts(
    name: str, reference: ColumnReference, counted: pl.DataFrame, method: Method, rows_min: int
) -> ColumnDrift:
    has_bins = bool(reference.edges)
    values = int(counted["finite"][0] if has_bins else counted[_TIMES].sum())
    if values < rows_min or reference.values < rows_min:
        return ColumnDrift(name, None, values=values)
    if has_bins:
        infinite, finite, *below = counted.row(0)
        counts = np.diff([0, *(count - infinite for count in below), finite]).tolist()
        return drift_of_bins(name, counts, reference, method=method)
    categories = counted.top_k(CATEGORIES_MAX, by=_TIMES)
    known = dict(zip(categories[name].to_list(), categories[_TIMES].to_list(), strict=True))
    return drift_of_categories(name, known, values - sum(known.values()), reference, method=method)


def drift_of_bins(name: str, counts: Sequence[int], reference: ColumnReference, *, method: Method) -> ColumnDrift:
    """Return the drift of a column of numbers by how many lie between the edges of its reference."""
    kept = reference.numbers()
    then = np.asarray(binned(kept, reference.edges)) * (reference.values / len(kept))
    return _of_counts(name, then, np.asarray(counts, dtype=float), method)


def drift_of_categories(
    name: str, counts: Mapping[str, int], rare: int, reference: ColumnReference, *, method: Method
) -> ColumnDrift:
    """Return the drift of a column by how often each value occurs; all new values are one category."""
    new = sum(times for value, times in counts.items() if value not in reference.categories)
    then = np.array([*reference.categories.values(), reference.rare], dtype=float)
    now = np.array([*(counts.get(value, 0) for value in reference.categories), new + rare], dtype=float)
    filled = then + now > 0
    return _of_counts(name, then[filled], now[filled], method)


def _of_counts(name: str, then: Floats, now: Floats, method: Method) -> ColumnDrift:
    effects = {"psi": psi, "jensen_shannon": jensen_shannon, "chi_square": cramers_v}
    return ColumnDrift(name, effects[method](then, now), chi_square_p_value(then, now), values=int(now.sum()))


def with_q_values(drifts: Sequence[ColumnDrift]) -> list[ColumnDrift]:
    """Return the drifts with q-values: q(i) = min over j >= i of p(j)·m/j, the p-values in order.

    Y. Benjamini, Y. Hochberg, "Controlling the False Discovery Rate", JRSS B 57 (1995), 289-300.
    """
    from scipy.stats import false_discovery_control

    tested = [place for place, drift in enumerate(drifts) if drift.p_value is not None]
    found = list(drifts)
    if tested:
        adjusted = false_discovery_control([drifts[place].p_value or 0.0 for place in tested], method="bh")
        for place, q_value in zip(tested, adjusted, strict=True):
            found[place] = replace(drifts[place], q_value=float(q_value))
    return found


def psi(then: Floats, now: Floats) -> float:
    """Return the population stability index of two rows of counts, less what chance adds; not below 0.

    sum((p - q)·ln(p / q)) over the bins, half a value added to each so that an empty one counts for something finite.
    Without drift its mean is (B - 1)(1/n + 1/m): B. Yurdakul, J. Naranjo, "Statistical properties of the population
    stability index", Journal of Risk Model Validation 14 (2020). That is taken off.
    """
    bins = len(then)
    before, after = (then + 0.5) / (then.sum() + 0.5 * bins), (now + 0.5) / (now.sum() + 0.5 * bins)
    raw = float(((before - after) * np.log(before / after)).sum())
    return max(0.0, raw - (bins - 1) * float(1 / then.sum() + 1 / now.sum()))


def jensen_shannon(then: Floats, now: Floats) -> float:
    """Return the Jensen-Shannon distance to base 2, from 0 to 1.

    The root of the divergence of J. Lin, "Divergence Measures Based on the Shannon Entropy", IEEE Transactions on
    Information Theory 37 (1991); a metric by D. M. Endres, J. E. Schindelin (2003).
    """
    from scipy.spatial.distance import jensenshannon

    return float(np.nan_to_num(jensenshannon(then, now, base=2)))


def cramers_v(then: Floats, now: Floats) -> float:
    """Return Cramér's V of the two rows of counts, from 0 to 1: sqrt(chi² / N). H. Cramér (1946), 21.9."""
    filled = then + now > 0
    if filled.sum() < 2:
        return 0.0
    from scipy.stats import chi2_contingency

    table = np.vstack([then[filled], now[filled]])
    return float(np.sqrt(float(chi2_contingency(table, correction=False)[0]) / table.sum()))


def chi_square_p_value(then: Floats, now: Floats) -> float | None:
    """Return the p-value of Pearson's test of homogeneity; None when an expected count is below 5 (Cochran 1954).

    Bins that are expected to hold fewer than 5 values are joined first.
    """
    from scipy.stats import chi2_contingency

    least = 5 * (then.sum() + now.sum()) / min(then.sum(), now.sum())
    few = then + now < least
    joined = [np.append(side[~few], side[few].sum()) if few.any() else side for side in (then, now)]
    table = np.vstack(joined)[:, joined[0] + joined[1] > 0]
    if table.shape[1] < 2:
        return None
    result = chi2_contingency(table, correction=False)
    return None if result.expected_freq.min() < 5 else float(result.pvalue)


def ks(now: Floats, then: Floats) -> float:
    """Return the largest distance of the two empirical distribution functions (Kolmogorov 1933, Smirnov 1939).

    Exact where `then` holds all values; where it holds every k-th of n, off by at most k/n.
    """
    points = np.concatenate([now, then])
    below_now = np.searchsorted(now, points, side="right") / len(now)
    below_then = np.searchsorted(then, points, side="right") / len(then)
    return float(np.abs(below_now - below_then).max())


def ks_p_value(now: Floats, then: Floats) -> float:
    """Return the two-sided asymptotic p-value; both hold all their values, for a sketch's would be noise."""
    from scipy.stats import kstwobign

    size = len(now) * len(then) / (len(now) + len(then))
    return float(kstwobign.sf(np.sqrt(size) * ks(now, then)))


def wasserstein(now: Floats, then: Floats, scale: float) -> float:
    """Return the first Wasserstein distance in standard deviations of the reference (Vaserstein 1969)."""
    from scipy.stats import wasserstein_distance

    distance = float(wasserstein_distance(now, then))
    return distance / scale if scale else (0.0 if not distance else float("inf"))


def binned(ordered: Floats, edges: Sequence[float]) -> list[int]:
    """Return how many of the ordered values lie between the inner edges; one on an edge lies above it."""
    below = np.searchsorted(ordered, np.asarray(edges), side="left")
    return [int(count) for count in np.diff([0, *below, len(ordered)])]
