"""What is kept for all processes is loaded once, dropped with the change it hangs on, and never made up."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from fixtures.app import eventually
from lyceum.kernel.cache import shared as shared_module
from lyceum.kernel.cache.shared import ENTRY_BYTES_MAX, SharedCache, drop_after_commit, is_due
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from lyceum.kernel.valkey import ValkeyAway, ValkeyLine
from make.accounts import Member

SECRET = b"a secret of the hub"


class Source:
    """Answers with how often it was asked, as soon as `answers` is set."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def load(self) -> dict[str, int] | None:
        self.asked += 1
        answer = {"asked": self.asked}
        await self.answers.wait()
        return answer


class Process:
    """A process of the hub as the cache sees it."""

    def __init__(self, valkey: Redis | None, *, secret: bytes = SECRET) -> None:
        self.line = ValkeyLine(valkey)
        self.cache = SharedCache(self.line, secret_key=secret)

    async def get(self, source: Source, *, seconds: float = 60) -> int | None:
        answer = await self.cache.get(
            "tests", "answer", source.load, tags=["a", "b"], seconds=seconds, as_type=dict[str, int]
        )
        return None if answer is None else answer["asked"]


async def change(resources: Resources, member: Member, tag: str = "a") -> None:
    async with transaction(resources.database, member.scope) as tx:
        drop_after_commit(tx, tag)


async def test_however_many_ask_in_however_many_processes_it_is_loaded_once(valkey: Redis) -> None:
    processes, source = [Process(valkey) for _ in range(4)], Source()
    answers = await asyncio.gather(*(process.get(source) for process in processes for _ in range(25)))
    assert set(answers) == {1}
    assert source.asked == 1


async def test_whoever_has_its_turn_to_load_after_another_has_loaded_takes_that_answer(
    valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick, late, source = Process(valkey), Process(valkey), Source()
    found_nothing, turn, lock = asyncio.Event(), asyncio.Event(), late.cache._lock

    async def lock_late(wanted: Any) -> str | None:
        found_nothing.set()
        await turn.wait()
        return await lock(wanted)

    monkeypatch.setattr(late.cache, "_lock", lock_late)
    waiting = asyncio.create_task(late.get(source))
    await found_nothing.wait()
    assert await quick.get(source) == 1
    turn.set()
    assert await waiting == 1
    assert await valkey.keys("*:lock") == []


async def test_whoever_waits_in_vain_for_another_process_loads_as_well(
    valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_module, "LOCK_SECONDS", 0.1)
    stuck, source = Source(), Source()
    stuck.answers.clear()
    waiting = asyncio.create_task(Process(valkey).get(stuck))
    await eventually(lambda: stuck.asked)
    assert await Process(valkey).get(source) == 1
    stuck.answers.set()
    assert await waiting == 1


@pytest.mark.parametrize("tag", ["a", "b"])
async def test_a_change_drops_what_hangs_on_it_when_it_commits(
    resources: Resources, member: Member, valkey: Redis, tag: str
) -> None:
    process, source = Process(valkey), Source()
    assert await process.get(source) == 1
    async with transaction(resources.database, member.scope) as tx:
        drop_after_commit(tx, tag)
        assert await process.get(source) == 1
    assert await process.get(source) == 2
    await change(resources, member, "another tag")
    assert await process.get(source) == 2


async def test_a_change_that_is_rolled_back_drops_nothing(resources: Resources, member: Member, valkey: Redis) -> None:
    process, source = Process(valkey), Source()
    await process.get(source)

    async def roll_back() -> None:
        async with transaction(resources.database, member.scope) as tx:
            drop_after_commit(tx, "a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await roll_back()
    assert await process.get(source) == 1


async def test_what_was_read_from_before_a_change_is_not_kept_after_it(
    resources: Resources, member: Member, valkey: Redis
) -> None:
    reader, source = Process(valkey), Source()
    source.answers.clear()
    reading = asyncio.create_task(reader.get(source))
    await eventually(lambda: source.asked)
    await change(resources, member)
    source.answers.set()
    assert await reading == 1
    assert await Process(valkey).get(source) == 2
    assert await reader.get(source) == 2


async def test_losing_any_part_of_what_is_kept_only_means_loading_again(valkey: Redis) -> None:
    process, source = Process(valkey), Source()
    await process.get(source)
    for key in await valkey.keys("*"):
        before = source.asked
        await valkey.delete(key)
        assert await process.get(source) == before + 1


async def test_an_answer_is_loaded_again_behind_the_last_readers_back(
    valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, source = Process(valkey), Source()
    await process.get(source)
    monkeypatch.setattr(shared_module, "is_due", lambda *_: True)
    assert await process.get(source) == 1
    monkeypatch.undo()
    await eventually(lambda: source.asked == 2)
    await process.cache.close()
    assert await Process(valkey).get(source) in {2, 3}


def test_the_nearer_its_end_and_the_dearer_its_loading_the_likelier_an_answer_is_due() -> None:
    def share(left_seconds: float, load_seconds: float) -> float:
        return sum(is_due(left_seconds, load_seconds) for _ in range(4000)) / 4000

    # exp(-left / load): 0.8 %, 37 %, 90 %
    assert share(5, 1) < 0.03
    assert 0.30 < share(1, 1) < 0.44
    assert share(0.1, 1) > 0.85
    assert share(0, 0.001) == 1


async def test_an_answer_runs_out_by_the_servers_clock(valkey: Redis) -> None:
    process, source = Process(valkey), Source()
    await process.get(source, seconds=60)
    (entry,) = await valkey.keys("lyceum:cache:*")
    assert 58_000 < await valkey.pttl(entry) <= 60_000


async def test_nothing_and_what_is_too_large_are_not_kept(valkey: Redis) -> None:
    cache = Process(valkey).cache
    for answer in (None, "x" * ENTRY_BYTES_MAX):

        async def load(answer: str | None = answer) -> str | None:
            return answer

        assert await cache.get("tests", "big", load, tags=[], seconds=60, as_type=str) == answer
        assert await valkey.keys("lyceum:cache:*") == []


async def test_nobody_who_writes_to_valkey_makes_an_answer_up(valkey: Redis) -> None:
    source = Source()
    await Process(valkey, secret=b"of somebody else").get(source)
    assert await Process(valkey).get(source) == 2
    (entry,) = await valkey.keys("lyceum:cache:*")
    sealed = await valkey.get(entry)
    assert isinstance(sealed, bytes)
    await valkey.set(entry, sealed.replace(b'"asked":2', b'"asked":9'))
    assert await Process(valkey).get(source) == 3
    # a true answer to another question
    sealed = await valkey.get(entry)
    assert sealed is not None
    await valkey.set("lyceum:cache:tests:other", sealed)
    found = await Process(valkey).cache.get(
        "tests", "other", source.load, tags=["a", "b"], seconds=60, as_type=dict[str, int]
    )
    assert found == {"asked": 4}


async def test_an_answer_of_another_release_is_loaded_anew(valkey: Redis) -> None:
    process, source = Process(valkey), Source()
    await process.get(source)

    async def load() -> list[int]:
        return [7]

    found = await process.cache.get("tests", "answer", load, tags=["a", "b"], seconds=60, as_type=list[int])
    assert found == [7]


async def test_without_valkey_everything_is_loaded_and_nothing_fails() -> None:
    gone = Redis.from_url("unix:///nowhere/valkey.sock")
    for valkey in (None, gone):
        process, source = Process(valkey), Source()
        assert await process.get(source) == 1
        assert await process.get(source) == 2
    await gone.aclose()


async def test_a_valkey_that_does_not_answer_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lyceum.kernel.valkey.REST_SECONDS", 600.0)
    connected = 0

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connected
        connected += 1
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(say_nothing, tmp_path / "slow.sock")
    slow = Redis.from_url(f"unix://{tmp_path}/slow.sock", socket_timeout=30)
    process, source = Process(slow), Source()
    began = time.monotonic()
    for number in range(1, 51):
        assert await process.get(source) == number
    assert connected == 1
    assert time.monotonic() - began < 50 * 0.25
    with pytest.raises(ValkeyAway):
        await process.line.ask(lambda valkey: valkey.ping())
    await slow.aclose()
    server.close()
    await server.wait_closed()
