"""A small hub on a real socket that answers what a test wants and notes what it was asked."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from lyceum_client import Client

KEY = "lyk_test"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer with; `hang_up` closes the connection instead, after the request was read.

    `bytes_missing` of the body are announced and not sent before the connection is closed.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False
    bytes_missing: int = 0


@dataclass(slots=True)
class SmallHub:
    """Answers from `answers` by method and path, in order; the last one stays."""

    server: ThreadingHTTPServer
    answers: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        host, port = self.server.server_address[:2]
        return f"http://{host!s}:{port}"

    def will(self, method: str, path: str, *answers: Answer | Any) -> None:
        plain = [answer if isinstance(answer, Answer) else Answer(body=answer) for answer in answers]
        self.answers[method, path] = plain

    def answer_for(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        left = self.answers.get((asked.method, asked.path.split("?")[0]))
        if not left:
            return Answer(404, {"code": "not_found", "detail": f"There is nothing at {asked.path}."})
        return left.pop(0) if len(left) > 1 else left[0]

    @staticmethod
    def answer(status: int, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        return Answer(status, body, headers or {})

    @staticmethod
    def hang_up() -> Answer:
        return Answer(hang_up=True)

    @staticmethod
    def cut_short(body: bytes, *, status: int = 200) -> Answer:
        return Answer(status, body, bytes_missing=1)

    def paths(self) -> list[str]:
        return [f"{each.method} {each.path}" for each in self.asked]


def small_hub(place: socket.socket) -> SmallHub:
    """Return a hub that listens on a bound socket and does not serve yet."""
    hub: SmallHub

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("content-length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = hub.answer_for(Asked(self.command, self.path, headers, self.rfile.read(length)))
            if answer.hang_up:
                self.close_connection = True
                return
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            body = b"" if answer.body is None else body
            self.send_response(answer.status)
            for name, value in {"content-type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body) + answer.bytes_missing))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = self.close_connection or answer.bytes_missing > 0

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._serve)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = place
    server.server_address = place.getsockname()
    server.daemon_threads = True
    server.server_activate()
    hub = SmallHub(server)
    return hub


def bound_socket() -> socket.socket:
    """Return a socket that keeps a port of this machine; until it listens, who connects is refused."""
    place = socket.socket()
    place.bind(("127.0.0.1", 0))
    return place


@pytest.fixture
def nobody() -> Iterator[socket.socket]:
    """A place on this machine that nobody else can take and where nobody listens, until the test says so."""
    with bound_socket() as place:
        yield place


@pytest.fixture
def make_hub() -> Iterator[Callable[..., SmallHub]]:
    """A function that starts a small hub; each ends with the test."""
    serving: list[tuple[SmallHub, threading.Thread]] = []

    def start(place: socket.socket | None = None) -> SmallHub:
        hub = small_hub(place or bound_socket())
        thread = threading.Thread(target=hub.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        serving.append((hub, thread))
        return hub

    yield start
    for hub, thread in serving:
        hub.server.shutdown()
        hub.server.server_close()
        thread.join()


@pytest.fixture
def hub(make_hub: Callable[..., SmallHub]) -> SmallHub:
    """A small hub that serves."""
    return make_hub()


@pytest.fixture
def client(hub: SmallHub) -> Iterator[Client]:
    """A client of that hub."""
    with Client(hub.url, KEY) as opened:
        yield opened
