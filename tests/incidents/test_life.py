"""An incident opens, goes on and ends by what is seen, whatever order it is told in and however often."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from psycopg.types.json import Jsonb

from fixtures.app import rows_of
from fixtures.servers import TestDatabase
from lyceum.data.incidents.errors import IncidentOpenAlready
from lyceum.data.incidents.public import Subject
from lyceum.data.incidents.rounds import look_at
from lyceum.data.incidents.service import acknowledge, reopen, resolve
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from make.accounts import Member
from make.data import make_dataset
from make.incidents import events_of, incident_row, recovery, tell, trouble

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def dataset_id(database: TestDatabase, member: Member) -> UUID:
    return make_dataset(database, member)[0]


async def test_trouble_opens_an_incident_that_counts_on_until_it_has_recovered(
    resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    first = await tell(resources, member, trouble(dataset_id, seen_at=NOW))
    second = await tell(resources, member, trouble(dataset_id, seen_at=NOW + MINUTE, summary="It is 43."))
    assert first is not None
    assert second == first
    row = incident_row(database, first)
    assert (row["state"], row["occurrences"], row["summary"]) == ("open", 2, "It is 43.")
    assert (row["first_seen_at"], row["last_seen_at"]) == (NOW, NOW + MINUTE)
    assert await tell(resources, member, recovery(dataset_id, seen_at=NOW + 2 * MINUTE)) == first
    row = incident_row(database, first)
    assert (row["state"], row["resolution"], row["resolved_by"]) == ("resolved", "recovered", None)
    assert events_of(database, first) == ["opened", "seen", "recovered"]


async def test_what_is_told_twice_counts_once_also_when_it_is_over(
    resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    told = trouble(dataset_id, seen_at=NOW)
    incident_id = await tell(resources, member, told)
    assert incident_id is not None
    assert await tell(resources, member, told) is None
    await tell(resources, member, recovery(dataset_id, seen_at=NOW + MINUTE))
    assert await tell(resources, member, told) is None
    assert incident_row(database, incident_id)["occurrences"] == 1
    assert len(rows_of(database, "SELECT 1 FROM incidents WHERE dataset_id = %s", dataset_id)) == 1


async def test_old_news_neither_opens_nor_ends_anything(
    resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    assert await tell(resources, member, trouble(dataset_id, seen_at=NOW, late=True)) is None
    incident_id = await tell(resources, member, trouble(dataset_id, seen_at=NOW + 5 * MINUTE))
    assert incident_id is not None
    assert await tell(resources, member, recovery(dataset_id, seen_at=NOW)) is None
    assert incident_row(database, incident_id)["state"] == "open"
    await tell(resources, member, recovery(dataset_id, seen_at=NOW + 6 * MINUTE))
    assert await tell(resources, member, trouble(dataset_id, seen_at=NOW + MINUTE)) is None
    assert incident_row(database, incident_id)["state"] == "resolved"


async def test_what_comes_back_at_once_is_the_same_incident_and_later_another(
    resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    first = await tell(resources, member, trouble(dataset_id, seen_at=NOW))
    assert first is not None
    await tell(resources, member, recovery(dataset_id, seen_at=NOW + MINUTE))
    assert await tell(resources, member, trouble(dataset_id, seen_at=NOW + 10 * MINUTE)) == first
    assert events_of(database, first) == ["opened", "recovered", "reopened"]
    assert incident_row(database, first)["occurrences"] == 2
    await tell(resources, member, recovery(dataset_id, seen_at=NOW + 11 * MINUTE))
    later = await tell(resources, member, trouble(dataset_id, seen_at=NOW + 12 * 60 * MINUTE))
    assert later not in {None, first}


async def test_each_thing_that_is_watched_has_its_own_incident(
    resources: Resources, member: Member, dataset_id: UUID
) -> None:
    subjects = [
        Subject(dataset_id, "metric", "a"),
        Subject(dataset_id, "drift", "a"),
        Subject(dataset_id, "metric", "a", "2026-03"),
        Subject(dataset_id, "metric", "b"),
    ]
    opened = {await tell(resources, member, trouble(dataset_id, subject=subject)) for subject in subjects}
    assert len(opened - {None}) == len(subjects)


async def test_it_gets_worse_and_its_time_limits_shorter_but_never_better(
    resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    incident_id = await tell(resources, member, trouble(dataset_id, seen_at=NOW))
    assert incident_id is not None
    before = incident_row(database, incident_id)
    await tell(resources, member, trouble(dataset_id, seen_at=NOW + MINUTE, severity="critical"))
    worse = incident_row(database, incident_id)
    assert worse["severity"] == "critical"
    assert worse["acknowledge_due_at"] == NOW + 61 * MINUTE < before["acknowledge_due_at"]
    await tell(resources, member, trouble(dataset_id, seen_at=NOW + 2 * MINUTE, severity="info"))
    assert incident_row(database, incident_id)["severity"] == "critical"


async def test_twins_at_the_same_moment_open_one_incident(
    resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    for attempt in range(5):
        subject = Subject(dataset_id, "metric", f"m{attempt}")
        twins = [tell(resources, member, trouble(dataset_id, subject=subject)) for _ in range(6)]
        opened = set(await asyncio.gather(*twins))
        assert len(opened) == 1
        [incident_id] = opened
        assert incident_id is not None
        assert incident_row(database, incident_id)["occurrences"] == 6
        assert sorted(events_of(database, incident_id)) == ["opened", *["seen"] * 5]


async def test_a_time_limit_that_has_passed_is_marked_once(
    resources: Resources, database: TestDatabase, member: Member, dataset_id: UUID
) -> None:
    rows_of(
        database,
        "INSERT INTO incident_settings (org_id, acknowledge_minutes, resolve_minutes, reopen_minutes, weekly_digest, zone)"
        " VALUES (%s, %s, %s, 0, false, 'UTC')",
        *(member.org_id, Jsonb({"warning": 5}), Jsonb({"warning": 60})),
    )
    seen_at = datetime.now(UTC) - 30 * MINUTE
    incident_id = await tell(resources, member, trouble(dataset_id, seen_at=seen_at))
    assert incident_id is not None
    for _ in range(2):
        await look_at(resources, member.org_id, incident_id)
    assert events_of(database, incident_id) == ["opened", "acknowledge_overdue"]
    row = incident_row(database, incident_id)
    assert row["acknowledge_breached_at"] is not None
    assert row["look_at"] == row["resolve_due_at"] == seen_at + 60 * MINUTE


@dataclass(frozen=True, slots=True)
class Ended:
    """An incident that is over, and whether it has recovered or somebody said so."""

    at: datetime
    incident_id: UUID
    recovered: bool


class _Life(RuleBasedStateMachine):
    """What is seen of a few things and done about them, in any order, against a model: nothing is open or counted twice."""

    do: Callable[[Awaitable[Any]], Any]
    context: tuple[Resources, TestDatabase, Member]

    def __init__(self) -> None:
        super().__init__()
        self.resources, self.database, self.member = self.context
        self.dataset_id = make_dataset(self.database, self.member)[0]
        self.clock = datetime.now(UTC)
        self.open: dict[str, tuple[UUID, int]] = {}
        self.ended: dict[str, list[Ended]] = {"a": [], "b": []}
        self.counts: dict[UUID, int] = {}
        self.told: list[Any] = []

    def _tell(self, told: Any) -> UUID | None:
        result: UUID | None = self.do(tell(self.resources, self.member, told))
        return result

    def _act(self, verb: Callable[..., Awaitable[Any]], incident_id: UUID, **more: Any) -> Any:
        async def act() -> Any:
            async with transaction(self.resources.database, self.member.scope) as tx:
                return await verb(tx, self.member.actor, incident_id, comment="", **more)

        return self.do(act())

    def _about(self, name: str) -> dict[str, Any]:
        return {"subject": Subject(self.dataset_id, "metric", name), "seen_at": self.clock}

    @rule(name=st.sampled_from("ab"), minutes=st.integers(1, 120))
    def trouble_is_seen(self, name: str, minutes: int) -> None:
        self.clock += minutes * MINUTE
        told = trouble(self.dataset_id, **self._about(name))
        incident_id = self._tell(told)
        assert incident_id is not None
        last = max(self.ended[name], key=lambda ended: ended.at, default=None)
        comes_back = last is not None and last.recovered and self.clock <= last.at + 60 * MINUTE
        if name in self.open:
            assert incident_id == self.open[name][0]
        elif last is not None and comes_back:
            assert incident_id == last.incident_id
            self.ended[name].remove(last)
        else:
            assert incident_id not in self.counts
        self.counts[incident_id] = self.counts.get(incident_id, 0) + 1
        self.open[name] = (incident_id, self.counts[incident_id])
        self.told.append(told)

    @rule(name=st.sampled_from("ab"), minutes=st.integers(1, 120))
    def it_recovers(self, name: str, minutes: int) -> None:
        self.clock += minutes * MINUTE
        ended = self._tell(recovery(self.dataset_id, **self._about(name)))
        assert ended == (self.open[name][0] if name in self.open else None)
        if ended is not None:
            del self.open[name]
            self.ended[name].append(Ended(self.clock, ended, recovered=True))

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def it_is_told_again(self, data: st.DataObject) -> None:
        assert self._tell(data.draw(st.sampled_from(self.told))) is None

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def somebody_looks_after_it(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.open)))
        assert self._act(acknowledge, self.open[name][0]).state == "acknowledged"

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def somebody_resolves_it(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.open)))
        incident_id, _ = self.open.pop(name)
        resolved = self._act(resolve, incident_id, resolution="fixed")
        self.ended[name].append(Ended(resolved.resolved_at, incident_id, recovered=False))

    @precondition(lambda self: any(self.ended.values()))
    @rule(data=st.data())
    def somebody_opens_one_again(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(name for name, ended in self.ended.items() if ended)))
        ended = data.draw(st.sampled_from(self.ended[name]))
        if name in self.open:
            with pytest.raises(IncidentOpenAlready):
                self._act(reopen, ended.incident_id)
            return
        self._act(reopen, ended.incident_id)
        self.ended[name].remove(ended)
        self.open[name] = (ended.incident_id, self.counts[ended.incident_id])

    @invariant()
    def at_most_one_is_open_about_each(self) -> None:
        rows = rows_of(
            self.database,
            "SELECT subject, id, occurrences FROM incidents WHERE dataset_id = %s AND state <> 'resolved'",
            self.dataset_id,
        )
        assert {row["subject"]: (row["id"], row["occurrences"]) for row in rows} == self.open
        assert len(rows) == len(self.open)


@pytest.fixture
async def machine(resources: Resources, database: TestDatabase, member: Member) -> type[RuleBasedStateMachine]:
    loop = asyncio.get_running_loop()

    class Life(_Life):
        context = (resources, database, member)

        @staticmethod
        def do(work: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(work, loop).result()

    return Life


async def test_whatever_is_seen_in_whatever_order_at_most_one_is_open(machine: type[RuleBasedStateMachine]) -> None:
    limits = settings(max_examples=12, stateful_step_count=15, deadline=None)
    await asyncio.to_thread(run_state_machine_as_test, machine, settings=limits)
