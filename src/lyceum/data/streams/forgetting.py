"""Erasing a person from messages that are held because they are no rows."""

from typing import Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.personal.public import ErasedPerson
from lyceum.data.streams.models import DeadLetterRow, StreamRow
from lyceum.kernel.resources import Resources

LETTERS_AT_ONCE = 200


async def forget_in_letters(tx: AsyncSession, resources: Resources, person: ErasedPerson) -> None:
    """Throw away what is held of the person: JSON whose field is the value, and whatever else has it in its bytes."""
    del resources
    letter = DeadLetterRow
    streams = select(StreamRow.id).where(StreamRow.dataset_id == person.dataset_id)
    query = select(letter.id, letter.content).where(letter.stream_id.in_(streams), letter.state.in_(("held", "trying")))
    after = None
    while True:
        page = query if after is None else query.where(letter.id > after)
        rows = (await tx.execute(page.order_by(letter.id).limit(LETTERS_AT_ONCE))).all()
        theirs = [row.id for row in rows if _tells_of(bytes(row.content), person)]
        if theirs:
            gone = {"content": b"", "state": "given_up", "reason": "It told of somebody who was erased."}
            await tx.execute(update(letter).where(letter.id.in_(theirs)).values(gone))
        if len(rows) < LETTERS_AT_ONCE:
            return
        after = rows[-1].id


def _tells_of(content: bytes, person: ErasedPerson) -> bool:
    try:
        message = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        # not JSON, or cut off after its first bytes
        return person.value.encode() in content
    found = message.get(person.column) if isinstance(message, dict) else message
    return _text(found) == person.value


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)
