"""The door of accounts."""

from lyceum.accounts.known import KnownActors
from lyceum.accounts.policy import ANYONE, Actor, Power, Role, require
from lyceum.accounts.queries import (
    administrator_is_set_up,
    find_actor,
    find_organisation_id,
    organisation_names,
    setup_link_works,
)
from lyceum.accounts.schemas import FirstAdministrator
from lyceum.accounts.service import create_setup_link, local_administrator_key, set_up
from lyceum.accounts.told import AccessRequest, Letter, LetterKind, SignIn, access_request_of, letter_of, sign_in_of

__all__ = [
    "ANYONE",
    "AccessRequest",
    "Actor",
    "FirstAdministrator",
    "KnownActors",
    "Letter",
    "LetterKind",
    "Power",
    "Role",
    "SignIn",
    "access_request_of",
    "administrator_is_set_up",
    "create_setup_link",
    "find_actor",
    "find_organisation_id",
    "letter_of",
    "local_administrator_key",
    "organisation_names",
    "require",
    "set_up",
    "setup_link_works",
    "sign_in_of",
]
