"""What a hub can refuse, and not being able to reach it."""

from collections.abc import Mapping
from typing import Any


class LyceumError(Exception):
    """A refusal by the hub, or a failure to reach it; `str()` is one sentence for a person.

    `status` is the HTTP status, None when no answer came; `code` is for programs (`dataset_exists`); `problem` is the
    whole problem document (RFC 9457); `request_id` finds the request in the hub's log.
    """

    def __init__(
        self,
        status: int | None,
        code: str,
        detail: str,
        *,
        problem: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.problem = dict(problem or {})
        self.request_id = request_id


class InvalidRequest(LyceumError):
    """The hub understood the request and cannot carry it out as it stands (400, 422)."""


class NotSignedIn(LyceumError):
    """The key is missing, wrong, expired or revoked (401)."""


class NotAllowed(LyceumError):
    """The key's owner may not do this (403)."""


class NotFound(LyceumError):
    """There is no such thing, or the key's owner may not know that there is (404, 410)."""


class Conflict(LyceumError):
    """The thing is not in a state that allows this; a name that is taken is one case (409, 412)."""


class TooLarge(LyceumError):
    """More than the hub takes (413)."""


class TooManyRequests(LyceumError):
    """More often than the hub answers (429)."""


class HubFailed(LyceumError):
    """Something went wrong inside the hub (500, 507)."""


class HubUnavailable(LyceumError):
    """The hub, or something it needs, cannot be reached for now (502, 503, 504, or no answer at all)."""


class AnswerUnusable(LyceumError):
    """Something answered that does not speak as a hub does; the address is probably another program's."""


class VersionRejected(LyceumError):
    """The hub read the file and refused it; the sentence says where and why."""


class RunFailed(LyceumError):
    """A training or check run ended without a result; the sentence says why."""


class WaitedTooLong(LyceumError):
    """What was waited for has not ended in the time given; it goes on in the hub."""


_BY_STATUS: dict[int, type[LyceumError]] = {
    400: InvalidRequest,
    401: NotSignedIn,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    412: Conflict,
    413: TooLarge,
    422: InvalidRequest,
    429: TooManyRequests,
    502: HubUnavailable,
    503: HubUnavailable,
    504: HubUnavailable,
}


def error_for(status: int, problem: Mapping[str, Any], *, request_id: str | None = None) -> LyceumError:
    """Return the error a problem document stands for."""
    kind = _BY_STATUS.get(status, HubFailed if status >= 500 else LyceumError)
    detail = str(problem.get("detail") or problem.get("title") or f"The hub answered with status {status}.")
    return kind(status, str(problem.get("code") or "unknown"), detail, problem=problem, request_id=request_id)


def error_from_job(
    kind: type[LyceumError], problem: Mapping[str, Any] | None, *, otherwise: str, code: str
) -> LyceumError:
    """Return an error of `kind` for work that ended badly; `otherwise` is its sentence when the hub gave none."""
    told = problem or {}
    status = told.get("status")
    return kind(
        status if isinstance(status, int) else None,
        str(told.get("code") or code),
        str(told.get("detail") or otherwise),
        problem=told,
    )
