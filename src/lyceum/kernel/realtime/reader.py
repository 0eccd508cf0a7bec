"""One reader of news for a process: it hears each stream once and hands what it hears to all who follow it here."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from lyceum.kernel.realtime.news import BEFORE_ALL, Position, Since, key_of, news_since, parse_position
from lyceum.kernel.valkey import ValkeyAway, ValkeyLine

LISTEN_SECONDS = 5.0
AGAIN_SECONDS = 1.0
_ALWAYS = "lyceum:live"
"""A channel nobody tells anything, since a reader has to listen to something."""

log = logging.getLogger(__name__)


class Follower(Protocol):
    """Somebody who follows one stream."""

    stream: str

    def hear(self, position: Position, news: bytes) -> None:
        """Take what was told; it comes in order and once."""

    def lose(self) -> None:
        """Learn that something was missed, and that nothing more will come."""


@dataclass(slots=True)
class _Heard:
    followers: dict[Follower, None] = field(default_factory=dict)
    position: Position = BEFORE_ALL
    listens: asyncio.Event = field(default_factory=asyncio.Event)
    held: list[tuple[Position, bytes]] | None = None
    """What was heard while it is looked up what had been told before; None when that is known."""


class Reader:
    """Listens as long as `serve` runs; `on_late` is called with whether news are late, whenever that changes."""

    def __init__(self, valkey: Redis | None, line: ValkeyLine, *, on_late: Callable[[bool], None]) -> None:
        self._valkey = valkey
        self._line = line
        self._on_late = on_late
        self._streams: dict[str, _Heard] = {}
        self._pubsub: PubSub | None = None
        self.is_late = True

    async def follow(self, follower: Follower, after: Position | None) -> Since:
        """Have a follower hear its stream, and return what it was told after a position until then.

        Raises `ValkeyAway` when nobody can be listened to just now.
        """
        heard = self._streams.get(follower.stream)
        if heard is None:
            heard = self._streams[follower.stream] = _Heard()
            if self._pubsub is not None and not self.is_late:
                await self._ask(self._pubsub.subscribe(key_of(follower.stream)))
        # it hears from here on what is told while the past is looked up
        heard.followers[follower] = None
        try:
            # nothing is listened to while news are late
            async with asyncio.timeout(0 if self.is_late else AGAIN_SECONDS):
                await heard.listens.wait()
            since = await news_since(self._line, follower.stream, after)
        except (ValkeyAway, TimeoutError):
            await self.leave(follower)
            raise ValkeyAway from None
        if heard.position == BEFORE_ALL and len(heard.followers) == 1:
            # with others listening, what they have not heard yet may come before this
            heard.position = since.position
        return since

    async def leave(self, follower: Follower) -> None:
        """Have a follower hear no more; a stream that nobody follows is not listened to."""
        heard = self._streams.get(follower.stream)
        if heard is None:
            return
        heard.followers.pop(follower, None)
        if not heard.followers:
            del self._streams[follower.stream]
            heard.listens.set()
            if self._pubsub is not None:
                await self._ask(self._pubsub.unsubscribe(key_of(follower.stream)))

    async def serve(self) -> None:
        """Listen, and again after Valkey was away, until cancelled."""
        while True:
            if self._valkey is not None:
                try:
                    async with self._valkey.pubsub() as pubsub:
                        await self._listen(pubsub)
                except (RedisError, OSError) as error:
                    log.warning("news cannot be heard; trying again", extra={"cause": str(error)})
            self._pubsub = None
            self._say_late(is_late=True)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen(self, pubsub: PubSub) -> None:
        for heard in self._streams.values():
            heard.listens.clear()
            heard.held = []
        await pubsub.subscribe(_ALWAYS, *(key_of(stream) for stream in self._streams))
        self._pubsub = pubsub
        is_pinged = False
        catching_up: asyncio.Task[None] | None = None
        try:
            while True:
                message = await pubsub.get_message(timeout=LISTEN_SECONDS)
                if message is not None:
                    is_pinged = False
                    self._take(message)
                elif is_pinged:
                    raise ConnectionError("Valkey has not answered for a while")
                else:
                    is_pinged = True
                    await pubsub.ping()
                if catching_up is None and self.is_late:
                    self._say_late(is_late=False)
                    catching_up = asyncio.create_task(self._catch_up())
        finally:
            if catching_up is not None:
                catching_up.cancel()

    def _take(self, message: dict[str, Any]) -> None:
        channel = (message["channel"] or b"").decode()
        heard = self._streams.get(channel.removeprefix(key_of("")))
        if heard is None:
            return
        if message["type"] == "subscribe":
            heard.listens.set()
        elif message["type"] == "message":
            position_text, _, news = message["data"].partition(b" ")
            self._hand_over(heard, parse_position(position_text.decode()) or BEFORE_ALL, news)

    @staticmethod
    def _hand_over(heard: _Heard, position: Position, news: bytes) -> None:
        if heard.held is not None:
            heard.held.append((position, news))
            return
        if position <= heard.position:
            return
        heard.position = position
        for follower in list(heard.followers):
            follower.hear(position, news)

    async def _catch_up(self) -> None:
        """Hand over what was told while nobody listened; who cannot be told all of it is told that."""
        for stream, heard in list(self._streams.items()):
            await heard.listens.wait()
            try:
                since = await news_since(self._line, stream, heard.position)
            except ValkeyAway:
                since = Since(heard.position, [], is_whole=False)
            held, heard.held = heard.held or [], None
            if since.is_whole:
                for position, news in (*since.news, *held):
                    self._hand_over(heard, position, news)
                continue
            for follower in list(heard.followers):
                await self.leave(follower)
                follower.lose()

    def _say_late(self, *, is_late: bool) -> None:
        if is_late != self.is_late:
            self.is_late = is_late
            self._on_late(is_late)

    async def _ask(self, question: Any) -> None:
        try:
            await question
        except (RedisError, OSError) as error:
            # the listening loop meets the same and begins anew
            log.debug("a stream was not asked for", extra={"cause": str(error)})
