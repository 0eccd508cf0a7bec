"""Refusals as `application/problem+json` (RFC 9457): the one place where a fact becomes a reply."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from lyceum.kernel.db import is_database_away
from lyceum.kernel.idempotency.answers import AnsweredBefore
from lyceum.kernel.problems import Invalid, Problem, Unauthenticated, Unavailable, problem_type

_HTTP_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
"""Codes of what the web framework refuses by itself."""
_OUR_OWN_WORDS = "Value error, "
"""What pydantic puts before a sentence of ours."""

log = logging.getLogger(__name__)


class Cancelled(Problem):
    """The client went away."""

    status = 499
    title = "The client went away"
    code = "client_went_away"


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return the reply for a problem."""
    more = {**problem.headers, **(headers or {})}
    if isinstance(problem, Unauthenticated):
        more["www-authenticate"] = "Bearer"
    if isinstance(problem, Unavailable):
        more["retry-after"] = "2"
    return Response(
        orjson.dumps(problem.body(), default=str),
        status_code=problem.status,
        media_type="application/problem+json",
        headers=more,
    )


def answer_problems(app: FastAPI) -> None:
    """Have the app answer every refusal as a problem document."""
    app.add_exception_handler(Problem, _known)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(AnsweredBefore, _answered_before)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(SQLAlchemyError, _database)
    app.add_exception_handler(ClientDisconnect, _nobody_listens)


async def _known(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 FastAPI hands over what the handler was registered for
    return problem_response(error)


async def _malformed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 as above
    errors = [_one_error(item) for item in error.errors()]
    first = errors[0] if errors else {"field": "body", "problem": "cannot be read"}
    return _plain(
        422, "The request cannot be read", "malformed", f"{first['field']}: {first['problem']}.", errors=errors
    )


def _one_error(item: Mapping[str, Any]) -> dict[str, str]:
    if item["type"] == "json_invalid":
        why = str(item["ctx"]["error"])
        place = item["loc"][-1]
        return {
            "field": "body",
            "problem": f"This is not JSON to be read: {why}{f', at character {place}' * bool(place)}",
        }
    return {
        "field": ".".join(str(part) for part in item["loc"]),
        "problem": str(item["msg"]).removeprefix(_OUR_OWN_WORDS),
    }


async def _answered_before(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AnsweredBefore)  # noqa: S101 as above
    return error.answer


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 as above
    title = HTTPStatus(error.status_code).phrase.capitalize()
    if error.status_code == 404:
        detail = f"There is nothing at {request.url.path}."
    elif error.status_code == 405:
        detail = f"{request.method} is not something {request.url.path} does."
    else:
        detail = f"{str(error.detail).rstrip('.')}."
    # not from the title, whose wording changes between releases of Python
    code = _HTTP_CODES.get(error.status_code, f"http_{error.status_code}")
    return _plain(error.status_code, title, code, detail, headers=error.headers)


async def _database(_request: Request, error: Exception) -> Response:
    if is_database_away(error):
        log.warning("the database cannot be reached", extra={"cause": str(error)})
        return problem_response(Unavailable("The hub's database cannot be reached just now; try again in a moment."))
    if isinstance(error, DataError) and "NUL" in str(error.orig):
        return problem_response(Invalid("A text in the request holds a NUL character; send it without."))
    raise error


async def _nobody_listens(_request: Request, _error: Exception) -> Response:
    """Answer a client that went away before its request was whole; only the log sees it."""
    return problem_response(Cancelled("The connection was closed before the request was whole."))


def _plain(
    status: int, title: str, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any
) -> Response:
    body = {"type": problem_type(code), "title": title, "status": status, "code": code, "detail": detail, **extra}
    return Response(
        orjson.dumps(body, default=str),
        status_code=status,
        media_type="application/problem+json",
        headers=dict(headers or {}),
    )
