"""What incidents can refuse."""

from lyceum.kernel.problems import Conflict, Invalid, NotFound


class IncidentNotFound(NotFound):
    """No such incident, or none the caller may see."""

    code = "incident_not_found"


class IncidentResolved(Conflict):
    """It is resolved already."""

    code = "incident_resolved"


class IncidentNotResolved(Conflict):
    """What is not resolved cannot be opened again."""

    code = "incident_not_resolved"


class IncidentOpenAlready(Conflict):
    """Another incident about the same thing is open."""

    code = "incident_open_already"


class AssigneeUnknown(Invalid):
    """Nobody of that id is a member of the organisation."""

    code = "assignee_unknown"


class SnoozeInvalid(Invalid):
    """A time to rest until that has passed or is too far off."""

    code = "snooze_invalid"


class ZoneUnknown(Invalid):
    """No such time zone."""

    code = "zone_unknown"


class OrganisationOther(NotFound):
    """The organisation of the address is not the one acted in."""

    code = "organisation_not_found"


class AlertRuleNotFound(NotFound):
    """No such rule in the organisation."""

    code = "alert_rule_not_found"


class AlertRuleInvalid(Invalid):
    """A rule that tells nobody, or somebody who is not there."""

    code = "alert_rule_invalid"


class TooManyAlertRules(Conflict):
    """The organisation has as many rules as it may."""

    code = "too_many_alert_rules"
