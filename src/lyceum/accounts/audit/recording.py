"""What is recorded of what somebody does: noted while a request runs, written in the message that commits it.

Every change that comes through a route is recorded whether or not its service says anything; what the service notes makes
the record more exact. Of what was shown only a digest is kept: the log tells that it was this, never what it was.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

import orjson
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.policy import Actor
from lyceum.kernel.db import Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.telemetry import log_context
from lyceum.kernel.with_commit import send_with_commit

Outcome = Literal["done", "read", "refused"]

READS_NOTED_MAX = 50
TEXT_CHARACTERS_MAX = 300
DIGESTED_ON_THE_LOOP_BYTES_MAX = 64 * 1024
DIGESTED_BYTES_MAX = 16 * 1024**2

_COLUMNS = (
    *("id", "org_id", "actor_id", "key_id", "session_id", "impersonator_id", "action", "outcome", "reason", "times"),
    *("object_kind", "object_id", "object_address", "before_digest", "after_digest", "request_id", "address"),
)
_ADD = f"INSERT INTO audit_log ({', '.join(_COLUMNS)}) VALUES ({', '.join(['{}'] * len(_COLUMNS))})"  # noqa: S608 names of columns


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """What something was done to; `org_id` is whose it is, where that is not the organisation acted in."""

    kind: str | None = None
    id: str | None = None
    address: str | None = None
    org_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log as it is written."""

    who: Actor | Scope
    action: str
    outcome: Outcome
    object: ObjectRef = field(default_factory=ObjectRef)
    before_digest: bytes | None = None
    after_digest: bytes | None = None
    reason: str | None = None
    times: int = 1
    request_id: str | None = None
    address: str | None = None


@dataclass(slots=True)
class Notes:
    """What becomes known of a request while it runs."""

    object: ObjectRef = field(default_factory=ObjectRef)
    before_digest: bytes | None = None
    after_digest: bytes | None = None
    actor_id: UUID | None = None
    """Whose account was tried, where nobody is signed in."""
    address: str | None = None
    reads: dict[ObjectRef, None] = field(default_factory=dict)
    """Sensitive objects that were read, each once."""
    action: str = ""
    request_id: str | None = None
    is_recorded: bool = False


_notes: ContextVar[Notes | None] = ContextVar("audit_notes", default=None)


@contextmanager
def noting(action: str, *, address: str, request_id: str | None) -> Iterator[Notes]:
    """Yield what is noted of the request that runs within the block, from an address."""
    notes = Notes(address=address, action=action, request_id=request_id)
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)


def note_audit(
    kind: str | None = None,
    object_id: UUID | str | None = None,
    *,
    address: str | None = None,
    org_id: UUID | None = None,
    before: BaseModel | dict[str, Any] | None = None,
    after: BaseModel | dict[str, Any] | None = None,
    actor_id: UUID | None = None,
) -> None:
    """Say more exactly what the request under way does: to which object, what it was before and is now.

    Outside a request there is nothing to say it of, and `record` is what to call.
    """
    notes = _notes.get()
    if notes is None:
        return
    given: dict[str, Any] = {
        "kind": kind,
        "id": str(object_id) if object_id is not None else None,
        "address": address,
        "org_id": org_id,
    }
    notes.object = replace(notes.object, **{name: value for name, value in given.items() if value is not None})
    if before is not None:
        notes.before_digest = digest_of_shown(before)
    if after is not None:
        notes.after_digest = digest_of_shown(after)
    if actor_id is not None:
        notes.actor_id = actor_id


def note_sensitive_read(kind: str, object_id: UUID, *, address: str, org_id: UUID) -> None:
    """Have the read of a sensitive object recorded with the request under way, in the log of its organisation."""
    notes = _notes.get()
    if notes is not None and len(notes.reads) < READS_NOTED_MAX:
        notes.reads[ObjectRef(kind, str(object_id), address, org_id)] = None


def record_here(tx: AsyncSession, who: Actor | Scope) -> None:
    """Have the line of the request under way written when `tx` commits, as that of `who`: for a request that has no other.

    It then takes no transaction of its own, and has no digest of the answer, which is made later.
    """
    notes = _notes.get()
    if notes is None or notes.is_recorded:
        return
    notes.is_recorded = True
    entry = Entry(
        who=who,
        action=notes.action,
        outcome="done",
        object=notes.object,
        before_digest=notes.before_digest,
        after_digest=notes.after_digest,
        request_id=notes.request_id,
        address=notes.address,
    )
    add_with_commit(tx, entry)


def record(
    tx: AsyncSession,
    who: Actor | Scope,
    action: str,
    object_kind: str | None,
    object_id: UUID | str | None,
    *,
    address: str | None = None,
    before: BaseModel | dict[str, Any] | None = None,
    after: BaseModel | dict[str, Any] | None = None,
) -> None:
    """Record what a job or a command did, or a route does beside what its name says, when `tx` commits."""
    notes = _notes.get()
    entry = Entry(
        who=who,
        action=action,
        outcome="done",
        object=ObjectRef(object_kind, str(object_id) if object_id is not None else None, address),
        before_digest=digest_of_shown(before) if before is not None else None,
        after_digest=digest_of_shown(after) if after is not None else None,
        request_id=current_request_id(),
        address=notes.address if notes is not None else None,
    )
    add_with_commit(tx, entry)


def add_with_commit(tx: AsyncSession, entry: Entry) -> None:
    """Have an entry written in the message that commits `tx`."""
    send_with_commit(tx, _ADD, _values(entry))


def digest_of_shown(shown: BaseModel | dict[str, Any]) -> bytes:
    """Return the SHA-256 of what is shown of an object, as JSON with its names sorted."""
    plain = shown.model_dump(mode="json") if isinstance(shown, BaseModel) else shown
    return hashlib.sha256(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS, default=str)).digest()


async def digest_of_answer(body: bytes) -> tuple[bytes | None, dict[str, Any]]:
    """Return the digest of an answer, as `digest_of_shown` gives it, and what it says where it is an object."""
    if not body or len(body) > DIGESTED_BYTES_MAX:
        return None, {}
    if len(body) > DIGESTED_ON_THE_LOOP_BYTES_MAX:
        return await asyncio.to_thread(_digest_of_json, body)
    return _digest_of_json(body)


def current_request_id() -> str | None:
    """Return the id of the first request behind what runs here."""
    context = log_context.get() or {}
    request_id = context.get("request_id")
    return str(request_id) if request_id is not None else None


def _digest_of_json(body: bytes) -> tuple[bytes | None, dict[str, Any]]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return hashlib.sha256(body).digest(), {}
    digest = hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()
    return digest, said if isinstance(said, dict) else {}


def _values(entry: Entry) -> tuple[str | int | bytes | UUID | None, ...]:
    who, of = entry.who, entry.object
    key_id, session_id, impersonator_id = (
        (who.key_id, who.session_id, who.impersonator_id) if isinstance(who, Actor) else (None, None, None)
    )
    return (
        *(new_id(), of.org_id or who.org_id, who.user_id, key_id, session_id, impersonator_id),
        *(entry.action, entry.outcome, entry.reason, entry.times),
        *(of.kind, _short(of.id), _short(of.address), entry.before_digest, entry.after_digest),
        *(_short(entry.request_id), entry.address),
    )


def _short(text: str | None) -> str | None:
    return text[:TEXT_CHARACTERS_MAX] if text is not None else None
