"""A sliding limit: never more in any stretch of time than it says, for all processes, with Valkey or in PostgreSQL."""

import asyncio
import time

import pytest
from redis.asyncio import Redis

from fixtures.app import rows_of
from fixtures.servers import TestDatabase
from lyceum.kernel.db import Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.limits.fields import Limit, address_of
from lyceum.kernel.limits.windows import PARTS, Windows
from lyceum.kernel.resources import Resources
from lyceum.kernel.sweeping import SweepBriefRows, sweep_brief_rows
from lyceum.kernel.valkey import ValkeyLine

MINUTE = Limit("tests", 5, 60)


@pytest.fixture(params=["valkey", "postgresql"])
def windows(request: pytest.FixtureRequest, resources: Resources, valkey: Redis) -> Windows:
    """What counts in one place or the other."""
    line = ValkeyLine(valkey if request.param == "valkey" else None)
    return Windows(line, resources.database)


def away(resources: Resources) -> Windows:
    return Windows(ValkeyLine(None), resources.database)


async def test_a_limit_grants_what_it_says_and_tells_what_is_left(windows: Windows) -> None:
    of = new_id().hex
    left = [await windows.take_surely(MINUTE, of) for _ in range(7)]
    assert [taken.remaining for taken in left] == [4, 3, 2, 1, 0, 0, 0]
    assert [taken.wait_seconds is None for taken in left] == [True] * 5 + [False] * 2
    # the part they were taken in leaves the window whole, a tenth of a minute after the minute at most
    assert 54 < (left[-1].wait_seconds or 0) <= 66
    assert left[-1].more_in_seconds == left[-1].wait_seconds
    assert (await windows.take_surely(MINUTE, new_id().hex)).remaining == 4


async def test_asked_at_once_no_more_is_granted(windows: Windows) -> None:
    of = new_id().hex
    taken = await asyncio.gather(*(windows.take_surely(MINUTE, of) for _ in range(20)))
    assert len([one for one in taken if one.wait_seconds is None]) == 5


async def test_in_no_stretch_of_a_second_is_more_granted_than_a_limit_says(windows: Windows) -> None:
    limit, of = Limit("tests", 10, 1), new_id().hex
    granted: list[tuple[float, float]] = []
    ends = time.monotonic() + 2.5
    while time.monotonic() < ends:
        began = time.monotonic()
        taken = await windows.take_surely(limit, of)
        if taken.wait_seconds is None:
            granted.append((began, time.monotonic()))
        else:
            # it says when to come again, and is right
            await asyncio.sleep(min(taken.wait_seconds, 1.2))
    assert len(granted) > 10
    for before, after in zip(granted, granted[10:], strict=False):
        # the eleventh was granted a second after the first, wherever between asking and hearing each was counted
        assert after[1] - before[0] >= 1


async def test_what_it_says_to_wait_for_is_granted(windows: Windows) -> None:
    limit, of = Limit("tests", 3, 1), new_id().hex
    for _ in range(3):
        await windows.take_surely(limit, of)
    refused = await windows.take_surely(limit, of)
    assert refused.wait_seconds is not None
    assert 0 < refused.wait_seconds <= 1 + 1 / PARTS
    await asyncio.sleep(refused.wait_seconds)
    assert (await windows.take_surely(limit, of)).wait_seconds is None


@pytest.mark.parametrize("limit", [40, 200, 2_000])
async def test_processes_spend_shares_by_themselves_and_pass_the_limit_by_none(
    resources: Resources, valkey: Redis, limit: int
) -> None:
    processes = [Windows(ValkeyLine(valkey), resources.database) for _ in range(3)]
    of, minute = new_id().hex, Limit("tests", limit, 60)
    before = (await valkey.info("commandstats")).get("cmdstat_evalsha", {}).get("calls", 0)
    granted, left = 0, []
    for number in range(2 * limit):
        taken = await processes[number % 3].take(minute, of)
        assert taken is not None
        granted += taken.wait_seconds is None
        left.append(taken.remaining)
    asked = (await valkey.info("commandstats"))["cmdstat_evalsha"]["calls"] - before
    # counted when a share is taken, so that all of it is spent within the same minute
    assert granted == limit
    assert left[0] == limit - 1
    assert left[-1] == 0
    refused = 2 * limit - granted
    assert asked - refused <= 3 * 20 + 3


async def test_shares_that_were_taken_at_once_are_all_spent(
    resources: Resources, valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.limits.windows.SHARE_SECONDS", 60.0)
    windows, minute = Windows(ValkeyLine(valkey), resources.database), Limit("tests", 200, 60)
    at_once = await asyncio.gather(*(windows.take(minute, "me") for _ in range(16)))
    assert [taken.wait_seconds for taken in at_once if taken is not None] == [None] * 16
    then = [await windows.take(minute, "me") for _ in range(200)]
    assert len([taken for taken in then if taken is not None and taken.wait_seconds is None]) == 184


async def test_what_is_not_spent_of_a_share_is_given_back(
    resources: Resources, valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.limits.windows.SHARE_SECONDS", 0.0)
    windows, minute = Windows(ValkeyLine(valkey), resources.database), Limit("tests", 100, 60)
    left = [await windows.take(minute, "me") for _ in range(101)]
    assert [taken.remaining for taken in left if taken is not None] == [*range(99, -1, -1), 0]
    assert [taken.wait_seconds is None for taken in left if taken is not None] == [True] * 100 + [False]


async def test_without_valkey_what_need_not_be_sure_is_open(resources: Resources) -> None:
    assert [await away(resources).take(MINUTE, "me") for _ in range(10)] == [None] * 10


async def test_what_was_counted_in_postgresql_is_seen_by_nobody_and_swept(
    fresh_resources: Resources, fresh_database: TestDatabase
) -> None:
    windows = away(fresh_resources)
    await windows.take_surely(Limit("tests", 5, 1), "brief")
    await windows.take_surely(MINUTE, "me")
    assert rows_of(fresh_database, "SELECT * FROM limit_counts", role="app") == []
    rows_of(fresh_database, "UPDATE limit_counts SET forget_at = now() - interval '1 s' WHERE name = 'tests:brief'")

    async def unseen(_fraction: float, _note: str) -> None: ...

    run = JobRun(new_id(), 1, new_id(), Scope(), fresh_resources, unseen)
    assert await sweep_brief_rows(run, SweepBriefRows()) == {"counts": 1, "answers": 0}
    assert [row["name"] for row in rows_of(fresh_database, "SELECT name FROM limit_counts")] == ["tests:me"]


@pytest.mark.parametrize(
    "client, counted_for",
    [
        (("192.0.2.7", 4711), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 4711), "2001:db8:1:2::/64"),
        (("2001:db8:1:2:ffff::1", 4711), "2001:db8:1:2::/64"),
        (("::ffff:192.0.2.7", 4711), "192.0.2.7"),
        (("a socket", 0), "unknown"),
        (None, "unknown"),
    ],
)
def test_an_address_is_counted_as_one_site(client: tuple[str, int] | None, counted_for: str) -> None:
    assert address_of({"type": "http", "client": client}) == counted_for
