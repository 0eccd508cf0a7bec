"""What notify can refuse."""

from lyceum.kernel.problems import Conflict, Invalid, NotFound, Unavailable


class MailNotSetUp(Conflict):
    """The hub has no mail server."""

    code = "mail_not_set_up"


class MailRefused(Invalid):
    """The mail server does not take this letter, however often it is sent."""

    code = "mail_refused"


class MailAway(Unavailable):
    """The mail server cannot be reached, does not let the hub in, or takes nothing just now."""

    code = "mail_away"


class KindUnknown(Invalid):
    """No such kind of notice."""

    code = "kind_unknown"


class AlwaysSent(Conflict):
    """A kind that cannot be turned off on this channel."""

    code = "always_sent"


class UnsubscribeLinkInvalid(Invalid):
    """A link this hub did not make."""

    code = "unsubscribe_link_invalid"


class TemplateNotFound(NotFound):
    """No such letter, or not in that language."""

    code = "template_not_found"


class SubscriptionNotFound(NotFound):
    """No such browser among the caller's."""

    code = "push_subscription_not_found"


class SubscriptionInvalid(Invalid):
    """What came is no subscription of a browser."""

    code = "push_subscription_invalid"


class PushAway(Unavailable):
    """A push service takes nothing just now."""

    code = "push_away"


class PushRefused(Invalid):
    """A push service does not take this message, however often it is sent."""

    code = "push_refused"


class DestinationNotFound(NotFound):
    """No such destination in the organisation."""

    code = "destination_not_found"


class DestinationInvalid(Invalid):
    """An address or key that a destination of this kind cannot have."""

    code = "destination_invalid"


class DestinationRefused(Invalid):
    """The destination does not take what is sent, however often it is sent."""

    code = "destination_refused"


class DestinationAway(Unavailable):
    """The destination takes nothing just now."""

    code = "destination_away"


class OrganisationOther(NotFound):
    """The organisation of the address is not the one acted in."""

    code = "organisation_not_found"
