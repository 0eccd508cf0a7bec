"""What is remembered for a moment is asked for once, refreshed before it runs out, and never believed longer."""

import asyncio

import pytest

from lyceum.kernel.cache import brief as memory_module
from lyceum.kernel.cache.brief import BriefMemory


class Source:
    """Answers with how often it was asked, as soon as `answers` is set."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken = False
        self.answers = asyncio.Event()
        self.answers.set()

    async def answer(self) -> int:
        self.asked += 1
        number = self.asked
        await self.answers.wait()
        if self.broken:
            raise ConnectionError("away")
        return number


class Clock:
    """The time as the memory sees it; it stands still."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The memory's clock, in the test's hand."""
    held = Clock()
    monkeypatch.setattr(memory_module, "time", held)
    return held


async def turns() -> None:
    """Let what is under way in the background do all that it can."""
    for _ in range(10):
        await asyncio.sleep(0)


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
    source.answers.clear()
    waiting = asyncio.create_task(memory.get("a", source.answer))
    for _ in range(2):
        await asyncio.sleep(0)
    assert source.asked == 1
    await memory.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_key_in_use_is_asked_for_again_in_the_background_and_never_waits(clock: Clock) -> None:
    memory, source = BriefMemory[str, int](seconds=1.0, entries_max=10), Source()
    assert await memory.get("a", source.answer) == 1
    clock.now = 0.49
    assert await memory.get("a", source.answer) == 1
    await turns()
    assert source.asked == 1
    source.answers.clear()
    for clock.now in (0.5, 0.7, 0.99):
        assert await memory.get("a", source.answer) == 1
        await turns()
        assert source.asked == 2
    source.answers.set()
    await turns()
    # true since it was asked for, at 0.5
    clock.now = 1.49
    assert await memory.get("a", source.answer) == 2


async def test_while_the_source_is_away_an_answer_lasts_its_time_and_no_longer(clock: Clock) -> None:
    memory, source = BriefMemory[str, int](seconds=1.0, entries_max=10), Source()
    assert await memory.get("a", source.answer) == 1
    source.broken = True
    for clock.now in (0.5, 0.7, 0.99):
        assert await memory.get("a", source.answer) == 1
        await turns()
    assert source.asked == 4
    clock.now = 1.0
    with pytest.raises(ConnectionError):
        await memory.get("a", source.answer)
    source.broken = False
    assert await memory.get("a", source.answer) == 6


async def test_the_oldest_answers_make_room() -> None:
    memory, source = BriefMemory[int, int](seconds=60, entries_max=3), Source()
    for key in range(5):
        await memory.get(key, source.answer)
    assert await memory.get(4, source.answer) == 5
    assert await memory.get(0, source.answer) == 6
