"""Drift against a stored reference: effect sizes that hold what they promise, on data whose answer is known."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from lyceum.data.quality.engine.drift import ColumnDrift as Found
from lyceum.data.quality.engine.drift import (
    chi_square_p_value,
    cramers_v,
    jensen_shannon,
    ks,
    ks_p_value,
    psi,
    wasserstein,
    with_q_values,
)
from lyceum.data.quality.engine.intervals import rows_to_see, wilson_interval
from lyceum.data.quality.engine.public import (
    CheckResult,
    Drift,
    InvalidReference,
    Surroundings,
    reference_from_bytes,
    reference_of,
    run_checks,
)

RANDOM = np.random.default_rng(7)
THEN = RANDOM.normal(10, 2, 5_000)
METHODS = ("psi", "ks", "jensen_shannon", "wasserstein", "chi_square")


def drift(then: pl.DataFrame, now: pl.DataFrame, **asked: object) -> CheckResult:
    reference = reference_from_bytes(reference_of(then.lazy()).to_bytes())
    check = Drift(columns=tuple(now.columns), **asked)  # type: ignore[arg-type] # a test names them
    return run_checks(now.lazy(), [check], around=Surroundings(references={"previous": reference})).results[0]


@pytest.mark.parametrize("method", METHODS)
def test_a_shift_is_drift_and_a_second_draw_is_not(method: str) -> None:
    then = pl.DataFrame({"x": THEN})
    again = pl.DataFrame({"x": RANDOM.normal(10, 2, 3_000)})
    moved = pl.DataFrame({"x": RANDOM.normal(11.5, 2, 3_000)})
    assert drift(then, again, method=method).status == "passed"
    result = drift(then, moved, method=method)
    assert (result.status, result.failing) == ("failed", 1), result.sentence
    assert result.metrics is not None
    assert result.metrics[f"{method}.x"] > 0.1


@pytest.mark.parametrize("method", ["psi", "jensen_shannon", "chi_square"])
def test_texts_and_few_numbers_are_compared_value_by_value(method: str) -> None:
    then = pl.DataFrame({"s": ["a", "b"] * 500, "n": [1, 1, 1, 2] * 250, "b": [True, False] * 500})
    assert drift(then, then, method=method).status == "passed"
    now = pl.DataFrame({"s": ["a", "new"] * 500, "n": [2, 2, 2, 1] * 250, "b": [True] * 1000})
    result = drift(then, now, method=method)
    assert (result.failing, result.rows_checked) == (3, 3), result.sentence
    constant = pl.DataFrame({"n": [5] * 1000})
    assert drift(constant, pl.DataFrame({"n": [6] * 1000}), method=method).status == "failed", "a constant that changed"


def test_a_small_effect_is_no_drift_however_sure() -> None:
    then = pl.DataFrame({"x": RANDOM.normal(0, 1, 200_000)})
    now = pl.DataFrame({"x": RANDOM.normal(0.03, 1, 200_000)})
    result = drift(then, now, method="chi_square", at_most=0.05)
    assert result.metrics is not None
    assert result.metrics["q_value.x"] < 0.001
    assert result.status == "passed"


def test_too_few_values_are_refused() -> None:
    then, few = pl.DataFrame({"x": THEN}), pl.DataFrame({"x": [0.0] * 50})
    assert drift(then, few).status == "skipped"
    assert drift(few, then).status == "skipped"
    assert not drift(then, few).blocks


def test_psi_without_drift_is_about_zero_at_any_size() -> None:
    for size in (100, 200, 1_000):
        found = []
        for _ in range(200):
            counts = [np.bincount(RANDOM.integers(0, 10, size), minlength=10).astype(float) for _ in range(2)]
            found.append(psi(*counts))
        assert np.mean(found) < 0.05, "uncorrected it is 0.18 at 100"


def test_figures_are_those_of_scipy_and_of_plain_formulas() -> None:
    now = np.random.default_rng(3).normal(10.05, 2.0, 700)
    ordered_now, ordered_then = np.sort(now), np.sort(THEN)
    wanted = stats.ks_2samp(now, THEN, method="asymp")
    assert ks(ordered_now, ordered_then) == pytest.approx(wanted.statistic)
    assert ks_p_value(ordered_now, ordered_then) == pytest.approx(wanted.pvalue, rel=0.05)
    assert wasserstein(THEN + 3.0, THEN, 2.0) == pytest.approx(1.5)
    half, other = np.array([10.0, 10.0]), np.array([20.0, 0.0])
    p, q, m = np.array([0.5, 0.5]), np.array([1.0, 0.0]), np.array([0.75, 0.25])
    divergence = (0.5 * (p * np.log2(p / m)).sum()) + 0.5 * (q[:1] * np.log2(q[:1] / m[:1])).sum()
    assert jensen_shannon(half, other) == pytest.approx(divergence**0.5)
    table = np.array([[30.0, 70.0], [60.0, 40.0]])
    chi2 = stats.chi2_contingency(table, correction=False)
    assert cramers_v(table[0], table[1]) == pytest.approx((chi2.statistic / 200) ** 0.5)
    assert chi_square_p_value(table[0], table[1]) == pytest.approx(chi2.pvalue)
    assert chi_square_p_value(np.array([3.0, 0.0]), np.array([2.0, 1.0])) is None, "too few for the test"


def test_q_values_are_those_of_benjamini_and_hochberg() -> None:
    p_values = [0.01, 0.04, 0.03, 0.5]
    found = with_q_values([*(Found(str(p), 1.0, p) for p in p_values), Found("none", 1.0)])
    assert [each.q_value for each in found[:4]] == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
    assert found[4].q_value is None


def test_a_large_reference_is_small_and_its_ks_near() -> None:
    then = np.sort(RANDOM.normal(0, 1, 100_000))
    reference = reference_of(pl.LazyFrame({"x": then}))
    assert len(reference.to_bytes()) < 200_000
    kept = reference.columns["x"]
    assert not kept.exact
    now = np.sort(RANDOM.normal(0.5, 1, 3_000))
    assert ks(now, kept.numbers()) == pytest.approx(ks(now, then), abs=1e-4)
    result = drift(pl.DataFrame({"x": then}), pl.DataFrame({"x": now}), method="ks")
    assert result.status == "failed"
    assert "q_value.x" not in (result.metrics or {}), "no p-value of what is not exact"


def test_bytes_that_are_no_reference_are_refused() -> None:
    with pytest.raises(InvalidReference):
        reference_from_bytes(b"nothing")


def test_wilson_covers_where_the_plain_interval_does_not() -> None:
    low, high = wilson_interval(99, 100)
    assert (low, high) == pytest.approx((0.9455, 0.9982), abs=1e-3)
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(100, 100)[1] == 1.0
    assert wilson_interval(100, 100)[0] == pytest.approx(0.963, abs=1e-3)
    share, rows, held = 0.99, 100, 0.0
    for filled in range(rows + 1):
        interval = wilson_interval(filled, rows)
        held += stats.binom.pmf(filled, rows, share) * (interval[0] <= share <= interval[1])
    assert held > 0.9, "Wald's holds it in 63 % of samples"


def test_the_rows_needed_see_the_fall_as_often_as_asked() -> None:
    rows = rows_to_see(0.95, 0.05, power=0.8)
    seen = sum(
        stats.binom.pmf(filled, rows, 0.90) for filled in range(rows + 1) if wilson_interval(filled, rows)[1] < 0.95
    )
    assert seen == pytest.approx(0.8, abs=0.08)
