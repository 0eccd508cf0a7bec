"""The limit of a key: one budget a second for all processes, and a local one when Valkey is gone."""

import asyncio
import math
import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from lyceum.kernel.ids import new_id
from lyceum.serve.predictions import limits as limits_module
from lyceum.serve.predictions.errors import OverLimit
from lyceum.serve.predictions.limits import KeyLimits


@pytest.fixture
async def valkey(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Redis]:
    # a machine busy with other tests must not look like a Valkey that is gone
    monkeypatch.setattr(limits_module, "LEASE_SECONDS_MAX", 10.0)
    async with Redis.from_url(valkey_url) as client:
        yield client


async def admitted(limits: KeyLimits, key_id: object, *, tries: int) -> int:
    """How many of so many requests at once the limit lets through."""
    results = await asyncio.gather(*(limits.admit(key_id) for _ in range(tries)), return_exceptions=True)  # type: ignore[arg-type]  # any key
    refused = [result for result in results if result is not None]
    assert all(isinstance(result, OverLimit) for result in refused)
    return tries - len(refused)


@pytest.mark.parametrize("limit", [1, 7, 100, 1_000])
async def test_processes_share_one_limit(valkey: Redis, limit: int) -> None:
    processes = [KeyLimits(valkey, requests_per_second=limit) for _ in range(3)]
    key_id = new_id()
    began = time.monotonic()
    granted = sum(
        await asyncio.gather(*(admitted(limits, key_id, tries=limit) for limits in processes for _ in range(2)))
    )
    windows = math.floor(time.monotonic() - began) + 1
    assert limit <= granted <= windows * limit + len(processes) * processes[0].lease_requests


async def test_a_window_ends_and_the_next_grants_again(valkey: Redis) -> None:
    limits, key_id = KeyLimits(valkey, requests_per_second=5), new_id()
    assert await admitted(limits, key_id, tries=5) == 5
    with pytest.raises(OverLimit) as refused:
        await limits.admit(key_id)
    assert refused.value.headers == {
        "retry-after": "1",
        "ratelimit-limit": "5",
        "ratelimit-remaining": "0",
        "ratelimit-reset": "1",
    }
    deadline = time.monotonic() + 1.5
    while await admitted(limits, key_id, tries=1) == 0:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_refused_key_costs_valkey_nothing_and_others_nothing(valkey: Redis) -> None:
    limits, key_id = KeyLimits(valkey, requests_per_second=50), new_id()
    await admitted(limits, key_id, tries=500)
    before = (await valkey.info("commandstats")).get("cmdstat_incrby", {}).get("calls")
    assert await admitted(limits, key_id, tries=500) <= 50
    after = (await valkey.info("commandstats")).get("cmdstat_incrby", {}).get("calls")
    assert after - before <= 26
    assert await admitted(limits, new_id(), tries=50) == 50


async def test_without_valkey_each_process_limits_by_itself() -> None:
    gone = Redis.from_url("unix:///nowhere/valkey.sock", socket_timeout=0.25)
    for valkey in (None, gone):
        limits, key_id = KeyLimits(valkey, requests_per_second=20), new_id()
        assert 20 <= await admitted(limits, key_id, tries=30) <= 40
    await gone.aclose()
