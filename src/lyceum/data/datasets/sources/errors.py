"""Why a file could not be fetched."""

from lyceum.kernel.problems import Invalid, Unavailable


class FetchRefused(Invalid):
    """The address answers, and not with a file; asking again would not help."""

    title = "The address has no file"
    code = "fetch_refused"


class FetchFailed(Unavailable):
    """The address answered with a failure of its own; it may have the file later."""

    title = "The address failed"
    code = "fetch_failed"
