"""A leased limit: one budget a second for all processes, and a local one when Valkey is gone."""

import asyncio
import math
import sys
import time
from pathlib import Path

import pytest
from redis.asyncio import Redis

from lyceum.kernel.ids import new_id
from lyceum.kernel.limits.fields import Limit, OverLimit
from lyceum.kernel.limits.leases import Leases, share_of
from lyceum.kernel.valkey import ValkeyLine
from lyceum.serve.predictions.limits import admit


def process(valkey: Redis | None, *, per_second: int) -> Leases:
    return Leases(ValkeyLine(valkey), Limit("tests", per_second, 1))


async def granted(leases: Leases, of: str, *, tries: int) -> int:
    """How many of so many asked for at once are granted."""
    answers = await asyncio.gather(*(leases.take(of) for _ in range(tries)))
    return answers.count(None)


@pytest.mark.parametrize("limit", [1, 7, 100, 1_000])
async def test_processes_share_one_limit(valkey: Redis, limit: int) -> None:
    processes = [process(valkey, per_second=limit) for _ in range(3)]
    began = time.monotonic()
    count = sum(await asyncio.gather(*(granted(leases, "me", tries=limit) for leases in processes for _ in range(2))))
    windows = math.floor(time.monotonic() - began) + 1
    assert limit <= count <= windows * limit + len(processes) * share_of(processes[0].limit)


async def test_a_window_ends_and_the_next_grants_again(valkey: Redis) -> None:
    leases, key_id = process(valkey, per_second=5), new_id()
    assert await granted(leases, key_id.hex, tries=5) == 5
    with pytest.raises(OverLimit, match="LYCEUM_PREDICT_REQUESTS_PER_SECOND") as refused:
        await admit(leases, key_id)
    assert refused.value.headers == {
        "retry-after": "1",
        "ratelimit-policy": '"tests";q=5;w=1',
        "ratelimit": '"tests";r=0;t=1',
        "ratelimit-limit": "5",
        "ratelimit-remaining": "0",
        "ratelimit-reset": "1",
    }
    deadline = time.monotonic() + 1.5
    while await granted(leases, key_id.hex, tries=1) == 0:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_whoever_is_refused_costs_valkey_nothing_and_others_nothing(valkey: Redis) -> None:
    leases = process(valkey, per_second=50)
    await granted(leases, "me", tries=500)
    before = (await valkey.info("commandstats")).get("cmdstat_incrby", {}).get("calls")
    assert await granted(leases, "me", tries=500) <= 50
    after = (await valkey.info("commandstats")).get("cmdstat_incrby", {}).get("calls")
    assert after - before <= 26
    assert await granted(leases, "somebody else", tries=50) == 50


async def test_without_valkey_each_process_limits_by_itself() -> None:
    gone = Redis.from_url("unix:///nowhere/valkey.sock", socket_timeout=0.25)
    for valkey in (None, gone):
        assert 20 <= await granted(process(valkey, per_second=20), "me", tries=30) <= 40
    await gone.aclose()


@pytest.mark.deep
async def test_two_real_processes_pass_the_limit_by_a_share_each_at_most(valkey: Redis, valkey_url: str) -> None:
    """For a few seconds both ask as often as they can."""
    limit = Limit("tests", 300, 1)
    command = (sys.executable, str(Path(__file__).parent / "programs" / "leasing.py"), valkey_url, "me", "3")
    processes = [
        await asyncio.create_subprocess_exec(*command, str(limit.at_most), stdout=asyncio.subprocess.PIPE)
        for _ in range(2)
    ]
    told = [(await process.communicate())[0].split() for process in processes]
    granted_by = [int(granted) for granted, _, _ in told]
    began, ended = min(float(began) for _, began, _ in told), max(float(ended) for _, _, ended in told)
    windows = math.floor(ended - began) + 1
    assert min(granted_by) > 0
    assert 2 * limit.at_most <= sum(granted_by) <= windows * limit.at_most + len(processes) * share_of(limit)


async def test_whoever_has_a_limit_of_their_own_is_counted_by_it(valkey: Redis) -> None:
    leases = Leases(ValkeyLine(valkey), Limit("keys", 100, 60))
    for key, at_most in (("slow", 3), ("fast", 40), ("plain", None)):
        answers = await asyncio.gather(*(leases.take(key, at_most=at_most) for _ in range(150)))
        assert answers.count(None) == (at_most or 100)
    with pytest.raises(OverLimit, match=r"^This key has sent its 3 of this minute\.$") as refused:
        await leases.admit("slow", sentence="This key has sent its {:,} of this minute.", at_most=3)
    assert refused.value.headers["ratelimit-policy"] == '"keys";q=3;w=60'
    assert 1 <= int(refused.value.headers["retry-after"]) <= 60
