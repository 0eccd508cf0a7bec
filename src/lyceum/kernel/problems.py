"""What can go wrong, as facts with a code; the edge answers them as `application/problem+json` (RFC 9457).

A module's `errors.py` names its facts by subclassing these: `class DatasetLocked(Conflict): code = "dataset_locked"`.
"""

import errno
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NUMBER_IN_WORDS = re.compile(r"\(os error (\d+)\)")


def problem_type(code: str) -> str:
    """Return the URI that names a kind of problem."""
    return f"urn:lyceum:problem:{code}"


class Problem(Exception):
    """A refusal with one sentence for a person and a code for a program."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"
    code: str = "internal"
    is_refusal: ClassVar[bool] = False
    """Whether somebody tried what they may not: such attempts at changes are recorded."""
    headers: Mapping[str, str] = MappingProxyType({})
    """What its answer says beside the document."""

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """Return the members of the problem document."""
        return {
            "type": problem_type(self.code),
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.extra,
        }


class Invalid(Problem):
    """The request is understood and cannot be carried out as it stands."""

    status = 422
    title = "The request cannot be carried out as it stands"
    code = "invalid"


class Unauthenticated(Problem):
    """Nobody is known to be asking."""

    status = 401
    title = "Sign in or send an API key"
    code = "unauthenticated"
    is_refusal = True


class Forbidden(Problem):
    """The caller is known and may not do this."""

    status = 403
    title = "Not allowed"
    code = "forbidden"
    is_refusal = True


class NotFound(Problem):
    """There is no such thing, or the caller may not know that there is."""

    status = 404
    title = "Not found"
    code = "not_found"


class Conflict(Problem):
    """The thing is not in a state that allows this."""

    status = 409
    title = "Conflicts with the present state"
    code = "conflict"


class Gone(Problem):
    """It was here and is no longer."""

    status = 410
    title = "No longer here"
    code = "gone"


class TooLarge(Problem):
    """More than the hub takes."""

    status = 413
    title = "Too large"
    code = "too_large"


class TooMany(Problem):
    """More often than the hub answers."""

    status = 429
    title = "Too many requests"
    code = "too_many_requests"


class Unavailable(Problem):
    """Something the hub needs is missing for now."""

    status = 503
    title = "Not available for now"
    code = "unavailable"


class NoSpace(Problem):
    """The disk is full, or nearly."""

    status = 507
    title = "Not enough space"
    code = "no_space"


def first_line(error: BaseException) -> str:
    """Return what an error says first, else of what kind it is; those of libraries go on with places and hints."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def is_full(error: BaseException) -> bool:
    """Return whether an error says that the disk, or the share of it one may use, is full: `NoSpace` for a person."""
    return bool(_system_errors(error) & _FULL)


def is_bad_disk(error: BaseException) -> bool:
    """Return whether an error says that a disk does not give back what was written to it."""
    return errno.EIO in _system_errors(error)


def _system_errors(error: BaseException) -> set[int]:
    # Polars, Delta and the object store library give the system's number in words only
    in_words = {int(number) for number in _NUMBER_IN_WORDS.findall(str(error))}
    number = getattr(error, "errno", None)
    return in_words if number is None else {number, *in_words}
