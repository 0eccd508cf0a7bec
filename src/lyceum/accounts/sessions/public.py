"""The door of sessions: who a request belongs to, and beginning and ending sessions."""

from lyceum.accounts.sessions.access_tokens import ACCESS_SECONDS, AccessTokens, has_token_form
from lyceum.accounts.sessions.answers import answer_first_factor, answer_signed_in
from lyceum.accounts.sessions.cookies import (
    clear_cookies,
    cookie_names,
    csrf_refusal,
    csrf_token_of,
    set_cookies,
)
from lyceum.accounts.sessions.guessing import (
    Guesser,
    begin_guess,
    guesser_of,
    note_right,
    note_wrong,
    refuse_barred_address,
)
from lyceum.accounts.sessions.proofs import (
    ORGANISATION_FORM,
    SessionProof,
    forget_person_after_commit,
    forget_session_after_commit,
    proof_of,
)
from lyceum.accounts.sessions.queries import (
    find_session_actor,
    list_session_ids,
    refuse_stale_session,
    session_for,
)
from lyceum.accounts.sessions.service import (
    FRESH_SECONDS,
    SIGN_ON,
    BegunSession,
    RequestFacts,
    SecondFactorWanted,
    after_first_factor,
    begin_session,
    mark_fresh,
    revoke_session,
    revoke_sessions,
)
from lyceum.accounts.sessions.signing_keys import SigningKeys

__all__ = [
    "ACCESS_SECONDS",
    "FRESH_SECONDS",
    "ORGANISATION_FORM",
    "SIGN_ON",
    "AccessTokens",
    "BegunSession",
    "Guesser",
    "RequestFacts",
    "SecondFactorWanted",
    "SessionProof",
    "SigningKeys",
    "after_first_factor",
    "answer_first_factor",
    "answer_signed_in",
    "begin_guess",
    "begin_session",
    "clear_cookies",
    "cookie_names",
    "csrf_refusal",
    "csrf_token_of",
    "find_session_actor",
    "forget_person_after_commit",
    "forget_session_after_commit",
    "guesser_of",
    "has_token_form",
    "list_session_ids",
    "mark_fresh",
    "note_right",
    "note_wrong",
    "proof_of",
    "refuse_barred_address",
    "refuse_stale_session",
    "revoke_session",
    "revoke_sessions",
    "session_for",
    "set_cookies",
]
