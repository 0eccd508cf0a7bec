"""Rows that several people edit: each has a `revision`, and a change says which one it was made from (RFC 9110, If-Match)."""

import re
from typing import Annotated, Any

from fastapi import Header
from fastapi.encoders import jsonable_encoder

from lyceum.kernel.problems import Invalid, Problem

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=200,
        description='The `ETag` of what was read and is to be changed, such as `"7"`; `*` for whatever is there.',
    ),
]
Responses = dict[int | str, dict[str, Any]]
_ETAG = {"ETag": {"description": "What `If-Match` of a change made from this takes.", "schema": {"type": "string"}}}
_TAGS = re.compile(r'\s*(?:W/)?"[^"]*"\s*(?:,\s*(?:W/)?"[^"]*"\s*)*')
_TAG = re.compile(r'(?:W/)?"[^"]*"')


class RevisionNeeded(Problem):
    """A change that does not say what it was made from."""

    status = 428
    title = "Say which version you have read"
    code = "revision_needed"


class RevisionStale(Problem):
    """Somebody else has changed it since it was read; `newest` is what is there now."""

    status = 412
    title = "Changed by somebody else meanwhile"
    code = "revision_stale"


class RevisionUnreadable(Invalid):
    """An `If-Match` that is no list of entity tags."""

    code = "revision_unreadable"


def etag_of(revision: int) -> str:
    """Return the entity tag of a revision, for the `ETag` header of whatever shows it."""
    return f'"{revision}"'


def shows_revision(status: int) -> Responses:
    """Return what the API's document says of a route that answers with an `ETag`, for its `responses`."""
    return {status: {"headers": _ETAG}}


CHANGES_REVISION: Responses = {
    **shows_revision(200),
    RevisionStale.status: {"description": f"{RevisionStale.title}; `newest` is what is there now", "headers": _ETAG},
    RevisionNeeded.status: {"description": RevisionNeeded.title},
}
"""What it says of a route that takes `IfMatch`."""


def require_revision(if_match: str | None, revision: int, *, newest: Any) -> None:
    """Return when a change was made from `revision`, that of the row as it stands locked (`FOR UPDATE`).

    Raises `RevisionNeeded` when it does not say, and `RevisionStale` with `newest`, the row as its readers see it, when it
    was made from another. Whoever goes on raises the row's revision by one.
    """
    if if_match is None:
        raise RevisionNeeded(f"Send If-Match with the ETag of what you have read; just now it is {etag_of(revision)}.")
    if if_match.strip() == "*":
        return
    if _TAGS.fullmatch(if_match) is None:
        raise RevisionUnreadable(f'{if_match[:50]!r} is no entity tag; send the ETag as it came, with its quotes: "7".')
    # a weak tag never matches where something is to be changed
    if etag_of(revision) not in _TAG.findall(if_match):
        stale = RevisionStale(
            "It was changed after you read it; look at the newest version, and send your change with its ETag.",
            newest=jsonable_encoder(newest),
        )
        stale.headers = {"etag": etag_of(revision)}
        raise stale
