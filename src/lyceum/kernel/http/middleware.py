"""What every request passes, as plain ASGI: its id, its log line, its host, its size, and what catches a crash."""

import ipaddress
import logging
import re
import time
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lyceum.kernel.config import Settings
from lyceum.kernel.http.problems import problem_response
from lyceum.kernel.http.protection import Protection
from lyceum.kernel.ids import new_id
from lyceum.kernel.problems import Problem, TooLarge
from lyceum.kernel.telemetry import given_trace_parent, log_context, request_seconds, requests_total, trace_parent
from lyceum.kernel.tracing import OpenSpan, begin_span

REQUEST_ID = "x-request-id"
ANSWER_FIELDS = "lyceum.answer_fields"
"""Where in a request's scope stands what its answer says in its headers, whatever the answer is."""
TRACE_PARENT = "traceparent"
TRACE_RESPONSE = "traceresponse"
_REQUEST_ID_FORM = re.compile(r"[A-Za-z0-9._-]{8,64}")
OWN_HEADERS_MAX = 256
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_FAILED_STATUS_MIN = 500
_ASKED_BY_MONITORS = ("/health/live", "/health/ready", "/metrics")
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

log = logging.getLogger("lyceum.requests")


class WrongHost(Problem):
    """The hub was addressed by a name it does not answer to."""

    status = 421
    title = "The hub does not answer to this name"
    code = "wrong_host"


class Observed:
    """Gives a request its id, times it, logs one line, and turns a crash into a problem document.

    Every answer leaves with the headers of `protection`.
    """

    def __init__(self, app: ASGIApp, *, protection: Protection) -> None:
        self.app = app
        self._protect = protection.protect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_ID, "")
        request_id = given if _REQUEST_ID_FORM.fullmatch(given) else new_id().hex
        scope["request_id"] = request_id
        log_token = log_context.set({"request_id": request_id})
        trace_token = trace_parent.set(given_trace_parent(headers.get(TRACE_PARENT)))
        span = None if scope["path"].endswith(_ASKED_BY_MONITORS) else begin_span(scope["method"], kind="server")
        if span is not None:
            trace_parent.set(span.trace_parent)
        began = time.perf_counter()
        status = 0

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                reply_headers = MutableHeaders(scope=message)
                reply_headers[REQUEST_ID] = request_id
                reply_headers.update(scope.get(ANSWER_FIELDS, {}))
                if span is not None:
                    reply_headers[TRACE_RESPONSE] = span.trace_parent
                self._protect(reply_headers.raw)
            await send(message)

        try:
            await self.app(scope, receive, observed_send)
        except Exception:
            log.exception("request crashed")
            if status:
                raise
            crashed = Problem("Something went wrong inside the hub; its log has the cause.", request_id=request_id)
            await problem_response(crashed)(scope, receive, observed_send)
        finally:
            _record(scope, status, time.perf_counter() - began)
            if span is not None:
                end_request_span(span, scope, status)
            log_context.reset(log_token)
            trace_parent.reset(trace_token)


def _record(scope: MutableMapping[str, Any], status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", None) or "unmatched"
    # Whatever a client may choose freely would be a series of its own each time.
    method = scope["method"] if scope["method"] in _METHODS else "OTHER"
    requests_total.labels(method, route, status).inc()
    request_seconds.labels(method, route).observe(seconds)
    facts = {"method": scope["method"], "path": scope["path"], "status": status, "ms": round(seconds * 1000, 2)}
    log.info("request", extra=facts)


def end_request_span(span: OpenSpan, scope: MutableMapping[str, Any], status: int) -> None:
    """End the span of a request as OpenTelemetry's conventions for HTTP have it; the query is left out."""
    route = getattr(scope.get("route"), "path", None)
    method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
    span.note(
        {
            "http.request.method": method,
            "http.response.status_code": status,
            "url.path": scope["path"],
            "url.scheme": scope.get("scheme", "http"),
            "network.protocol.version": scope.get("http_version", "1.1"),
        }
    )
    if route is not None:
        span.note({"http.route": route})
    named = "HTTP" if method == "_OTHER" else method
    span.failure = str(status) if status >= _FAILED_STATUS_MIN else None
    span.end(name=f"{named} {route}" if route else named)


class OwnHost:
    """Refuses requests that name another host, so that a page elsewhere cannot reach a hub on this machine by name."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self.app = app
        self._root_path = settings.root_path
        self._any_address = settings.host not in _LOOPBACK_NAMES
        public = urlsplit(settings.public_url).hostname if settings.public_url else None
        names = {*_LOOPBACK_NAMES, settings.host, *settings.allowed_hosts, *([public] if public else [])}
        self._names = frozenset(name.lower() for name in names)
        self._protect = Protection(settings).protect
        # parsing the same few headers again would cost every prediction a thirtieth of its time
        self._own_headers: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        header: bytes = next((value for name, value in scope["headers"] if name == b"host"), b"")
        if header not in self._own_headers and not self._is_own(header):
            await self._refuse(_host_name(header.decode("latin-1")), scope, receive, send)
            return
        if self._root_path:
            scope["root_path"] = self._root_path
            scope["path"] = self._path_below_root(scope["path"])
        await self.app(scope, receive, send)

    def _is_own(self, header: bytes) -> bool:
        name = _host_name(header.decode("latin-1"))
        if name not in self._names and not (self._any_address and _is_address(name)):
            return False
        if len(self._own_headers) < OWN_HEADERS_MAX:
            self._own_headers.add(header)
        return True

    def _path_below_root(self, path: str) -> str:
        """Return the path with the sub-path before it, whether the proxy in front strips that or not."""
        if path == self._root_path:
            return f"{path}/"
        return path if path.startswith(f"{self._root_path}/") else self._root_path + path

    async def _refuse(self, name: str, scope: Scope, receive: Receive, send: Send) -> None:
        shown = name[:100]
        problem = WrongHost(
            f"This hub does not answer to the name {shown!r}. If it should, set LYCEUM_ALLOWED_HOSTS={shown} "
            f"(or LYCEUM_PUBLIC_URL=https://{shown}) and start it again."
        )
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4421, "reason": "wrong host"})
            return
        response = problem_response(problem)
        self._protect(response.raw_headers)
        await response(scope, receive, send)


def _host_name(header: str) -> str:
    try:
        return (urlsplit(f"//{header}").hostname or "").lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class BodyLimit:
    """Refuses bodies past the limit, whether they say their length or not; a PUT of content has a limit of its own."""

    def __init__(self, app: ASGIApp, *, bytes_max: int, unlimited_prefix: str) -> None:
        self.app = app
        self._bytes_max = bytes_max
        self._unlimited_prefix = unlimited_prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        is_content = scope.get("method") == "PUT" and _route_path(scope).startswith(self._unlimited_prefix)
        if scope["type"] != "http" or is_content:
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isascii() or not declared.isdigit() or int(declared) > self._bytes_max:
            await problem_response(self._problem())(scope, receive, send)
            return
        limited = _LimitedBody(receive, send, bytes_max=self._bytes_max)
        try:
            await self.app(scope, limited.receive, limited.send)
        finally:
            if limited.exceeded and not limited.answered:
                await problem_response(self._problem())(scope, receive, send)

    def _problem(self) -> TooLarge:
        return TooLarge(
            f"The request body is larger than {self._bytes_max:,} bytes; send files through /api/v1/uploads, "
            "or raise LYCEUM_REQUEST_BYTES_MAX."
        )


class _LimitedBody:
    """A body cut short at its limit; whatever the app answers from there on is not what the client is told."""

    def __init__(self, receive: Receive, send: Send, *, bytes_max: int) -> None:
        self._receive = receive
        self._send = send
        self._bytes_left = bytes_max
        self.answered = False
        self.exceeded = False

    async def receive(self) -> Message:
        if self.exceeded:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._bytes_left -= len(message.get("body", b""))
        if self._bytes_left < 0:
            self.exceeded = True
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        if self.exceeded and not self.answered:
            return
        self.answered = True
        await self._send(message)


def _route_path(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))
