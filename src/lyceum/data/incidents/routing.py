"""Which rules an incident falls under, and when each tells of it: decided by nothing but the rules, the incident and the time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from fnmatch import fnmatchcase
from uuid import UUID
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of some days: from one time until another, beyond midnight where that is earlier, all day where they are the same.

    Hours beyond midnight belong to the day on which they began.
    """

    days: frozenset[str]
    begins: time
    ends: time

    def hold(self, local: datetime) -> bool:
        """Say whether a local time lies within."""
        today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
        now = local.time()
        if self.begins == self.ends:
            return today in self.days
        if self.begins < self.ends:
            return today in self.days and self.begins <= now < self.ends
        return (today in self.days and now >= self.begins) or (yesterday in self.days and now < self.ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who is told of which incidents; empty conditions leave none out. `datasets` may hold `*`; names are told apart by case.

    One of the tags is enough. An incident of no check has no tags of a check.
    """

    id: UUID
    datasets: tuple[str, ...] = ()
    dataset_tags: frozenset[str] = frozenset()
    check_tags: frozenset[str] = frozenset()
    severities: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    hours: Hours | None = None
    quiet: Hours | None = None
    quiet_lets_critical_pass: bool = True
    zone: str = "UTC"
    group_by: str = "incident"
    group_seconds: int = 0
    goes_on: bool = False
    """Whether the rules after it are asked as well."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules ask of an incident."""

    incident_id: UUID
    dataset: str
    kind: str
    severity: str
    dataset_tags: frozenset[str] = frozenset()
    check_tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """A rule tells of it at a time, together with whatever has the same key by then."""

    rule_id: UUID
    group_key: str
    send_at: datetime


def decide(rules: Sequence[Rule], facts: Facts, now: datetime) -> list[Decision]:
    """Return who tells of an incident and when: the first rule it falls under, and those after it as long as each goes on."""
    decisions = []
    for rule in rules:
        if not falls_under(rule, facts, now):
            continue
        decisions.append(Decision(rule.id, group_key(rule, facts), told_at(rule, facts, now)))
        if not rule.goes_on:
            break
    return decisions


def falls_under(rule: Rule, facts: Facts, now: datetime) -> bool:
    """Say whether an incident falls under a rule at a time."""
    return (
        (not rule.datasets or _any_like(rule.datasets, facts.dataset))
        and (not rule.dataset_tags or not rule.dataset_tags.isdisjoint(facts.dataset_tags))
        and (not rule.check_tags or not rule.check_tags.isdisjoint(facts.check_tags))
        and (not rule.severities or facts.severity in rule.severities)
        and (not rule.kinds or facts.kind in rule.kinds)
        and (rule.hours is None or rule.hours.hold(now.astimezone(ZoneInfo(rule.zone))))
    )


def group_key(rule: Rule, facts: Facts) -> str:
    """Return what incidents share that a rule tells of together."""
    return {"incident": str(facts.incident_id), "dataset": facts.dataset, "rule": ""}[rule.group_by]


def told_at(rule: Rule, facts: Facts, now: datetime) -> datetime:
    """Return when a rule tells of an incident: once others have gathered, and quiet hours are over; never before `now`."""
    return out_of_quiet(rule, facts.severity, now + timedelta(seconds=rule.group_seconds))


def out_of_quiet(rule: Rule, severity: str, at: datetime) -> datetime:
    """Return the first time from `at` on at which a rule tells of what is so grave."""
    if rule.quiet is None or (rule.quiet_lets_critical_pass and severity == "critical"):
        return at
    return end_of_quiet(rule.quiet, rule.zone, at)


def end_of_quiet(quiet: Hours, zone: str, at: datetime) -> datetime:
    """Return the first time from `at` on that is not quiet, `at` itself where it is always quiet; by the zone's own clocks."""
    local_zone = ZoneInfo(zone)
    for _ in range(2 * len(DAYS) + 1):
        local = at.astimezone(local_zone)
        if not quiet.hold(local):
            return at
        at = _next_end(quiet, local).astimezone(at.tzinfo)
    return at


def _next_end(quiet: Hours, local: datetime) -> datetime:
    """Return when the quiet that holds at a local time ends: at its end, or at midnight where it is quiet all day."""
    ends = time(0) if quiet.begins == quiet.ends else quiet.ends
    # by the clock on the wall, so that a day of 23 hours ends when its clocks say so
    end = local.replace(hour=ends.hour, minute=ends.minute, second=0, microsecond=0, fold=0)
    if end.replace(tzinfo=None) <= local.replace(tzinfo=None):
        end += timedelta(days=1)
    # an hour that comes twice: the second time
    return end if end.timestamp() > local.timestamp() else end.replace(fold=1)


def _any_like(patterns: Iterable[str], dataset: str) -> bool:
    return any(fnmatchcase(dataset, pattern) for pattern in patterns)
