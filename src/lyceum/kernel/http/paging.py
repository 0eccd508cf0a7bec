"""Pages by opaque cursor: the last id seen, so that deep pages cost what first pages cost."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from lyceum.kernel.problems import Invalid
from lyceum.kernel.security import base64url, from_base64url

PAGE_ITEMS_MAX = 200

Limit = Annotated[int, Query(ge=1, le=PAGE_ITEMS_MAX, description="Most items in one page.")]
Cursor = Annotated[str | None, Query(max_length=64, description="`next` of the page before.")]
NamePart = Annotated[
    str | None,
    Query(min_length=1, max_length=100, description="Only those whose name holds this, however it is written."),
]


class CursorInvalid(Invalid):
    """A cursor this hub never gave."""

    code = "cursor_invalid"


def encode_cursor(last_id: UUID) -> str:
    """Return the cursor of the page after `last_id`."""
    return base64url(last_id.bytes)


def decode_cursor(cursor: str | None) -> UUID | None:
    """Return the id a cursor stands for; raises `CursorInvalid`."""
    if cursor is None:
        return None
    try:
        return UUID(bytes=from_base64url(cursor))
    except ValueError:
        raise CursorInvalid("The cursor is not one this hub gave; start again without it.") from None


def next_cursor(ids: list[UUID], limit: int) -> str | None:
    """Return the cursor after a full page, which may lead to an empty one; None after any other."""
    return encode_cursor(ids[-1]) if len(ids) == limit else None
