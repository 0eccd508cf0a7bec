"""What pushes can be refused with."""

from lyceum.kernel.problems import Conflict, Invalid, Problem, TooLarge, Unavailable


class RecordsUnreadable(Invalid):
    """The body is no list of records, or one of them does not fit the dataset's columns."""

    title = "The records cannot be taken"
    code = "records_unreadable"


class TooManyRecords(TooLarge):
    """More records in one request than it may have."""

    title = "Too many records at once"
    code = "too_many_records"


class MediaTypeUnknown(Problem):
    """The body is said to be neither JSON nor JSON Lines."""

    status = 415
    title = "The body has another form"
    code = "media_type_unknown"


class BufferFull(Unavailable):
    """More records of the dataset wait to become a version than may."""

    title = "Too many records wait"
    code = "push_buffer_full"


class NothingHeld(Conflict):
    """The version keeps no pushed records."""

    code = "nothing_held"
