"""What accounts can refuse."""

from lyceum.accounts.policy import NotAllowed, OrganisationNeeded, SignInNeeded, SignInWithSession
from lyceum.kernel.problems import Conflict, Gone, Invalid, NotFound, Unavailable

__all__ = [
    "ExpiryPast",
    "KeyNotFound",
    "KeysBusy",
    "NameTaken",
    "NotAllowed",
    "OrganisationNeeded",
    "PasswordWeak",
    "ScopeUnknown",
    "SetupLinkUsed",
    "SignInNeeded",
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
