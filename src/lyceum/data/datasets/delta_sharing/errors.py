"""What a client of Delta Sharing is refused, in the words of its protocol."""

from lyceum.kernel.problems import Invalid, NotFound, Problem

ERROR_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    422: "INVALID_PARAMETER_VALUE",
    429: "TOO_MANY_REQUESTS",
}


class ShareNotFound(NotFound):
    """No organisation of that name has a dataset the caller may read, or no schema of that name."""

    code = "share_not_found"


class SharingUnsupported(Invalid):
    """A part of the protocol that this hub does not offer."""

    code = "sharing_unsupported"


class ProfileNeedsKey(Invalid):
    """A profile holds the key it was asked for with, and there was none."""

    code = "profile_needs_key"


def error_of(problem: Problem) -> tuple[int, dict[str, str]]:
    """Return the status and the body that clients of the protocol know a refusal by."""
    # the protocol has 400 for all that cannot be carried out as it is asked
    status = 400 if problem.status == 422 else problem.status
    return status, {"errorCode": ERROR_CODES.get(problem.status, problem.code.upper()), "message": problem.detail}
