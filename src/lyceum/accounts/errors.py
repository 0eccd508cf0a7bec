"""What accounts can refuse."""

from lyceum.accounts.policy import NotAllowed, OrganisationNeeded, SignInNeeded, SignInWithSession
from lyceum.kernel.problems import Conflict, Forbidden, Gone, Invalid, NotFound, Unauthenticated, Unavailable

__all__ = [
    "CsrfRefused",
    "ExpiryPast",
    "KeyNotFound",
    "KeysBusy",
    "NameTaken",
    "NotAllowed",
    "OrganisationNeeded",
    "OrganisationNotFound",
    "PasswordWeak",
    "ScopeUnknown",
    "SessionNotFound",
    "SessionRevoked",
    "SetupLinkUsed",
    "SignInNeeded",
    "SignInRefused",
    "SignInWithSession",
]


class SetupLinkUsed(Gone):
    """The set-up link was used, has run out, or never was."""

    code = "setup_link_used"
    is_refusal = True


class KeyNotFound(NotFound):
    """No such key in the organisation acted in."""

    code = "key_not_found"


class KeysBusy(Unavailable):
    """So many unknown keys are being looked up that one more has to wait."""

    code = "busy"


class ScopeUnknown(Invalid):
    """A scope that does not exist, or that its giver does not hold."""

    code = "scope_unknown"


class ExpiryPast(Invalid):
    """A key that would never work."""

    code = "expiry_past"


class PasswordWeak(Invalid):
    """A password that is too short or too long."""

    code = "password_weak"


class NameTaken(Conflict):
    """An address or e-mail that somebody has."""

    code = "name_taken"


class SignInRefused(Unauthenticated):
    """The e-mail or the password is not right; which of the two, nobody is told."""

    code = "sign_in_refused"


class SessionRevoked(Unauthenticated):
    """The session has ended: signed out, run out, or its refresh token came twice."""

    code = "session_revoked"


class SessionNotFound(NotFound):
    """No such session of the person who asks."""

    code = "session_not_found"


class OrganisationNotFound(NotFound):
    """No organisation of that name that the person who asks is in."""

    code = "organisation_not_found"


class CsrfRefused(Forbidden):
    """A change by cookie without what only the hub's own pages can send."""

    code = "csrf_refused"
