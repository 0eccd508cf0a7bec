"""The door of accounts."""

from lyceum.accounts.asking import who_asks
from lyceum.accounts.known import KnownActors, KnownSessions, access_tokens
from lyceum.accounts.policy import ANYONE, Actor, Power, Role, require, require_person
from lyceum.accounts.queries import (
    administrator_is_set_up,
    find_actor,
    find_organisation_id,
    organisation_names,
    setup_link_works,
)
from lyceum.accounts.schemas import FirstAdministrator
from lyceum.accounts.service import create_setup_link, local_administrator_key, set_up
from lyceum.accounts.sessions.public import SessionProof, find_session_actor

__all__ = [
    "ANYONE",
    "Actor",
    "FirstAdministrator",
    "KnownActors",
    "KnownSessions",
    "Power",
    "Role",
    "SessionProof",
    "access_tokens",
    "administrator_is_set_up",
    "create_setup_link",
    "find_actor",
    "find_organisation_id",
    "find_session_actor",
    "local_administrator_key",
    "organisation_names",
    "require",
    "require_person",
    "set_up",
    "setup_link_works",
    "who_asks",
]
