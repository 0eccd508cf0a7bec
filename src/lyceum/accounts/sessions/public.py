"""The door of sessions: who a request belongs to, and beginning and ending sessions."""

from lyceum.accounts.sessions.access_tokens import ACCESS_SECONDS, AccessTokens, has_token_form
from lyceum.accounts.sessions.cookies import (
    clear_cookies,
    cookie_names,
    csrf_refusal,
    csrf_token_of,
    set_cookies,
)
from lyceum.accounts.sessions.proofs import (
    ORGANISATION_FORM,
    SessionProof,
    forget_person_after_commit,
    forget_session_after_commit,
    proof_of,
)
from lyceum.accounts.sessions.queries import find_session_actor, session_for
from lyceum.accounts.sessions.service import (
    BegunSession,
    RequestFacts,
    SecondFactorWanted,
    after_first_factor,
    begin_session,
    person_of_ticket,
    revoke_session,
    revoke_sessions,
)
from lyceum.accounts.sessions.signing_keys import SigningKeys

__all__ = [
    "ACCESS_SECONDS",
    "ORGANISATION_FORM",
    "AccessTokens",
    "BegunSession",
    "RequestFacts",
    "SecondFactorWanted",
    "SessionProof",
    "SigningKeys",
    "after_first_factor",
    "begin_session",
    "clear_cookies",
    "cookie_names",
    "csrf_refusal",
    "csrf_token_of",
    "find_session_actor",
    "forget_person_after_commit",
    "forget_session_after_commit",
    "has_token_form",
    "person_of_ticket",
    "proof_of",
    "revoke_session",
    "revoke_sessions",
    "session_for",
    "set_cookies",
]
