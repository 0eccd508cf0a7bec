"""The door of accounts."""

from lyceum.accounts.asking import who_asks
from lyceum.accounts.factors.public import remove_factors_by_email
from lyceum.accounts.grants.guests import acting_as, granted_ids, guest_for, is_granted, maintains_any
from lyceum.accounts.grants.kinds import GrantableKind, ObjectCard, ObjectRef
from lyceum.accounts.known import KnownActors, KnownSessions, access_tokens
from lyceum.accounts.people.public import reset_link_for_email
from lyceum.accounts.policy import ANYONE, Actor, Power, Role, require, require_operator, require_person, require_to_see
from lyceum.accounts.queries import (
    administrator_is_set_up,
    find_actor,
    find_organisation_id,
    member_names,
    members_with,
    organisation_names,
    setup_link_works,
)
from lyceum.accounts.schemas import FirstAdministrator
from lyceum.accounts.service import create_setup_link, local_administrator_key, set_up
from lyceum.accounts.sessions.public import SessionProof, answer_signed_in, find_session_actor
from lyceum.accounts.told import AccessRequest, Letter, LetterKind, SignIn, access_request_of, letter_of, sign_in_of

__all__ = [
    "ANYONE",
    "AccessRequest",
    "Actor",
    "FirstAdministrator",
    "GrantableKind",
    "KnownActors",
    "KnownSessions",
    "Letter",
    "LetterKind",
    "ObjectCard",
    "ObjectRef",
    "Power",
    "Role",
    "SessionProof",
    "SignIn",
    "access_request_of",
    "access_tokens",
    "acting_as",
    "administrator_is_set_up",
    "answer_signed_in",
    "create_setup_link",
    "find_actor",
    "find_organisation_id",
    "find_session_actor",
    "granted_ids",
    "guest_for",
    "is_granted",
    "letter_of",
    "local_administrator_key",
    "maintains_any",
    "member_names",
    "members_with",
    "organisation_names",
    "remove_factors_by_email",
    "require",
    "require_operator",
    "require_person",
    "require_to_see",
    "reset_link_for_email",
    "set_up",
    "setup_link_works",
    "sign_in_of",
    "who_asks",
]
