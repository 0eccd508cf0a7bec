"""What others may want to hear of accounts: ids only, and never a secret."""

from uuid import UUID

from lyceum.kernel.events import Event


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


class LetterWanted(Event, frozen=True, kw_only=True):
    """Somebody is to get a letter with a link; `letter_of` says what is in it, None where there is nobody to send it to."""

    name = "accounts.letter_wanted"
    link_id: UUID


class PersonJoined(Event, frozen=True, kw_only=True):
    """Somebody became a member of an organisation."""

    name = "accounts.person_joined"
    org_id: UUID
    user_id: UUID
