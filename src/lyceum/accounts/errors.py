"""What accounts can refuse."""

from lyceum.accounts.policy import (
    NotAllowed,
    OrganisationNeeded,
    SecondFactorNeeded,
    SignInNeeded,
    SignInWithSession,
    StepUpNeeded,
)
from lyceum.kernel.problems import Conflict, Forbidden, Gone, Invalid, NotFound, Unauthenticated, Unavailable

__all__ = [
    "AccountWaits",
    "BirthDateNeeded",
    "CodeWrong",
    "CsrfRefused",
    "EmailTaken",
    "ExpiryPast",
    "FactorNotFound",
    "GrantNotFound",
    "GroupNotFound",
    "GuardianNeeded",
    "HomeOfTheHub",
    "InvitationForAnother",
    "InvitationNotFound",
    "InvitationUsed",
    "KeyNotFound",
    "KeyNotInUse",
    "KeysBusy",
    "KindUnknown",
    "LastOwner",
    "LinkUsed",
    "MemberNotFound",
    "NameDiffers",
    "NameTaken",
    "NoSecondFactor",
    "NotAllowed",
    "OrganisationNeeded",
    "OrganisationNotFound",
    "PasskeyPresent",
    "PasskeyRefused",
    "PasskeysImpossible",
    "PasswordWeak",
    "PasswordWrong",
    "PersonNotFound",
    "RegistrationClosed",
    "RequestDecided",
    "RequestNotFound",
    "ScopeUnknown",
    "SecondFactorNeeded",
    "SecondFactorRefused",
    "SecondFactorRequired",
    "SessionNotFound",
    "SessionRevoked",
    "SetupLinkUsed",
    "SignInNeeded",
    "SignInRefused",
    "SignInWithSession",
    "StepUpNeeded",
    "StepUpRefused",
    "TicketRefused",
    "TooManyFactors",
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
    """No such organisation, or not the one acted in."""

    code = "organisation_not_found"


class CsrfRefused(Forbidden):
    """A change by cookie without what only the hub's own pages can send."""

    code = "csrf_refused"


class MemberNotFound(NotFound):
    """Nobody of that id is a member of the organisation."""

    code = "member_not_found"


class LastOwner(Conflict):
    """An organisation would be left without an owner."""

    code = "last_owner"


class NameDiffers(Invalid):
    """The name typed is not that of what is to be deleted."""

    code = "name_differs"


class HomeOfTheHub(Conflict):
    """The organisation that the hub's administrator works in at the hub's own machine."""

    code = "home_of_the_hub"


class GroupNotFound(NotFound):
    """No such group in the organisation acted in, or, to grant something to, in any that the caller is in."""

    code = "group_not_found"


class KindUnknown(Invalid):
    """A kind of object that nothing of can be granted."""

    code = "kind_unknown"


class PersonNotFound(NotFound):
    """Nobody with that address is in an organisation that the caller is in."""

    code = "person_not_found"


class GrantNotFound(NotFound):
    """No such grant that the caller may see."""

    code = "grant_not_found"


class RequestNotFound(NotFound):
    """No such request for access in the organisation acted in."""

    code = "request_not_found"


class RequestDecided(Conflict):
    """Somebody has decided the request before."""

    code = "request_decided"


class KeyNotInUse(Conflict):
    """A key that was revoked, has run out, or was replaced already."""

    code = "key_not_in_use"


class AccountWaits(Forbidden):
    """The password is right, and the account waits: for its address to be confirmed, or for a guardian."""

    code = "account_waits"


class BirthDateNeeded(Invalid):
    """The hub asks for the age of whoever registers."""

    code = "birth_date_needed"


class EmailNotChangeable(Conflict):
    """The address cannot become this one, or none can be confirmed here."""

    code = "email_not_changeable"


class EmailTaken(Conflict):
    """An account has this address, where no letter can say so instead."""

    code = "email_taken"


class GuardianNeeded(Invalid):
    """A minor registers without naming a guardian."""

    code = "guardian_needed"


class InvitationForAnother(Forbidden):
    """The invitation names another address."""

    code = "invitation_for_another"


class InvitationNotFound(NotFound):
    """No such invitation in the organisation acted in."""

    code = "invitation_not_found"


class InvitationUsed(Gone):
    """The invitation was used up, was taken back, has run out, or never was."""

    code = "invitation_used"


class LinkUsed(Gone):
    """The link was used, has run out, or never was."""

    code = "link_used"


class PasswordWrong(Invalid):
    """The present password is not right."""

    code = "password_wrong"


class RegistrationClosed(Forbidden):
    """Whoever asks may not make an account here."""

    code = "registration_closed"


class SecondFactorRefused(Unauthenticated):
    """The code of the second step is wrong, or was used before."""

    code = "second_factor_refused"


class TicketRefused(Unauthenticated):
    """The ticket of the first step has run out, was used, or had too many wrong codes."""

    code = "ticket_refused"


class PasskeyRefused(Unauthenticated):
    """What an authenticator signed is not for this hub, not for what was asked, or not by a passkey known here."""

    code = "passkey_refused"


class PasskeysImpossible(Conflict):
    """The hub's address is none that browsers make passkeys for."""

    code = "passkeys_impossible"


class PasskeyPresent(Conflict):
    """The passkey is kept already."""

    code = "passkey_present"


class FactorNotFound(NotFound):
    """No such second factor of the person who asks."""

    code = "factor_not_found"


class TooManyFactors(Conflict):
    """As many factors as one may have."""

    code = "too_many_factors"


class CodeWrong(Invalid):
    """An app that is set up showed another code."""

    code = "code_wrong"


class NoSecondFactor(Conflict):
    """There is no second factor that recovery codes would stand in for."""

    code = "no_second_factor"


class SecondFactorRequired(Conflict):
    """The last second factor of somebody who needs one."""

    code = "second_factor_required"


class StepUpRefused(Forbidden):
    """What was shown to step up is wrong, or is not what is wanted of this person."""

    code = "step_up_refused"
