"""What rules decide, by nothing but themselves, the incident and the time."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyceum.data.incidents.routing import DAYS, Facts, Hours, Rule, decide, end_of_quiet, falls_under, told_at

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Hours(frozenset(DAYS), time(22), time(7))
FACTS = Facts(UUID(int=1), "main/flights", "check", "warning")

moments = st.integers(0, 4 * 366 * 24 * 3600).map(lambda s: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
hours = st.builds(
    Hours,
    st.frozensets(st.sampled_from(DAYS)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
)
zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]
)
severities = st.sampled_from(["info", "warning", "critical"])
rules = st.builds(
    Rule,
    id=st.uuids(),
    dataset_tags=st.sampled_from([frozenset(), frozenset({"a"}), frozenset({"b", "c"})]),
    check_tags=st.sampled_from([frozenset(), frozenset({"k"})]),
    datasets=st.sampled_from([(), ("main/flights",), ("main/*",), ("other/*",)]),
    severities=st.frozensets(severities),
    kinds=st.sampled_from([frozenset(), frozenset({"check"}), frozenset({"metric"})]),
    hours=st.none() | hours,
    quiet=st.none() | hours,
    quiet_lets_critical_pass=st.booleans(),
    zone=zones,
    group_by=st.sampled_from(["incident", "dataset", "rule"]),
    group_seconds=st.integers(0, 3600),
    goes_on=st.booleans(),
)
facts = st.builds(Facts, st.uuids(), st.sampled_from(["main/flights", "other/x"]), st.just("check"), severities)


@given(st.lists(rules, max_size=6), facts, moments)
def test_the_first_rule_tells_and_those_after_it_as_long_as_each_goes_on(
    listed: list[Rule], of: Facts, now: datetime
) -> None:
    decisions = decide(listed, of, now)
    under = [rule for rule in listed if falls_under(rule, of, now)]
    ends = next((place for place, rule in enumerate(under) if not rule.goes_on), len(under))
    assert [decision.rule_id for decision in decisions] == [rule.id for rule in under[: ends + 1]]
    assert decide(listed, of, now) == decisions


@given(rules, facts, moments)
def test_nothing_is_told_too_early_nor_in_quiet_hours(rule: Rule, of: Facts, now: datetime) -> None:
    at = told_at(rule, of, now)
    gathered = now + timedelta(seconds=rule.group_seconds)
    assert at >= gathered
    assert at <= gathered + timedelta(days=15)
    passes = rule.quiet is None or (rule.quiet_lets_critical_pass and of.severity == "critical")
    if passes:
        assert at == gathered
    elif rule.quiet is not None and at < gathered + timedelta(days=7):
        assert not rule.quiet.hold(at.astimezone(ZoneInfo(rule.zone)))


@given(hours, zones, moments)
def test_quiet_ends_at_the_first_minute_that_is_not_quiet(quiet: Hours, zone: str, now: datetime) -> None:
    at = end_of_quiet(quiet, zone, now)
    local_zone = ZoneInfo(zone)
    if at != now:
        assert quiet.hold(now.astimezone(local_zone))
        minute_before = at - timedelta(minutes=1)
        assert minute_before < now or quiet.hold(minute_before.astimezone(local_zone))


@pytest.mark.parametrize(
    "local, until",
    [
        # in the night in which clocks go forward it ends an hour of the world's time earlier
        (datetime(2026, 3, 28, 23, tzinfo=BERLIN), datetime(2026, 3, 29, 5, tzinfo=UTC)),
        (datetime(2026, 3, 27, 23, tzinfo=BERLIN), datetime(2026, 3, 28, 6, tzinfo=UTC)),
        (datetime(2026, 10, 24, 23, tzinfo=BERLIN), datetime(2026, 10, 25, 6, tzinfo=UTC)),
        (datetime(2026, 3, 28, 12, tzinfo=BERLIN), datetime(2026, 3, 28, 11, tzinfo=UTC)),
    ],
)
def test_quiet_hours_go_by_the_clock_on_the_wall(local: datetime, until: datetime) -> None:
    assert end_of_quiet(NIGHT, "Europe/Berlin", local.astimezone(UTC)) == until


def test_hours_beyond_midnight_belong_to_the_day_on_which_they_began() -> None:
    friday_night = Rule(id=UUID(int=2), hours=Hours(frozenset({"fri"}), time(22), time(6)))
    assert falls_under(friday_night, FACTS, datetime(2026, 3, 27, 23, tzinfo=UTC))
    assert falls_under(friday_night, FACTS, datetime(2026, 3, 28, 5, tzinfo=UTC))
    assert not falls_under(friday_night, FACTS, datetime(2026, 3, 27, 5, tzinfo=UTC))


def test_what_is_always_quiet_is_told_all_the_same() -> None:
    always = Hours(frozenset(DAYS), time(0), time(0))
    now = datetime(2026, 3, 27, 23, tzinfo=UTC)
    assert now < end_of_quiet(always, "UTC", now) < now + timedelta(days=16)


@pytest.mark.parametrize(
    "of_dataset, of_check, falls",
    [
        (set(), set(), True),
        ({"finance", "other"}, set(), True),
        ({"other"}, set(), False),
        (set(), {"personal"}, True),
        ({"finance"}, {"personal", "x"}, True),
        ({"finance"}, {"x"}, False),
    ],
)
def test_one_of_the_tags_of_each_sort_is_enough(of_dataset: set[str], of_check: set[str], *, falls: bool) -> None:
    tagged = Facts(UUID(int=1), "main/flights", "check", "warning", frozenset({"finance"}), frozenset({"personal"}))
    rule = Rule(id=UUID(int=2), dataset_tags=frozenset(of_dataset), check_tags=frozenset(of_check))
    now = datetime(2026, 1, 5, tzinfo=UTC)
    assert falls_under(rule, tagged, now) is falls
    assert falls_under(rule, FACTS, now) is (not of_dataset and not of_check)
