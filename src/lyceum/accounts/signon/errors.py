"""What signing on through an identity provider can refuse."""

from lyceum.kernel.problems import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable


class SignOnProviderNotFound(NotFound):
    """No such provider."""

    code = "sign_on_provider_not_found"


class SignOnRuleNotFound(NotFound):
    """The provider has no such rule."""

    code = "sign_on_rule_not_found"


class SignOnNotFound(NotFound):
    """No such connection of the person who asks."""

    code = "sign_on_not_found"


class SignOnProviderUnusable(Invalid):
    """What the provider says of itself cannot be worked with."""

    code = "sign_on_provider_unusable"


class SignOnProviderAway(Unavailable):
    """The provider does not answer, or not sensibly; it may later."""

    code = "sign_on_provider_away"


class ReturnPathRefused(Invalid):
    """Somewhere to go after signing in that is not a page of this hub."""

    code = "return_path_refused"


class SignOnStale(Invalid):
    """The sign-on was begun in another browser, too long ago, or has been used."""

    code = "sign_on_stale"


class SignOnRefused(Unauthenticated):
    """The provider did not sign the person in, or what it sent cannot be believed."""

    code = "sign_on_refused"


class GrantRefused(SignOnRefused):
    """The provider says of a code or refresh token that it is good no longer."""

    code = "sign_on_grant_refused"


class NotAdmitted(Forbidden):
    """The provider knows the person, and the hub takes nobody new like them."""

    code = "sign_on_not_admitted"


class SignOnEmailTaken(Conflict):
    """Somebody on the hub has the address the provider names, and its word does not count for that."""

    code = "sign_on_email_taken"


class ConnectedElsewhere(Conflict):
    """What the person is at the provider belongs to another account of the hub."""

    code = "sign_on_connected_elsewhere"


class AlreadyConnected(Conflict):
    """The person signs in through the provider as somebody else there."""

    code = "sign_on_already_connected"


class LastWayIn(Conflict):
    """Without it, the person could not sign in any more."""

    code = "last_way_in"


class LogoutTokenRefused(Invalid):
    """A logout token that the provider has not made for this hub, or not just now."""

    code = "logout_token_refused"


class TooManyProviders(Conflict):
    """No more providers, or rules of one, are taken."""

    code = "too_many_providers"
