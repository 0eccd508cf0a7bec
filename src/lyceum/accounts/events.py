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
