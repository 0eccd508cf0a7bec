"""Appending a stream's messages to a table, in a process of its own: decoded, fitted to its columns, committed once.

The commit carries how far each partition was read. Where the table's log says that somebody else has read further, nothing is
appended.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import obstore
import polars as pl

from lyceum.data.datasets.appends.tables.public import (
    AppendedTable,
    AppendTarget,
    append_to_table,
    places_in_commit,
    workplace,
)
from lyceum.data.streams.columns import Columns, Unfit
from lyceum.data.streams.decoded import Undecodable
from lyceum.data.streams.decoding import Decoder
from lyceum.data.streams.errors import MessagesGone
from lyceum.data.streams.work import (
    CONTENT_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    DeadLetter,
    Message,
    StagedMessages,
    Streamed,
    Streaming,
    place_prefix,
)
from lyceum.kernel.config import settings
from lyceum.kernel.jobs.child import ChildSide
from lyceum.kernel.storage import Storage, open_storage

_TYPES: Mapping[str, pl.DataType] = {
    "boolean": pl.Boolean(),
    "integer": pl.Int64(),
    "float": pl.Float64(),
    "string": pl.String(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
    "timestamp_utc": pl.Datetime("us", "UTC"),
}
_BLANK = Streamed(is_overtaken=False, appended=None, rows=0, skipped=0, last_at_ms=None, letters=())


def append(work: Streaming, side: ChildSide) -> Streamed:
    """Commit the messages behind the version they follow; running it again commits nothing twice.

    Raises `MessagesGone` where what was staged has been swept.
    """
    storage = open_storage(settings())
    if asyncio.run(_is_overtaken(storage, work)):
        return msgspec.structs.replace(_BLANK, is_overtaken=True)
    staged = _staged(storage, work.messages_key)
    base = work.target.base
    columns = Columns.of(base.columns if base is not None else None, work.new_fields)
    rows, letters = _read(staged, work, columns)
    told = msgspec.structs.replace(
        _BLANK,
        rows=len(rows),
        skipped=sum(message.value is None for message in staged.messages),
        last_at_ms=max((one.at_ms for one in staged.messages if one.at_ms is not None), default=None),
        letters=tuple(letters),
    )
    if not rows:
        return told
    side.stop_if_asked()
    appended = _append(storage, work, columns, rows)
    return msgspec.structs.replace(told, appended=appended)


async def _is_overtaken(storage: Storage, work: Streaming) -> bool:
    """Say whether the messages were read from other places than where the stream stands."""
    if any(work.next_offsets.get(span.partition) != span.first for span in work.spans):
        return True
    if work.last_delta_version is None:
        return False
    prefix = place_prefix(work.stream_id)
    places = await places_in_commit(storage, work.target.table_key, work.last_delta_version, prefix)
    return any(places.get(str(span.partition), span.first) > span.first for span in work.spans)


def _staged(storage: Storage, key: str) -> StagedMessages:
    try:
        content = obstore.get(storage.store, key).bytes()
    except FileNotFoundError:
        raise MessagesGone("The messages that were read are gone from the staging; they are read again.") from None
    return msgspec.msgpack.decode(bytes(content), type=StagedMessages)


def _read(staged: StagedMessages, work: Streaming, columns: Columns) -> tuple[list[dict[str, Any]], list[DeadLetter]]:
    decoder = Decoder(work.format, staged.schemas)
    rows: list[dict[str, Any]] = []
    letters: list[DeadLetter] = []
    for message in staged.messages:
        if message.value is None:
            continue
        if message.too_large is not None:
            letters.append(_letter(message, message.value, _too_large(message.too_large)))
            continue
        try:
            rows.append(columns.fitted(decoder.decode(message.value)))
        except (Undecodable, Unfit) as error:
            letters.append(_letter(message, message.value, str(error)))
    return rows, letters


def _letter(message: Message, value: bytes, reason: str) -> DeadLetter:
    return DeadLetter(
        partition=message.partition,
        offset=message.offset,
        at_ms=message.at_ms,
        byte_count=message.too_large or len(value),
        content=value[:CONTENT_BYTES_MAX],
        reason=reason,
    )


def _too_large(byte_count: int) -> str:
    return f"The message has {byte_count:,} bytes, and one of more than {MESSAGE_BYTES_MAX:,} is not read."


def _append(storage: Storage, work: Streaming, columns: Columns, rows: Sequence[Mapping[str, Any]]) -> AppendedTable:
    series = [
        pl.Series(name, [row.get(name) for row in rows], dtype=_TYPES[kind], strict=kind != "float")
        for name, kind in columns.kinds.items()
    ]
    frame = pl.DataFrame(series)
    with workplace(settings().home) as folder:
        table = append_to_table(storage, work.target, frame.lazy(), folder, places=_places(work))
    target: AppendTarget = work.target
    source = {
        "format": "kafka",
        "messages": len(rows),
        "partitions": {str(span.partition): [span.first, span.next] for span in work.spans},
        "follows": target.base.number if target.base is not None else None,
        "notes": [],
    }
    return AppendedTable(
        table=msgspec.structs.replace(table, source=source), base_id=target.base.id if target.base is not None else None
    )


def _places(work: Streaming) -> dict[str, int]:
    """Return how far every partition of the stream is read with these messages, by the names that the log has."""
    reached = work.next_offsets | {span.partition: span.next for span in work.spans}
    return {f"{place_prefix(work.stream_id)}{partition}": offset for partition, offset in reached.items()}
