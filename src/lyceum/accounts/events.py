"""What others may hear of people and organisations."""

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
