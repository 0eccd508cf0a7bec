"""Answers remembered for a moment: asked for once however many wait, and asked again before they run out."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[V]):
    value: V
    refresh_at: float
    forget_at: float


class BriefMemory(Generic[K, V]):
    """What `load` answered for a key, true when its question began and believed for `seconds` after that.

    From half of that time on, the next use asks again in the background, so that busy keys never wait.
    """

    def __init__(self, *, seconds: float, entries_max: int) -> None:
        self._seconds = seconds
        self._entries_max = entries_max
        self._entries: dict[K, _Entry[V]] = {}
        self._asking: dict[K, asyncio.Task[V]] = {}

    @property
    def asking(self) -> int:
        """How many questions are under way."""
        return len(self._asking)

    def knows(self, key: K) -> bool:
        """Say whether there was an answer for the key, perhaps one that has run out."""
        return key in self._entries

    def put(self, key: K, value: V, *, asked_at: float) -> None:
        """Remember an answer to a question that began at `asked_at`, by the monotonic clock."""
        self._entries.pop(key, None)
        self._entries[key] = _Entry(value, asked_at + self._seconds / 2, asked_at + self._seconds)
        if len(self._entries) > self._entries_max:
            del self._entries[next(iter(self._entries))]

    async def get(self, key: K, load: Callable[..., Awaitable[V]], *arguments: object) -> V:
        """Return the remembered answer, else that of `load(*arguments)`; raises what it raises, and forgets that."""
        entry = self._entries.get(key)
        now = time.monotonic()
        if entry is not None and now < entry.forget_at:
            if now >= entry.refresh_at and key not in self._asking:
                self._ask(key, load, arguments)
            return entry.value
        # one caller who hangs up must not end the question of the others
        return await asyncio.shield(self._asking.get(key) or self._ask(key, load, arguments))

    async def close(self) -> None:
        """End what is still being asked."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def _ask(self, key: K, load: Callable[..., Awaitable[V]], arguments: tuple[object, ...]) -> asyncio.Task[V]:
        task = asyncio.create_task(self._answer(key, load, arguments))
        self._asking[key] = task
        task.add_done_callback(lambda done: self._answered(key, done))
        return task

    async def _answer(self, key: K, load: Callable[..., Awaitable[V]], arguments: tuple[object, ...]) -> V:
        began = time.monotonic()
        value = await load(*arguments)
        self.put(key, value, asked_at=began)
        return value

    def _answered(self, key: K, task: asyncio.Task[V]) -> None:
        del self._asking[key]
        # a background refresh has nobody to tell; the next caller asks again and is told
        if not task.cancelled():
            task.exception()
