"""How clients of Delta Sharing are answered and refused."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError

from lyceum.accounts.edge import HubRoute
from lyceum.data.datasets.delta_sharing.actions import CAPABILITIES
from lyceum.data.datasets.delta_sharing.errors import ERROR_CODES, error_of
from lyceum.kernel.problems import Problem

JSON = "application/json; charset=utf-8"
LINES = "application/x-ndjson; charset=utf-8"
_NOT_KEPT = {"cache-control": "private, no-store", "x-content-type-options": "nosniff"}


class SharingRoute(HubRoute):
    """A route that refuses in the protocol's form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what makes the answer."""
        make_answer = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await make_answer(request)
            except Problem as problem:
                status, body = error_of(problem)
                refusal = json_response(body, status=status)
                for name, value in problem.headers.items():
                    refusal.headers[name] = value
                return refusal
            except RequestValidationError as error:
                first = error.errors()[0]
                field = ".".join(str(part) for part in first["loc"])
                body = {"errorCode": ERROR_CODES[400], "message": f"{field}: {first['msg']}"}
                return json_response(body, status=400)

        return answer


def json_response(content: Any, *, status: int = 200) -> Response:
    """Return an answer in JSON."""
    return Response(orjson.dumps(content), status_code=status, media_type=JSON, headers=_NOT_KEPT)


def table_response(version: int, lines: Iterable[bytes], *, as_delta: bool = False) -> Response:
    """Return what is said of a version of a table, line by line; the addresses in it are secrets for a while."""
    form = "delta" if as_delta else "parquet"
    headers = {**_NOT_KEPT, "delta-table-version": str(version), CAPABILITIES: f"responseformat={form}"}
    return Response(b"".join(lines), media_type=LINES, headers=headers)
