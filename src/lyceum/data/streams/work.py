"""What a consumer stages, what goes to the process that appends it, and what comes back; light, since the API imports it."""

from typing import Literal
from uuid import UUID

import msgspec

from lyceum.data.datasets.appends.tables.public import AppendedTable, AppendTarget

Format = Literal["json", "avro", "protobuf"]
NewFields = Literal["add", "dead_letter"]
MESSAGE_BYTES_MAX = 16 * 1024**2
"""Of a message that is read: what is small on the wire may be large once the client library has unpacked it."""
CONTENT_BYTES_MAX = 64 * 1024
"""Of a dead letter that are kept."""


class Message(msgspec.Struct, frozen=True, array_like=True):
    """A message of a topic; `value` is None where a key was deleted, and the first of it where it is `too_large`."""

    partition: int
    offset: int
    at_ms: int | None
    value: bytes | None
    too_large: int | None = None
    """How many bytes it has, of which only the first were kept."""


class SchemaText(msgspec.Struct, frozen=True, kw_only=True):
    """A schema of a registry with those it builds on, as (name, text); or why there is none."""

    type: str
    text: str
    referred: tuple[tuple[str, str], ...] = ()
    missing: str = ""


class StagedMessages(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a staged file."""

    schemas: dict[int, SchemaText]
    messages: list[Message]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of a partition: from `first` up to and without `next`."""

    partition: int
    first: int
    next: int


class Streaming(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages follow which version; `next_offsets` is how far the stream was read before."""

    stream_id: UUID
    format: Format
    new_fields: NewFields
    messages_key: str
    spans: tuple[Span, ...]
    next_offsets: dict[int, int]
    last_delta_version: int | None
    target: AppendTarget


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is no row, and why."""

    partition: int
    offset: int
    at_ms: int | None
    byte_count: int
    content: bytes
    reason: str


class Streamed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the messages; nothing was `appended` where none of them is a row, or others were ahead of them."""

    is_overtaken: bool
    appended: AppendedTable | None
    rows: int
    skipped: int
    last_at_ms: int | None
    letters: tuple[DeadLetter, ...]


def messages_key(version_id: UUID) -> str:
    """Return where the messages of a version are staged; what is left there is swept by its age."""
    return f"staging/{version_id}/messages"


def place_prefix(stream_id: UUID) -> str:
    """Return what the places of a stream in a table's log begin with; the partition follows."""
    return f"kafka:{stream_id}:"
