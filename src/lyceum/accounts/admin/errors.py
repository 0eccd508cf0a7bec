"""What the administration of a hub can refuse."""

from lyceum.kernel.problems import Conflict, Forbidden, NotFound


class PersonNotFound(NotFound):
    """No such person on this hub."""

    code = "person_not_found"


class ScheduleNotFound(NotFound):
    """Nothing of that kind comes round for the hub itself."""

    code = "schedule_not_found"


class LastAdministrator(Conflict):
    """The hub would have nobody left who runs it."""

    code = "last_administrator"


class NotThisPerson(Conflict):
    """Somebody whom an administrator cannot act as, or suspend."""

    code = "not_this_person"


class ImpersonationOver(Forbidden):
    """The time in which an administrator acted as somebody has ended, or never was."""

    code = "impersonation_over"


class NotWhileImpersonating(Forbidden):
    """Something that only the person themselves may do."""

    code = "not_while_impersonating"
