"""`POST /api/v1/models/{org}/{name}/predict` as bare ASGI: nothing between the bytes that come and the bytes that go."""

import itertools
import logging
import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from lyceum.accounts.edge import KeyUses, key_rates, take_of_key
from lyceum.accounts.public import Actor, Power, require
from lyceum.kernel.http.middleware import REQUEST_ID, TRACE_PARENT
from lyceum.kernel.http.problems import problem_response
from lyceum.kernel.http.protection import Protection
from lyceum.kernel.limits.fields import Limit
from lyceum.kernel.limits.leases import Leases
from lyceum.kernel.problems import Problem
from lyceum.kernel.resources import Resources
from lyceum.kernel.telemetry import given_trace_parent, log_context, note_in_log, trace_parent
from lyceum.kernel.tracing import Kind, begin_span
from lyceum.serve.predictions.answering import Answered, Answering
from lyceum.serve.predictions.bodies import Bodies, ClientGone
from lyceum.serve.predictions.document import TRIAL
from lyceum.serve.predictions.errors import BodyTooSlow, MethodNotAllowed, NothingHere, TrialUnclear
from lyceum.serve.predictions.limits import admit
from lyceum.serve.predictions.log import PredictionLog
from lyceum.serve.predictions.log_parts import LoggedRequest
from lyceum.serve.predictions.lookups import LOOKUPS_AT_ONCE, Lookups
from lyceum.serve.predictions.metrics import request_seconds, requests_total, rows_total
from lyceum.serve.predictions.models import LoadedModels
from lyceum.serve.predictions.queries import ServedVersion

PREDICT_PATH = "/api/v1/models/{org}/{name}/predict"
CONNECTIONS = LOOKUPS_AT_ONCE + 1
"""What the path takes of a process's database pool: its lookups, and the writer of the log."""

_PATH = re.compile(r"/api/v1/models/([a-z0-9-]{1,64})/([A-Za-z0-9._-]{1,96}(?:@[A-Za-z0-9_-]{1,63})?)/predict")
_REQUEST_ID_FORM = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_REQUEST_ID_HEADER = REQUEST_ID.encode()
_TRACE_PARENT_HEADER = TRACE_PARENT.encode()
_TRIAL_HEADER = TRIAL.lower().encode()
_SPAN_NAME = f"POST {PREDICT_PATH}"
_FAILED_STATUS_MIN = 500
_OWN_IDS_START = os.urandom(8).hex()
_own_ids = itertools.count()
_JSON = (b"content-type", b"application/json")

log = logging.getLogger("lyceum.requests")
_answered_requests = requests_total.labels(200)


class _Reply(msgspec.Struct, frozen=True, gc=False):
    key_id: UUID
    version: ServedVersion
    body_bytes: int
    answered: Answered
    content: bytes
    is_trial: bool


class PredictApp:
    """Answers predictions and refusals itself; whatever path it is given that is no prediction is a 404."""

    def __init__(
        self, resources: Resources, prediction_log: PredictionLog | None, *, uses: KeyUses | None = None
    ) -> None:
        settings = resources.settings
        self._lookups = Lookups(resources, uses=uses)
        self._key_rates = key_rates(resources.line)
        self._requests = Leases(resources.line, Limit("predictions", settings.predict_requests_per_second, 1))
        self._models = LoadedModels(resources.storage, bytes_max=settings.predict_models_bytes_max)
        self._bodies = Bodies(bytes_max=settings.request_bytes_max)
        self._answering = Answering(rows_max=settings.predict_rows_max)
        self._log = prediction_log
        self._protection = Protection(settings)
        self._reply_headers = (_JSON, *self._protection.of_data)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id: str | None = scope.get("request_id")
        kind: Kind = "server" if request_id is None else "internal"
        request_id = request_id or _begin_observing(headers)
        span = begin_span(_SPAN_NAME, kind=kind)
        if span is None:
            await self._serve(scope, headers, request_id, receive, send)
            return
        trace_parent.set(span.trace_parent)
        try:
            status, rows = await self._serve(scope, headers, request_id, receive, send)
            span.note({"http.response.status_code": status, "lyceum.rows": rows})
            span.failure = str(status) if status >= _FAILED_STATUS_MIN else None
        finally:
            span.note({"http.request.method": scope["method"], "http.route": PREDICT_PATH})
            span.end()

    async def _serve(
        self, scope: Scope, headers: dict[bytes, bytes], request_id: str, receive: Receive, send: Send
    ) -> tuple[int, int]:
        """Answer, and return the status and the number of rows predicted."""
        began = time.perf_counter()
        try:
            reply = await self._reply(scope, headers, receive)
        except ClientGone:
            return 499, 0
        except Exception as error:  # noqa: BLE001 every refusal and crash becomes a problem document
            return await self._refuse(error, request_id, scope, receive, send), 0
        content = reply.content
        length = str(len(content)).encode()
        reply_headers = [
            *self._reply_headers,
            (b"content-length", length),
            (_REQUEST_ID_HEADER, request_id.encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": reply_headers})
        await send({"type": "http.response.body", "body": content})
        self._record(reply, request_id, time.perf_counter() - began)
        return 200, len(reply.answered.rows)

    async def _refuse(self, error: Exception, request_id: str, scope: Scope, receive: Receive, send: Send) -> int:
        if isinstance(error, Problem):
            problem = error
        else:
            log.error("prediction crashed", exc_info=error)
            problem = Problem("Something went wrong inside the hub; its log has the cause.", request_id=request_id)
        headers = {REQUEST_ID: request_id}
        if isinstance(problem, MethodNotAllowed):
            headers["allow"] = "POST"
        if isinstance(problem, BodyTooSlow):
            # what may still come of the body is no next request
            headers["connection"] = "close"
        requests_total.labels(problem.status).inc()
        response = problem_response(problem, headers)
        self._protection.protect(response.raw_headers)
        await response(scope, receive, send)
        return problem.status

    async def _reply(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> _Reply:
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        match = _PATH.fullmatch(path)
        if match is None:
            raise NothingHere(f"There is nothing at {path[:200]}.")
        if scope["method"] != "POST":
            raise MethodNotAllowed(f"{scope['method']} is not something {path} does; POST the rows to it.")
        who = await self._who(scope, headers)
        note_in_log(org_id=who.org_id, user_id=who.user_id)
        require(who, Power.MODELS_PREDICT)
        caller_id = who.key_id or who.session_id
        assert caller_id is not None  # noqa: S101 who has a power here came with a key or in a session
        is_trial = _is_trial(headers)
        # before anything is looked up for the key, so that addresses that do not exist cannot wear the database out
        await take_of_key(self._key_rates, who)
        await admit(self._requests, caller_id)
        version = await self._lookups.version(who, match[1], match[2])
        loaded = self._models.get(version.id) or await self._models.load(version)
        body = await self._bodies.read(headers, receive)
        try:
            answered = await self._answering.answer(loaded, body)
        finally:
            self._bodies.release(body)
        content = b"%b%b}" % (loaded.reply_start, answered.predictions)
        return _Reply(caller_id, version, len(body), answered, content, is_trial)

    async def _who(self, scope: Scope, headers: dict[bytes, bytes]) -> Actor:
        authorization = headers.get(b"authorization")
        if authorization is not None:
            who = await self._lookups.actor(authorization)
            if who.user_id is not None:
                return who
        # not a key; nearly all come with one, and what is read here of a request costs them nothing
        return await self._lookups.actor_in_session(HTTPConnection({**scope, "type": "http"}))

    def _record(self, reply: _Reply, request_id: str, seconds: float) -> None:
        answered = reply.answered
        _answered_requests.inc()
        request_seconds.observe(seconds)
        rows_total.inc(len(answered.rows))
        if self._log is not None and answered.rows and not reply.is_trial:
            self._log.append(
                LoggedRequest(
                    at=time.time(),
                    version_id=reply.version.id,
                    key_id=reply.key_id,
                    request_id=request_id,
                    duration_seconds=seconds,
                    rows=answered.rows,
                    predictions=answered.predictions,
                    json_bytes=reply.body_bytes + len(answered.predictions),
                )
            )
        if log.isEnabledFor(logging.DEBUG):
            facts = {"model": reply.version.address, "version": reply.version.number, "rows": len(answered.rows)}
            log.debug("prediction", extra={**facts, "ms": round(seconds * 1000, 2)})

    async def close(self) -> None:
        """End the lookups under way and let the threads go."""
        await self._lookups.close()
        self._answering.close()


@asynccontextmanager
async def open_predictions(resources: Resources, *, uses: KeyUses | None = None) -> AsyncIterator[PredictApp]:
    """Yield the prediction path over a process's resources; what it has logged is written when the block ends.

    It takes `CONNECTIONS` of the process's database pool.
    """
    prediction_log = (
        PredictionLog(resources.database, resources.disk) if resources.settings.prediction_log_days else None
    )
    if prediction_log is not None:
        prediction_log.start()
    predictions = PredictApp(resources, prediction_log, uses=uses)
    try:
        yield predictions
    finally:
        if prediction_log is not None:
            await prediction_log.close()
        await predictions.close()


def _is_trial(headers: dict[bytes, bytes]) -> bool:
    said = headers.get(_TRIAL_HEADER, b"0").strip()
    if said not in (b"0", b"1"):
        raise TrialUnclear(f"{TRIAL} is neither 1 nor 0; say 1 for rows that nobody means to have predicted.")
    return said == b"1"


def _begin_observing(headers: dict[bytes, bytes]) -> str:
    """Return the request's id, and have it stand in what is logged from here on; each request is a task of its own."""
    request_id = _request_id(headers)
    log_context.set({"request_id": request_id})
    given = headers.get(_TRACE_PARENT_HEADER)
    trace_parent.set(given_trace_parent(given.decode("latin-1")) if given is not None else None)
    return request_id


def _request_id(headers: dict[bytes, bytes]) -> str:
    given = headers.get(_REQUEST_ID_HEADER)
    if given is not None and _REQUEST_ID_FORM.fullmatch(given):
        return given.decode()
    return f"{_OWN_IDS_START}{next(_own_ids):016x}"
