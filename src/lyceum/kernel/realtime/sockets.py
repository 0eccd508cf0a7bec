"""All sockets of a process: who they belong to, what they may follow, and how many there may be."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager, suppress
from typing import Generic

from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError
from starlette.websockets import WebSocket, WebSocketDisconnect

from lyceum.kernel.http.origins import refuse_foreign_origin
from lyceum.kernel.http.problems import problem_response
from lyceum.kernel.limits.fields import Limit, OverLimit, address_of
from lyceum.kernel.limits.windows import Windows
from lyceum.kernel.problems import Problem, TooMany, Unauthenticated, Unavailable
from lyceum.kernel.realtime import messages
from lyceum.kernel.realtime.connection import Connection, Introduced, Subscription
from lyceum.kernel.realtime.news import as_text, parse_position
from lyceum.kernel.realtime.reader import Reader
from lyceum.kernel.realtime.topics import C, Topics
from lyceum.kernel.resources import Resources
from lyceum.kernel.telemetry import registry
from lyceum.kernel.valkey import ValkeyAway

HELLO_SECONDS_MAX = 10.0
CLOSE_SECONDS_MAX = 1.0
CANCEL_AGAIN_SECONDS = 0.1
ASKED_MAX = 100
ASKED_SECONDS = 10.0
NOT_SIGNED_IN, ASKED_TOO_MUCH, TRY_AGAIN = 4401, 4429, 1013

log = logging.getLogger(__name__)

_sockets = Gauge("lyceum_sockets", "Sockets that are open", registry=registry)


class TooManySockets(TooMany):
    """More sockets than one person, or the process, may have."""

    code = "too_many_sockets"


Introduce = Callable[[WebSocket, str | None], Awaitable[Introduced[C]]]


class Sockets(Generic[C]):
    """Serves sockets; `introduce` returns whose one is by what it came with, or by the key in its first message."""

    def __init__(self, resources: Resources, topics: Topics[C], *, introduce: Introduce[C]) -> None:
        self._resources = resources
        self._settings = resources.settings
        self._topics = topics
        self._windows = Windows(resources.line, resources.database)
        self._introduce = introduce
        self._connections: dict[Connection[C], None] = {}
        self._by_user: Counter[object] = Counter()
        self._open = 0
        self._reader = Reader(resources.valkey, resources.line, on_late=self._say_late)
        self._leaving: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Sockets[C]"]:
        """Yield the sockets while news are read and rights are looked at again."""
        tasks = [asyncio.create_task(self._reader.serve()), asyncio.create_task(self._look_at_rights())]
        try:
            yield self
        finally:
            pending = set(tasks)
            while pending:
                # the client of Valkey may turn a cancel that comes while it connects into an error of its own
                for task in pending:
                    task.cancel()
                _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one socket until either side closes it."""
        try:
            refuse_foreign_origin(websocket.headers, self._settings)
            if self._open >= self._settings.sockets_max:
                raise TooManySockets("This process has as many sockets as it may; try again in a moment.")
            introduced = await self._introduced(websocket, None)
            if introduced is None:
                await self._count_address(websocket)
                if "authorization" in websocket.headers:
                    raise Unauthenticated("The key in the Authorization header opens nothing.")
            elif self._by_user[introduced.who.user_id] >= self._settings.sockets_per_user_max:
                raise self._too_many()
        except Problem as problem:
            await websocket.send_denial_response(problem_response(problem))
            return
        self._open += 1
        _sockets.inc()
        try:
            await websocket.accept()
            introduced = introduced or await self._heard(websocket)
            if introduced is not None:
                await self._serve_known(websocket, introduced)
        except (WebSocketDisconnect, OSError):
            log.debug("a client went away")
        finally:
            self._open -= 1
            _sockets.dec()

    async def _heard(self, websocket: WebSocket) -> Introduced[C] | None:
        """Return whose socket this is by its first message; None when it was closed."""
        try:
            async with asyncio.timeout(HELLO_SECONDS_MAX):
                hello = messages.decode(await websocket.receive_text())
            key = hello.key if isinstance(hello, messages.Hello) else ""
            introduced = await self._introduced(websocket, key)
        except (TimeoutError, ValueError, KeyError):
            await websocket.close(NOT_SIGNED_IN, "say who you are first")
        except Problem as problem:
            await websocket.close(TRY_AGAIN, problem.detail)
        else:
            if introduced is None:
                await websocket.close(NOT_SIGNED_IN, "this key opens nothing")
            elif self._by_user[introduced.who.user_id] >= self._settings.sockets_per_user_max:
                await websocket.close(ASKED_TOO_MUCH, self._too_many().detail)
            else:
                return introduced
        return None

    async def _serve_known(self, websocket: WebSocket, introduced: Introduced[C]) -> None:
        who = introduced.who
        connection = Connection(introduced, send=websocket.send_text, on_lost=self._leave_soon)
        writing = asyncio.create_task(connection.write())
        self._connections[connection] = None
        self._by_user[who.user_id] += 1
        try:
            connection.say(messages.Welcome(late=self._reader.is_late))
            await self._answer_all(websocket, connection)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if connection.closing is None or task is None or task.uncancel() > 0:
                raise
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS_MAX):
                    await websocket.close(*connection.closing)
        finally:
            del self._connections[connection]
            self._by_user[who.user_id] -= 1
            if not self._by_user[who.user_id]:
                del self._by_user[who.user_id]
            writing.cancel()
            for subscription in connection.followed.values():
                self._leave_soon(subscription)
            await asyncio.gather(writing, return_exceptions=True)

    async def _answer_all(self, websocket: WebSocket, connection: Connection[C]) -> None:
        loop = asyncio.get_running_loop()
        asked, since = 0, loop.time()
        while True:
            text = await websocket.receive_text()
            if loop.time() - since > ASKED_SECONDS:
                asked, since = 0, loop.time()
            asked += 1
            if asked > ASKED_MAX or connection.is_full:
                await websocket.close(ASKED_TOO_MUCH, f"at most {ASKED_MAX} messages in {ASKED_SECONDS:g} s")
                return
            try:
                await self._answer(connection, messages.decode(text))
            except ValueError as unreadable:
                connection.say(messages.Refused("malformed", str(unreadable)))

    async def _answer(self, connection: Connection[C], asked: messages.Asked) -> None:
        match asked:
            case messages.Ping():
                connection.say(messages.Pong())
            case messages.Leave(topic=topic):
                await self._leave(connection, topic)
                connection.say(messages.Left(topic))
            case messages.Follow(topic=topic, after=after):
                try:
                    await self._follow(connection, topic, after)
                except ValkeyAway:
                    connection.followed.pop(topic, None)
                    told = "News are late just now; poll, and follow again when they are not."
                    connection.say(messages.Refused("late", told, topic))
                except (Problem, SQLAlchemyError) as error:
                    connection.followed.pop(topic, None)
                    problem = _as_problem(error)
                    connection.say(messages.Refused(problem.code, problem.detail, topic))
            case messages.Hello():
                connection.say(messages.Refused("malformed", "It is known already who you are."))

    async def _follow(self, connection: Connection[C], topic: str, after: str | None) -> None:
        position = None if after is None else parse_position(after)
        if after is not None and position is None:
            raise ValueError(f"{after[:40]!r} is no position that this hub gave.")
        await self._leave(connection, topic)
        if len(connection.followed) >= self._settings.socket_topics_max:
            raise TooMany(f"A socket follows at most {self._settings.socket_topics_max} topics; leave one first.")
        streams = await self._topics.streams_for(self._resources.database, connection.who, [topic])
        if topic not in streams:
            connection.say(messages.Refused("topic_not_found", f"There is no {topic} that you may follow.", topic))
            return
        subscription = Subscription(topic, streams[topic], connection)
        connection.followed[topic] = subscription
        since = await self._reader.follow(subscription, position)
        if connection.followed.get(topic) is not subscription:
            return
        begins = after if since.news and after else as_text(since.position)
        connection.say(messages.Following(topic, begins, missed=not since.is_whole))
        subscription.begin(since)

    async def _leave(self, connection: Connection[C], topic: str) -> None:
        subscription = connection.followed.pop(topic, None)
        if subscription is not None:
            await self._reader.leave(subscription)

    def _leave_soon(self, subscription: Subscription) -> None:
        leaving = asyncio.create_task(self._reader.leave(subscription))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    def _say_late(self, is_late: bool) -> None:  # noqa: FBT001 called with what has changed
        for connection in self._connections:
            connection.say(messages.Late(late=is_late))

    async def _look_at_rights(self) -> None:
        while True:
            await asyncio.sleep(self._settings.socket_rights_seconds)
            alike: dict[Hashable, list[Connection[C]]] = {}
            for connection in self._connections:
                alike.setdefault(connection.introduced.by, []).append(connection)
            for connections in alike.values():
                try:
                    await self._look_at(connections)
                except Exception as error:  # noqa: BLE001 whatever it was, the others are looked at
                    log.warning("rights of sockets could not be looked at", extra={"cause": str(error)})

    async def _look_at(self, connections: list[Connection[C]]) -> None:
        who = await connections[0].introduced.ask_again()
        if who.user_id is None:
            for connection in connections:
                connection.close(NOT_SIGNED_IN, "this key or session opens nothing any more")
            return
        topics = {topic for connection in connections for topic in connection.followed}
        streams = await self._topics.streams_for(self._resources.database, who, topics) if topics else {}
        for connection in connections:
            connection.who = who
            for topic in [topic for topic in connection.followed if topic in topics and topic not in streams]:
                await self._leave(connection, topic)
                connection.say(messages.Refused("topic_not_found", f"You may not follow {topic} any longer.", topic))

    async def _introduced(self, websocket: WebSocket, key: str | None) -> Introduced[C] | None:
        try:
            introduced = await self._introduce(websocket, key)
        except SQLAlchemyError as error:
            raise _as_problem(error) from error
        return None if introduced.who.user_id is None else introduced

    async def _count_address(self, websocket: WebSocket) -> None:
        limit = Limit("anonymous", self._settings.anonymous_requests_per_minute, 60)
        if limit.at_most == 0:
            return
        taken = await self._windows.take(limit, address_of(websocket.scope))
        if taken is not None and taken.wait_seconds is not None:
            raise OverLimit("Too many requests without a key have come from this address within a minute; wait.", taken)

    def _too_many(self) -> TooManySockets:
        at_most = self._settings.sockets_per_user_max
        return TooManySockets(f"You have {at_most} sockets open; close one, or raise LYCEUM_SOCKETS_PER_USER_MAX.")


def _as_problem(error: Problem | SQLAlchemyError) -> Problem:
    if isinstance(error, Problem):
        return error
    log.warning("the database was not asked for a socket", extra={"cause": str(error)})
    return Unavailable("The hub's database cannot be reached just now; try again in a moment.")
