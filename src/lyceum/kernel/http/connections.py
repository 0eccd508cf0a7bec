"""What one connection may cost: how long and how large a request's head, how slow its body, how long an answer lies unread.

uvicorn has limits for none of these. One look a second at all connections keeps the time, since a timer for each request
would cost more than all else here.
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

import orjson
from prometheus_client import Counter
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from lyceum.kernel.http.protection import Protection
from lyceum.kernel.problems import Problem, Unavailable
from lyceum.kernel.telemetry import registry

HEAD_BYTES_MAX = 32 * 1024
HEAD_FIELDS_MAX = 100
PIPELINED_MAX = 16
"""Requests of one connection that are read ahead while an earlier one is answered."""
UNREAD_PATIENCE = 4
"""How many times as long as a client may be slow with a request may it leave an answer where it is."""
LOOK_SECONDS_MAX = 1.0
ENDING_SECONDS = 2.0
"""How long what a client still sends is thrown away after a refusal, which it would lose with the connection."""

_closed_total = Counter(
    "lyceum_http_connections_closed_total", "Connections ended for what they did", ["reason"], registry=registry
)

_AWAITS_HEAD, _TAKES_BODY, _ANSWERS, _RESTS, _ENDS = range(5)
_LOOKED_AT = frozenset({b"content-length", b"expect", b"host", b"transfer-encoding"})


class RequestUnreadable(Problem):
    """Bytes that are no request, or could be read as two different ones."""

    status = 400
    title = "The request cannot be read"
    code = "request_unreadable"


class HeadTooLarge(Problem):
    """A request line and header fields longer than any the hub has use for."""

    status = 431
    title = "The request's head is too large"
    code = "head_too_large"


class RequestTooSlow(Problem):
    """A request that does not arrive."""

    status = 408
    title = "The request took too long to arrive"
    code = "request_too_slow"


class TooManyConnections(Unavailable):
    """More connections than this process keeps."""

    code = "too_many_connections"


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """What connections of one process may cost."""

    connections_max: int
    slow_seconds: float
    body_bytes_a_second_min: int
    rest_seconds: float


class _Looks:
    """Looks at all connections of a server as long as there are any."""

    def __init__(self, *, every_seconds: float) -> None:
        self._every_seconds = every_seconds
        self._next: asyncio.TimerHandle | None = None

    def begin(self, loop: asyncio.AbstractEventLoop, connections: set[Any]) -> None:
        if self._next is None:
            self._next = loop.call_later(self._every_seconds, self._look, loop, connections)

    def _look(self, loop: asyncio.AbstractEventLoop, connections: set[Any]) -> None:
        self._next = None
        for connection in tuple(connections):
            if isinstance(connection, GuardedProtocol):
                connection.look(self._every_seconds)
        if connections:
            self.begin(loop, connections)


class GuardedProtocol(HttpToolsProtocol):
    """A connection with limits; `guarded_protocol` makes the class a server uses."""

    limits: ClassVar[ConnectionLimits]
    looks: ClassVar[_Looks]
    protection: ClassVar[Protection]

    def __init__(self, config: Any, server_state: ServerState, app_state: dict[str, Any], _loop: Any = None) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._stage = _AWAITS_HEAD
        self._waited_seconds = 0.0
        self._patience_seconds = 0.0
        self._unread_seconds = 0.0
        self._unread_bytes = 0
        self._body_bytes = 0
        self._head_bytes = 0
        self._head_bytes_read = 0
        self._fields = 0
        self._seen: set[bytes] = set()
        self._began_now = False
        self._refusal: Problem | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a connection while there is room for one more."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections_max:
            self._refuse(
                TooManyConnections("The hub has as many connections open as it keeps; try again in a moment."),
                counted=_closed_total.labels("too_many"),
            )
        self.looks.begin(self.loop, self.connections)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that goes on past its limit is refused before it is whole."""
        if self._stage == _ENDS or self.transport.is_closing():
            return
        if self._stage == _RESTS:
            self._stage, self._waited_seconds = _AWAITS_HEAD, 0.0
        self._began_now = False
        super().data_received(data)
        if self._stage == _AWAITS_HEAD and not self._began_now:
            self._head_bytes_read += len(data)
            if self._head_bytes_read > HEAD_BYTES_MAX:
                self._refuse(_head_too_large(), counted=_closed_total.labels("head_too_large"))

    def on_message_begin(self) -> None:
        """Begin the next request."""
        super().on_message_begin()
        self._stage = _AWAITS_HEAD
        self._waited_seconds = 0.0
        self._head_bytes = self._head_bytes_read = self._fields = 0
        self._seen.clear()
        self._began_now = True

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request's target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field; those that come behind a body are counted and dropped."""
        self._fields += 1
        self._count(len(name) + len(value))
        if self._stage != _AWAITS_HEAD:
            return
        name = name.lower()
        if name in _LOOKED_AT:
            self._look_at_field(name, value)
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Hand the request over, unless where it ends could be read in two ways."""
        if b"transfer-encoding" in self._seen and (
            b"content-length" in self._seen or self.parser.get_http_version() != "1.1"
        ):
            raise self._unreadable("Send a Content-Length or a Transfer-Encoding, and the latter with HTTP/1.1 only.")
        if len(self.pipeline) >= PIPELINED_MAX:
            raise self._unreadable("Wait for answers before sending so many more requests on one connection.")
        self._stage = _TAKES_BODY
        self._patience_seconds = self.limits.slow_seconds
        self._body_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        super().on_message_complete()
        # none where a socket begins
        cycle: Any = self.cycle
        is_answered = cycle is not None and cycle.response_complete
        self._stage, self._waited_seconds = _RESTS if is_answered else _ANSWERS, 0.0

    def on_response_complete(self) -> None:
        """Wait for the next request, or for what is still to come of this one."""
        super().on_response_complete()
        if self._stage == _ANSWERS and not self.pipeline:
            self._stage, self._waited_seconds = _RESTS, 0.0

    def resume_writing(self) -> None:
        """Note that the client takes its answer."""
        self._unread_seconds = 0.0
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refused, or what was refused while it was at work."""
        refusal, self._refusal = self._refusal, None
        if isinstance(refusal, HeadTooLarge):
            self._refuse(refusal, counted=_closed_total.labels("head_too_large"))
            return
        self._refuse(refusal or RequestUnreadable(msg), counted=_closed_total.labels("unreadable"))

    def look(self, seconds: float) -> None:
        """Count the seconds since the last look against whoever keeps this connection waiting."""
        self._look_at_answer(seconds)
        if self.transport.is_closing() or self.flow.read_paused:
            return
        if self._stage == _AWAITS_HEAD:
            self._waited_seconds += seconds
            if self._waited_seconds > self.limits.slow_seconds:
                self._end_silent_or_slow()
        elif self._stage == _TAKES_BODY:
            self._look_at_body(seconds)
        elif self._stage == _ENDS:
            self._waited_seconds += seconds
            if self._waited_seconds > ENDING_SECONDS:
                self.transport.abort()
        elif self._stage == _RESTS:
            self._waited_seconds += seconds
            if self._waited_seconds > self.limits.rest_seconds + seconds:
                self.transport.close()

    def _look_at_answer(self, seconds: float) -> None:
        unread_bytes = self.transport.get_write_buffer_size()
        if unread_bytes == 0 or unread_bytes != self._unread_bytes:
            self._unread_bytes, self._unread_seconds = unread_bytes, 0.0
            return
        self._unread_seconds += seconds
        if self._unread_seconds > self.limits.slow_seconds * UNREAD_PATIENCE:
            _closed_total.labels("unread").inc()
            self.transport.abort()

    def _look_at_body(self, seconds: float) -> None:
        rate = self.limits.body_bytes_a_second_min
        # a client that waits to be told to go on is not the one that is slow
        if rate == 0 or self.cycle.waiting_for_100_continue:
            return
        earned, self._body_bytes = self._body_bytes / rate, 0
        self._patience_seconds = min(self.limits.slow_seconds, self._patience_seconds + earned) - seconds
        if self._patience_seconds < 0:
            self._refuse(
                RequestTooSlow(f"The request's body came at less than {rate:,} bytes a second; send it again."),
                counted=_closed_total.labels("slow_body"),
            )

    def _end_silent_or_slow(self) -> None:
        if self._head_bytes_read == self._head_bytes == 0:
            _closed_total.labels("silent").inc()
            self.transport.close()
            return
        whole = f"The request's head was not whole within {self.limits.slow_seconds:g} seconds; send it again."
        self._refuse(RequestTooSlow(whole), counted=_closed_total.labels("slow_head"))

    def _count(self, byte_count: int) -> None:
        self._head_bytes += byte_count
        if self._head_bytes > HEAD_BYTES_MAX or self._fields > HEAD_FIELDS_MAX:
            self._refusal = _head_too_large()
            raise self._refusal

    def _look_at_field(self, name: bytes, value: bytes) -> None:
        if name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
            return
        if name in self._seen:
            raise self._unreadable(f"The request has {name.decode()} more than once; send it once.")
        self._seen.add(name)
        if name == b"transfer-encoding" and value.lower() != b"chunked":
            raise self._unreadable("Of the transfer encodings only chunked is read; send the body so, or whole.")
        if name == b"content-length" and not (value.isascii() and value.isdigit()):
            raise self._unreadable("The Content-Length is no number of bytes.")

    def _unreadable(self, detail: str) -> Problem:
        self._refusal = RequestUnreadable(detail)
        return self._refusal

    def _refuse(self, problem: Problem, *, counted: Counter) -> None:
        """Answer with the problem where the client can tell what is answered, and close the connection."""
        counted.inc()
        # none before the first request
        cycle: Any = self.cycle
        is_under_way = cycle is not None and not cycle.response_complete
        if is_under_way and (self._stage != _TAKES_BODY or cycle.response_started or self.pipeline):
            self.transport.abort()
            return
        if is_under_way:
            # whoever reads the body learns that there will be no more of it
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(self._answer(problem))
        if isinstance(problem, TooManyConnections):
            self.transport.close()
            return
        self.transport.write_eof()
        self._stage, self._waited_seconds = _ENDS, 0.0
        self.flow.resume_reading()

    def _answer(self, problem: Problem) -> bytes:
        body = orjson.dumps(problem.body())
        fields = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            *self.protection.of_data,
        ]
        if isinstance(problem, Unavailable):
            fields.append((b"retry-after", b"2"))
        head = b"".join(b"%b: %b\r\n" % field for field in fields)
        return b"HTTP/1.1 %d %b\r\n%b\r\n%b" % (
            problem.status,
            HTTPStatus(problem.status).phrase.encode(),
            head,
            body,
        )


def guarded_protocol(limits: ConnectionLimits, protection: Protection) -> type[GuardedProtocol]:
    """Return the class of a server's connections."""
    every_seconds = min(LOOK_SECONDS_MAX, limits.slow_seconds / 4)
    made = {"limits": limits, "protection": protection, "looks": _Looks(every_seconds=every_seconds)}
    return type("HubConnection", (GuardedProtocol,), made)


def _head_too_large() -> HeadTooLarge:
    return HeadTooLarge(
        f"A request's target and header fields may have {HEAD_BYTES_MAX:,} bytes and {HEAD_FIELDS_MAX} fields."
    )
