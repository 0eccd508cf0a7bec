"""What others may want to hear of accounts: ids only, and never a secret."""

from typing import ClassVar
from uuid import UUID

from lyceum.kernel.events import Event


class AccountDeleted(Event, frozen=True, kw_only=True):
    """A person has left; their id leads to nobody now."""

    name: ClassVar[str] = "accounts.account_deleted"
    user_id: UUID


class OrganisationDeleted(Event, frozen=True, kw_only=True):
    """An organisation is gone, with all that was in it."""

    name: ClassVar[str] = "accounts.organisation_deleted"
    org_id: UUID


class SignedInFromNewDevice(Event, frozen=True, kw_only=True):
    """Somebody signed in with a device, or from a place, that none of their sessions had."""

    name = "accounts.signed_in_from_new_device"
    session_id: UUID
    user_id: UUID


class SecurityChanged(Event, frozen=True, kw_only=True):
    """Something changed by which a person signs in; `what` is a word such as `password` or `refresh_token_reused`."""

    name = "accounts.security_changed"
    user_id: UUID
    what: str


class PersonJoined(Event, frozen=True, kw_only=True):
    """Somebody is a member of an organisation from now on."""

    name = "accounts.person_joined"
    org_id: UUID
    user_id: UUID


class PersonLeft(Event, frozen=True, kw_only=True):
    """Somebody is no member of an organisation any more."""

    name = "accounts.person_left"
    org_id: UUID
    user_id: UUID


class AccessAsked(Event, frozen=True, kw_only=True):
    """Somebody asks for access to an object, which may not exist."""

    name = "accounts.access_asked"
    request_id: UUID


class AccessDecided(Event, frozen=True, kw_only=True):
    """A request for access was approved or refused."""

    name = "accounts.access_decided"
    request_id: UUID


class LetterWanted(Event, frozen=True, kw_only=True):
    """Somebody is to get a letter with a link; `letter_of` says what is in it, None where there is nobody to send it to."""

    name = "accounts.letter_wanted"
    link_id: UUID
