"""What accounts tell whoever cares."""

from uuid import UUID

from lyceum.kernel.events import Event


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


class OrganisationDeleted(Event, frozen=True, kw_only=True):
    """An organisation is gone; what it had is being removed."""

    name = "accounts.organisation_deleted"
    org_id: UUID


class AccessAsked(Event, frozen=True, kw_only=True):
    """Somebody asks for access to an object, which may not exist."""

    name = "accounts.access_asked"
    request_id: UUID


class AccessDecided(Event, frozen=True, kw_only=True):
    """A request for access was approved or refused."""

    name = "accounts.access_decided"
    request_id: UUID
