"""One client's socket: what it follows, and a bounded line of what is yet to be sent to it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic

import msgspec

from lyceum.kernel.realtime.messages import Missed, News, Said, encode
from lyceum.kernel.realtime.news import Position, Since, as_text
from lyceum.kernel.realtime.topics import C

WAITING_MAX = 100
"""Messages that wait for a slow reader; then it is told what it missed, and asks for that when it has caught up."""


@dataclass(slots=True, eq=False)
class Subscription:
    """A topic that a socket follows. What is told while the past is looked up is held until that has been sent."""

    topic: str
    stream: str
    socket: "Connection[Any]"
    position: Position | None = None
    held: list[tuple[Position, bytes]] | None = field(default_factory=list)

    def begin(self, since: Since) -> None:
        """Send what came before, then what was held meanwhile, and from then on what comes."""
        held, self.held = self.held or [], None
        # without any news before, what is held may be from before as well
        self.position = None if since.news else since.position
        for position, news in (*since.news, *held):
            self.hear(position, news)

    def hear(self, position: Position, news: bytes) -> None:
        """Take what was told."""
        if self.held is not None:
            self.held.append((position, news))
            if len(self.held) > WAITING_MAX:
                self.lose()
            return
        if self.position is not None and position <= self.position:
            return
        if self.socket.is_full:
            self.lose()
            return
        self.position = position
        self.socket.say(News(self.topic, as_text(position), msgspec.Raw(news)))

    def lose(self) -> None:
        """Learn that something was missed: the client is told, and follows again when it can."""
        self.socket.lost(self)


@dataclass(frozen=True, slots=True)
class Introduced(Generic[C]):
    """Whose socket it is, without a user for nobody's, and how to ask that again; those alike in `by` are asked for once."""

    who: C
    by: Hashable
    ask_again: Callable[[], Awaitable[C]]


class Connection(Generic[C]):
    """Sends what it is given, in order, as fast as the client reads."""

    def __init__(
        self,
        introduced: Introduced[C],
        *,
        send: Callable[[str], Awaitable[None]],
        on_lost: Callable[[Subscription], None],
    ) -> None:
        self.who = introduced.who
        self.introduced = introduced
        self.followed: dict[str, Subscription] = {}
        self.closing: tuple[int, str] | None = None
        self._send = send
        self._task = asyncio.current_task()
        self._on_lost = on_lost
        self._waiting: deque[str] = deque()
        self._missed: dict[str, Position | None] = {}
        self._any = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether the client reads more slowly than there is to tell."""
        return len(self._waiting) >= WAITING_MAX

    def close(self, code: int, reason: str) -> None:
        """Have the socket closed by the task that serves it, whatever that waits for."""
        if self.closing is None and self._task is not None:
            self.closing = (code, reason)
            self._task.cancel()

    def say(self, message: Said) -> None:
        """Have a message sent after those that wait."""
        self._waiting.append(encode(message).decode())
        self._any.set()

    def lost(self, subscription: Subscription) -> None:
        """Follow a topic no more whose news could not all be handed over, and say so once the client has caught up."""
        if self.followed.get(subscription.topic) is subscription:
            del self.followed[subscription.topic]
            self._missed[subscription.topic] = subscription.position
            self._on_lost(subscription)
            self._any.set()

    async def write(self) -> None:
        """Send what there is, until cancelled or the client is gone."""
        while True:
            await self._any.wait()
            self._any.clear()
            while self._waiting:
                await self._send(self._waiting.popleft())
            missed, self._missed = self._missed, {}
            for topic, position in missed.items():
                await self._send(encode(Missed(topic, as_text(position) if position else None)).decode())
