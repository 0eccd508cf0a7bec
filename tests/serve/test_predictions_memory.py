"""What is remembered for a moment is asked for once, refreshed before it runs out, and never believed longer."""

import asyncio
import time

import pytest

from lyceum.serve.predictions.memory import BriefMemory


class Source:
    """Answers with how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken = False

    async def answer(self, *, seconds: float = 0.0) -> int:
        self.asked += 1
        number = self.asked
        await asyncio.sleep(seconds)
        if self.broken:
            raise ConnectionError("away")
        return number


async def test_many_who_wait_ask_once() -> None:
    memory, source = BriefMemory[str, int](seconds=60, entries_max=10), Source()
    assert await asyncio.gather(*(memory.get("a", source.answer) for _ in range(50))) == [1] * 50
    assert await memory.get("a", source.answer) == 1
    assert await memory.get("b", source.answer) == 2


async def test_one_who_hangs_up_leaves_the_question_to_the_others() -> None:
    memory, source = BriefMemory[str, int](seconds=60, entries_max=10), Source()
    first = asyncio.create_task(memory.get("a", source.answer))
    second = asyncio.create_task(memory.get("a", source.answer))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_failure_is_told_and_not_remembered() -> None:
    memory, source = BriefMemory[str, int](seconds=60, entries_max=10), Source()
    source.broken = True
    with pytest.raises(ConnectionError):
        await memory.get("a", source.answer)
    source.broken = False
    assert await memory.get("a", source.answer) == 2


async def test_closing_ends_what_is_still_asked_in_the_background() -> None:
    memory, source = BriefMemory[str, int](seconds=0.0, entries_max=10), Source()
    waiting = asyncio.create_task(memory.get("a", lambda: source.answer(seconds=60)))
    for _ in range(2):
        await asyncio.sleep(0)
    assert source.asked == 1
    await memory.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_busy_key_is_refreshed_in_the_background() -> None:
    memory, source = BriefMemory[str, int](seconds=0.4, entries_max=10), Source()
    seen = set()
    began = time.monotonic()
    while time.monotonic() - began < 1.0:
        asked = time.monotonic()
        seen.add(await memory.get("a", source.answer))
        assert time.monotonic() - asked < 0.3
        await asyncio.sleep(0.002)
    assert len(seen) >= 3
    assert source.asked <= 7


async def _ask_until_it_fails(memory: BriefMemory[str, int], source: Source, deadline: float) -> None:
    while time.monotonic() <= deadline:
        await memory.get("a", source.answer)
        await asyncio.sleep(0.005)
    await memory.get("a", source.answer)
    raise AssertionError("believed for longer than it may be")


async def test_while_the_source_is_away_an_answer_lasts_its_time_and_no_longer() -> None:
    memory, source = BriefMemory[str, int](seconds=0.5, entries_max=10), Source()
    assert await memory.get("a", source.answer) == 1
    remembered = time.monotonic()
    source.broken = True
    with pytest.raises(ConnectionError):
        await _ask_until_it_fails(memory, source, remembered + 0.5)
    source.broken = False
    assert await memory.get("a", source.answer) > 1


async def test_the_oldest_answers_make_room() -> None:
    memory, source = BriefMemory[int, int](seconds=60, entries_max=3), Source()
    for key in range(5):
        await memory.get(key, source.answer)
    assert await memory.get(4, source.answer) == 5
    assert await memory.get(0, source.answer) == 6
