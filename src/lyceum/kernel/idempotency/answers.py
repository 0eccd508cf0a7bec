"""Requests that may be sent again: the answer to the first is kept in the transaction of its change, and given again.

The form of the header is that of the IETF draft (draft-ietf-httpapi-idempotency-key-header); a client that gets no answer
sends the same request with the same key and is told what came of the first.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Request
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from lyceum.kernel.idempotency.models import KEPT_HOURS, IdempotencyKeyRow
from lyceum.kernel.problems import Conflict, Invalid

KEPT_BYTES_MAX = 1024**2
"""An answer larger than that is known to have been given, and not kept."""
KEPT_HEADERS = ("content-type", "etag", "location")
HASHED_ON_THE_LOOP_BYTES_MAX = 256 * 1024
NIL = UUID(int=0)
KEEP_ANSWER = "lyceum.keep_answer"
"""Where in a request's scope stands what its route calls with the answer, to keep it."""

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description=f"Chosen by you, new for each request you mean: sent again within {KEPT_HOURS} hours, the request is "
        "not carried out again but answered as before.",
    ),
]


class KeyUsedOtherwise(Invalid):
    """The key came with another request before."""

    code = "idempotency_key_used_otherwise"


class RequestUnderWay(Conflict):
    """The same request is being carried out just now."""

    code = "request_under_way"
    headers = {"retry-after": "1"}  # noqa: RUF012 read, never changed


class AnswerNotKept(Conflict):
    """The request was carried out before, and its answer is not kept."""

    code = "answer_not_kept"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request with its key, as far as it is remembered: no digest tells what was in it.

    One that a person sent as themselves is of no organisation, wherever they act.
    """

    org_id: UUID | None
    user_id: UUID
    key_digest: bytes
    fingerprint: bytes


class AnsweredBefore(Exception):
    """Carries the answer to the first request past the route; the transaction of this one ends having done nothing."""

    def __init__(self, answer: Response) -> None:
        super().__init__("answered before")
        self.answer = answer


async def sent_by(request: Request, key: str, *, org_id: UUID | None, user_id: UUID) -> Sent:
    """Return what is remembered of a person's request; its body has been read."""
    body = await request.body()
    named = f"{request.method} {request.url.path}?{request.url.query}\n".encode()
    if len(body) > HASHED_ON_THE_LOOP_BYTES_MAX:
        fingerprint = await asyncio.to_thread(_digest, named, body)
    else:
        fingerprint = _digest(named, body)
    return Sent(org_id, user_id, _digest((org_id or NIL).bytes, user_id.bytes, key.encode()), fingerprint)


async def refuse_repetition(tx: AsyncSession, sent: Sent) -> None:
    """Return when this is the first request with its key, and no other one runs until `tx` ends.

    Raises `AnsweredBefore` with the answer to the first, `RequestUnderWay` while that is being made, `KeyUsedOtherwise`
    and `AnswerNotKept`.
    """
    # a lock that is waited for would hold a connection meanwhile
    lock = int.from_bytes(sent.key_digest[:8], "big", signed=True)
    if not await tx.scalar(select(func.pg_try_advisory_xact_lock(lock))):
        raise RequestUnderWay("The same request is being carried out just now; send it again in a second.")
    row = await tx.scalar(select(IdempotencyKeyRow).where(*_is_of(sent)))
    if row is None:
        return
    if row.created_at < datetime.now(UTC) - timedelta(hours=KEPT_HOURS):
        await tx.execute(delete(IdempotencyKeyRow).where(*_is_of(sent)))
        return
    if row.fingerprint != sent.fingerprint:
        raise KeyUsedOtherwise("This Idempotency-Key came with another request before; choose a new one.")
    if row.body is None:
        raise AnswerNotKept(
            "This request was carried out already, and its answer is not kept; look at what it made, or send it with a "
            "new Idempotency-Key to have it carried out again."
        )
    raise AnsweredBefore(_again(row.body, row.status, row.headers))


async def keep(tx: AsyncSession, sent: Sent, answer: Response, *, with_body: bool) -> None:
    """Keep the answer when `tx` commits; without its body where that holds what is shown only once."""
    body = getattr(answer, "body", None) if with_body else None
    tx.add(
        IdempotencyKeyRow(
            org_id=sent.org_id,
            user_id=sent.user_id,
            key_digest=sent.key_digest,
            fingerprint=sent.fingerprint,
            status=answer.status_code,
            headers={name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers},
            body=bytes(body) if body is not None and len(body) <= KEPT_BYTES_MAX else None,
        )
    )
    await tx.flush()


def _again(body: bytes, status: int, headers: Mapping[str, str]) -> Response:
    return Response(body, status_code=status, headers={**headers, "idempotency-replayed": "true"})


def _is_of(sent: Sent) -> tuple[Any, ...]:
    row = IdempotencyKeyRow
    return (row.user_id == sent.user_id, row.key_digest == sent.key_digest)


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()
