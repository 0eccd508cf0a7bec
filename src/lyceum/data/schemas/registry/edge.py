"""How clients of the Confluent Schema Registry say who they are, and how they are answered."""

import base64
import binascii
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError

from lyceum.accounts.edge import HubRoute
from lyceum.data.schemas.errors import SchemaIncompatible
from lyceum.data.schemas.registry.errors import error_code
from lyceum.kernel.problems import Problem, Unauthenticated

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"


class RegistryRoute(HubRoute):
    """A route that takes an API key as the password of Basic authentication as well, and refuses in the registry's form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what makes the answer."""
        make_answer = super().get_route_handler()

        async def answer(request: Request) -> Response:
            _take_key_from_password(request)
            try:
                return await make_answer(request)
            except Problem as problem:
                return _refusal(problem)
            except RequestValidationError as error:
                first = error.errors()[0]
                field = ".".join(str(part) for part in first["loc"])
                return registry_response({"error_code": 422, "message": f"{field}: {first['msg']}"}, status=422)

        return answer


def registry_response(content: Any, *, status: int = 200) -> Response:
    """Return an answer of the registry."""
    return Response(orjson.dumps(content), status_code=status, media_type=CONTENT_TYPE)


def _take_key_from_password(request: Request) -> None:
    """Have `Basic` with a key as password say what `Bearer` with that key says; the user's name is not looked at."""
    headers: list[tuple[bytes, bytes]] = request.scope["headers"]
    request.scope["headers"] = [
        (name, _as_bearer(value) if name == b"authorization" else value) for name, value in headers
    ]


def _as_bearer(authorization: bytes) -> bytes:
    kind, _, given = authorization.partition(b" ")
    if kind.lower() != b"basic":
        return authorization
    try:
        _, _, password = base64.b64decode(given.strip(), validate=True).partition(b":")
    except binascii.Error:
        return authorization
    return b"Bearer " + password


def _refusal(problem: Problem) -> Response:
    answer = registry_response({"error_code": error_code(problem), "message": _message(problem)}, status=problem.status)
    for name, value in problem.headers.items():
        answer.headers[name] = value
    if isinstance(problem, Unauthenticated):
        answer.headers["www-authenticate"] = 'Basic realm="Lyceum schema registry"'
    return answer


def _message(problem: Problem) -> str:
    if not isinstance(problem, SchemaIncompatible):
        return problem.detail
    told = " ".join(f"{one.says} {one.fix}" for one in problem.breaks)
    return f"{problem.detail.partition('. ')[0]}. {told}"
