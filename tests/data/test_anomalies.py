"""What is odd in the history of metrics: the detectors, the state, and what people say back."""

from datetime import UTC, datetime
from functools import cache

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lyceum.data.quality.anomalies.detectors import Detector, RobustZ, SeasonalResidual
from lyceum.data.quality.anomalies.panel import Panel, phases_of
from lyceum.data.quality.anomalies.public import (
    Answer,
    Judge,
    MetricWatch,
    Observation,
    OutOfOrder,
    Standing,
    StateUnreadable,
    WatchOptions,
    answered,
    begun,
    chart,
    decoded,
    encoded,
    observe,
    replay,
    threshold_of,
    tuned,
)
from lyceum.data.quality.anomalies.smoothing import HoltWinters

DAY = 86_400.0
START = datetime(2026, 1, 5, tzinfo=UTC).timestamp()  # a Monday
QUICK = WatchOptions(detectors=("seasonal", "robust", "smoothing"))


def history(values: list[float], *, name: str = "|rows") -> list[Observation]:
    return [Observation(START + place * DAY, {name: value}) for place, value in enumerate(values)]


def noise(points: int, *, seed: int = 0) -> list[float]:
    return [float(100 + value) for value in np.random.default_rng(seed).normal(size=points)]


def known(points: int = 80, *, options: WatchOptions = QUICK) -> MetricWatch:
    return replay(begun(options), history(noise(points)))[0]


def next_of(state: MetricWatch, value: float) -> Observation:
    return Observation(state.times[-1] + DAY, {"|rows": value})


@pytest.mark.parametrize("detector", [SeasonalResidual(), RobustZ(), HoltWinters()], ids=lambda one: str(one.name))
@settings(max_examples=20)
@given(scale=st.floats(0.01, 1000), shift=st.floats(-1000, 1000))
def test_a_detector_expects_the_same_whatever_the_unit(detector: Detector, scale: float, shift: float) -> None:
    values = np.array(noise(60))[:, None]
    times = np.array([START + DAY * day for day in range(60)])
    plain = detector.expected(Panel(times, values), START + 60 * DAY)
    moved = detector.expected(Panel(times, values * scale + shift), START + 60 * DAY)
    size = 1e-6 * (scale * 200 + abs(shift) + 1)
    assert moved.centre == pytest.approx(plain.centre * scale + shift, abs=size)
    if isinstance(detector, RobustZ):
        assert moved.scale == pytest.approx(plain.scale * scale, abs=size)


def test_the_score_of_a_point_does_not_depend_on_the_unit() -> None:
    values = [*noise(60), 104.0]
    _, plain = replay(begun(QUICK), history(values))
    _, moved = replay(begun(QUICK), history([value * 7.0 - 300 for value in values]))
    assert moved[-1].score == pytest.approx(plain[-1].score, rel=1e-3)


@pytest.mark.parametrize("value", [90.0, 110.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_spike_of_ten_deviations_is_odd(seed: int, value: float) -> None:
    state, _ = replay(begun(QUICK), history(noise(60, seed=seed)))
    verdict = Judge(state, state.times[-1] + DAY).verdict({"|rows": value})
    assert verdict.standing is Standing.ODD
    assert verdict.findings[0].metric == "|rows"
    assert not verdict.findings[0].low <= verdict.findings[0].value <= verdict.findings[0].high


@pytest.mark.parametrize("value", [0.0, 5.0, -3e9])
def test_a_constant_metric_divides_by_nothing_and_its_first_change_is_odd(value: float) -> None:
    with np.errstate(all="raise"):
        state, verdicts = replay(begun(QUICK), history([value] * 60))
        changed = Judge(state, state.times[-1] + DAY).verdict({"|rows": value + 1})
        same = Judge(state, state.times[-1] + DAY).verdict({"|rows": value})
    assert {one.score for one in verdicts} == {0.0}
    assert changed.standing is Standing.ODD
    assert same.standing is Standing.USUAL


def test_a_short_history_says_that_it_is_learning() -> None:
    state, verdicts = replay(begun(QUICK), history([*noise(27), 1e6]))
    assert {one.standing for one in verdicts} == {Standing.LEARNING}
    assert Judge(state, state.times[-1] + DAY).verdict({"|rows": 100.0}).standing is not Standing.LEARNING


def test_a_quiet_sunday_is_no_news_and_a_loud_one_is() -> None:
    week = [1000.0, 1000, 1000, 1000, 1000, 400, 100]
    random = np.random.default_rng(1)
    values = [float(week[day % 7] + random.normal() * 5) for day in range(83)]
    state, _ = replay(begun(QUICK), history(values))
    sunday = state.times[-1] + DAY
    assert phases_of(np.array([sunday]))[0] == 6
    judge = Judge(state, sunday)
    assert judge.verdict({"|rows": 102.0}).standing is Standing.USUAL
    assert judge.verdict({"|rows": 1000.0}).standing is Standing.ODD


def test_hours_have_their_own_season() -> None:
    times = np.array([START + 3600.0 * hour for hour in range(24 * 7 * 4)])
    values = np.where(np.arange(len(times)) % 24 < 6, 1.0, 50.0)[:, None]
    night = SeasonalResidual().expected(Panel(times[:-1], values[:-1]), times[-24])
    assert night.centre[0] == pytest.approx(1.0)


def test_missing_days_and_irregular_times_are_no_obstacle() -> None:
    random = np.random.default_rng(2)
    points = [one for one in history(noise(120)) if random.random() < 0.7]
    points = [Observation(one.at + float(random.integers(0, 20_000)), one.metrics) for one in points]
    state, _ = replay(begun(QUICK), points)
    assert Judge(state, state.times[-1] + 5 * DAY).verdict({"|rows": 130.0}).standing is Standing.ODD


def test_a_metric_that_is_not_there_is_not_judged_and_a_new_one_begins_to_learn() -> None:
    state = known()
    state, without = observe(state, Observation(state.times[-1] + DAY, {}))
    assert without.standing is Standing.USUAL
    state, new = observe(state, Observation(state.times[-1] + DAY, {"|rows": 100.0, "fare|mean": 1e9}))
    assert new.standing is Standing.USUAL
    assert state.names == ("|rows", "fare|mean")


def test_the_same_history_gives_the_same_state_at_once_and_point_by_point() -> None:
    options = WatchOptions(kept_points=60)
    points = history([*noise(70), 200.0, *noise(5)])
    at_once, verdicts = replay(begun(options), points)
    state = begun(options)
    for point in points:
        state, verdict = observe(decoded(encoded(state)), point)
    assert encoded(state) == encoded(at_once)
    assert verdict == verdicts[-1]
    assert len(state.times) == 60
    assert encoded(tuned(state)) == encoded(tuned(at_once))


def test_a_state_of_another_release_or_of_nothing_is_refused() -> None:
    other = msgspec.msgpack.encode({**msgspec.to_builtins(known(30), builtin_types=(bytes,)), "version": 99})
    with pytest.raises(StateUnreadable, match="version 99"):
        decoded(other)
    with pytest.raises(StateUnreadable, match="cannot be read"):
        decoded(b"\x00")


def test_the_last_point_can_be_measured_again_and_an_older_one_cannot() -> None:
    state = known()
    again, _ = observe(state, Observation(state.times[-1], {"|rows": 101.0}))
    assert len(again.times) == len(state.times)
    with pytest.raises(OutOfOrder):
        observe(state, Observation(state.times[-2], {"|rows": 101.0}))


def test_an_odd_point_moves_the_baseline_no_further_than_its_band_and_a_confirmed_one_not_at_all() -> None:
    state, verdict = observe(known(), next_of(known(), 1e6))
    assert verdict.standing is Standing.ODD
    band = chart(state, "|rows")[-1]
    assert band.value == 1e6
    assert np.frombuffer(state.taken)[-1] <= (verdict.findings[0].high * 1.0001)
    confirmed = answered(state, state.times[-1], Answer.NOT_EXPECTED)
    assert threshold_of(confirmed) <= threshold_of(state)
    assert Judge(confirmed, state.times[-1] + DAY).verdict({"|rows": 1e6}).standing is Standing.ODD
    assert Judge(confirmed, state.times[-1] + DAY).verdict({"|rows": 100.0}).standing is Standing.USUAL


def test_what_people_call_expected_is_not_odd_the_next_day() -> None:
    state, verdict = observe(known(), next_of(known(), 112.0))
    assert verdict.standing is Standing.ODD
    expected = answered(state, state.times[-1], Answer.EXPECTED, metrics=["|rows"])
    again = Judge(expected, state.times[-1] + DAY)
    assert again.verdict({"|rows": 112.0}).findings[0].score < verdict.findings[0].score / 2
    assert again.verdict({"|rows": 112.0}).standing is Standing.USUAL
    assert again.verdict({"|rows": 300.0}).standing is Standing.ODD
    with pytest.raises(KeyError):
        answered(state, 0.0, Answer.EXPECTED)


def test_a_new_level_is_accepted_when_somebody_says_so_or_after_seven_points() -> None:
    state, _ = observe(known(), next_of(known(), 150.0))
    told = answered(state, state.times[-1], Answer.NEW_LEVEL)
    assert chart(told, "|rows", next_at=told.times[-1] + DAY)[-1].expected == pytest.approx(150.0)
    for value in (149.8, 150.4, 150.1, 149.9, 150.2, 150.0):
        state, _ = observe(state, next_of(state, value))
    assert chart(state, "|rows", next_at=state.times[-1] + DAY)[-1].expected == pytest.approx(150.0, abs=0.5)


def test_a_level_that_drifts_is_followed() -> None:
    random = np.random.default_rng(3)
    values = [100 + 0.05 * day + float(random.normal()) for day in range(200)]
    _, verdicts = replay(begun(QUICK), history(values))
    assert np.mean([one.standing is Standing.ODD for one in verdicts[60:]]) <= 0.1


def test_no_more_points_are_odd_than_the_budget_gives() -> None:
    random = np.random.default_rng(4)
    points = [
        Observation(START + day * DAY, {f"c{k}|mean": float(random.normal()) for k in range(6)}) for day in range(300)
    ]
    _, verdicts = replay(begun(QUICK), points)
    assert np.mean([one.standing is Standing.ODD for one in verdicts[60:]]) <= 0.09


def test_weights_are_chosen_by_what_finds_moved_points() -> None:
    state = tuned(known(150, options=WatchOptions()))
    assert sum(state.weights.values()) == pytest.approx(1.0)
    few = known(40)
    assert few.weights == tuned(few).weights, "too few points to test with"


def test_an_unknown_detector_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="choose from seasonal, robust, smoothing"):
        observe(begun(WatchOptions(detectors=("oracle",))), Observation(START, {"|rows": 1.0}))


@cache
def learned(points: int, detectors: tuple[str, ...]) -> tuple[MetricWatch, float]:
    """A state, and how wide its next band is, or would be after a usual point.

    With the fourteenth score that is known the threshold begins to go by them, whatever came.
    """
    state = known(points, options=WatchOptions(detectors=detectors))
    return state, max(band_after(state), band_after(observe(state, next_of(state, 100.0))[0]))


@settings(max_examples=25, deadline=None)
@given(
    far=st.floats(1e2, 1e12).flatmap(lambda far: st.sampled_from((far, -far))),
    points=st.sampled_from((30, 41, 70, 90)),
    detectors=st.sampled_from((("seasonal",), QUICK.detectors)),
)
def test_one_odd_value_of_any_size_hardly_widens_the_next_band(
    far: float, points: int, detectors: tuple[str, ...]
) -> None:
    state, usual = learned(points, detectors)
    after, verdict = observe(state, next_of(state, 100.0 + far))
    assert verdict.standing is Standing.ODD
    assert band_after(after) <= 1.5 * usual


def test_an_odd_metric_stays_out_of_the_baseline_though_another_is_odder() -> None:
    plain = noise(80)
    both = [Observation(START + place * DAY, {"a|mean": value, "b|mean": 5.0}) for place, value in enumerate(plain)]
    state = replay(begun(QUICK), both)[0]
    before = band_after(state, "a|mean")
    after, _ = observe(state, Observation(state.times[-1] + DAY, {"a|mean": 150.0, "b|mean": 9.0}))
    assert band_after(after, "a|mean") <= 1.5 * before


def band_after(state: MetricWatch, metric: str = "|rows") -> float:
    last = chart(state, metric, next_at=state.times[-1] + DAY)[-1]
    assert last.low is not None
    assert last.high is not None
    return last.high - last.low
