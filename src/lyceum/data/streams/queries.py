"""Reads of streams, by members of the organisation that has them."""

import base64
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from lyceum.accounts.public import Actor, Power, require
from lyceum.data.datasets.personal.public import note_unmasked_message
from lyceum.data.datasets.public import addresses_of_datasets, dataset_ref_for, marks_of_dataset
from lyceum.data.datasets.rows.public import Marks, masked_cells
from lyceum.data.streams.errors import DeadLetterNotFound, StreamNotFound
from lyceum.data.streams.models import DeadLetterRow, StreamConsumerRow, StreamPartitionRow, StreamRow
from lyceum.data.streams.schemas import (
    DeadLetterDetail,
    DeadLetterShown,
    Stream,
    StreamConsumer,
    StreamDetail,
    StreamPartition,
    StreamRegistryShown,
    StreamSecurityShown,
)

PARTITIONS_SHOWN_MAX = 1000
_LAG = func.greatest(StreamPartitionRow.end_offset - StreamPartitionRow.next_offset, 0)
IS_HELD: ColumnElement[bool] = DeadLetterRow.state.in_(("held", "trying"))


async def list_streams(
    tx: AsyncSession, who: Actor, org: str, name: str, *, limit: int, before: UUID | None = None
) -> list[Stream]:
    """Return the streams of a dataset of the caller's organisation, newest first; raises `DatasetNotFound`."""
    dataset = await dataset_ref_for(tx, who, org, name, need=Power.DATASETS_READ)
    query = _with_counts().where(StreamRow.dataset_id == dataset.id).order_by(StreamRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(StreamRow.id < before)
    return [_as_stream(row, dataset.address) for row in await tx.execute(query)]


async def stream_for(tx: AsyncSession, who: Actor, stream_id: UUID) -> StreamDetail:
    """Return a stream with its partitions and who reads them; raises `StreamNotFound`."""
    org_id = require(who, Power.DATASETS_READ)
    return await stream_by_id(tx, org_id, stream_id)


async def stream_by_id(tx: AsyncSession, org_id: UUID, stream_id: UUID) -> StreamDetail:
    """Return a stream of an organisation as it is shown; raises `StreamNotFound`."""
    query = _with_counts().where(StreamRow.id == stream_id, StreamRow.org_id == org_id)
    found = (await tx.execute(query.execution_options(populate_existing=True))).one_or_none()
    if found is None:
        raise stream_not_found(stream_id)
    address = (await addresses_of_datasets(tx, [found[0].dataset_id]))[found[0].dataset_id]
    shown = _as_stream(found, address)
    return StreamDetail(
        **shown.model_dump(),
        partitions=await _partitions(tx, stream_id),
        read_by=await _consumers(tx, stream_id),
    )


async def stream_row_for(tx: AsyncSession, who: Actor, stream_id: UUID) -> StreamRow:
    """Return a stream that the caller may change, locked until `tx` ends; raises `StreamNotFound`."""
    org_id = require(who, Power.DATASETS_WRITE)
    wanted = select(StreamRow).where(StreamRow.id == stream_id, StreamRow.org_id == org_id)
    row: StreamRow | None = await tx.scalar(wanted.with_for_update(key_share=True))
    if row is None:
        raise stream_not_found(stream_id)
    return row


async def list_dead_letters(
    tx: AsyncSession, who: Actor, stream_id: UUID, *, states: Sequence[str], limit: int, before: UUID | None = None
) -> list[DeadLetterShown]:
    """Return the messages of a stream that are no rows, newest first; raises `StreamNotFound`."""
    org_id = require(who, Power.DATASETS_READ)
    stream = await tx.get(StreamRow, stream_id)
    if stream is None or stream.org_id != org_id:
        raise stream_not_found(stream_id)
    query = select(DeadLetterRow).where(DeadLetterRow.stream_id == stream_id, DeadLetterRow.state.in_(states))
    if before is not None:
        query = query.where(DeadLetterRow.id < before)
    return [as_letter(row) for row in await tx.scalars(query.order_by(DeadLetterRow.id.desc()).limit(limit))]


async def dead_letter_for(tx: AsyncSession, who: Actor, letter_id: UUID, *, unmasked: bool = False) -> DeadLetterDetail:
    """Return a message with its first bytes, which only those see who may write; raises `DeadLetterNotFound`.

    Where its dataset has marked columns these are masked, and what is no JSON is left out, unless it is asked for `unmasked`,
    which is recorded.
    """
    row = await letter_row_for(tx, who, letter_id)
    stream = await tx.get_one(StreamRow, row.stream_id)
    marks = await marks_of_dataset(tx, stream.dataset_id)
    content = bytes(row.content)
    if marks and unmasked:
        note_unmasked_message(tx, who, stream.dataset_id, letter_id=letter_id)
    elif marks and content:
        return _masked_letter(row, content, marks)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = None
    return DeadLetterDetail(
        **as_letter(row).model_dump(),
        content=base64.b64encode(content).decode(),
        text=text,
        is_whole=len(content) == row.byte_count,
        is_masked=False,
    )


def _masked_letter(row: DeadLetterRow, content: bytes, marks: Marks) -> DeadLetterDetail:
    try:
        message = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError):
        message = None
    shown = msgspec.json.encode(masked_cells(message, marks)) if isinstance(message, dict) else b""
    return DeadLetterDetail(
        **as_letter(row).model_dump(),
        content=base64.b64encode(shown).decode(),
        text=shown.decode() or None,
        is_whole=bool(shown),
        is_masked=True,
    )


async def letter_row_for(tx: AsyncSession, who: Actor, letter_id: UUID, *, locked: bool = False) -> DeadLetterRow:
    """Return a message that the caller may decide on; raises `DeadLetterNotFound`."""
    org_id = require(who, Power.DATASETS_WRITE)
    wanted = select(DeadLetterRow).where(DeadLetterRow.id == letter_id, DeadLetterRow.org_id == org_id)
    wanted = wanted.options(undefer(DeadLetterRow.content))
    row: DeadLetterRow | None = await tx.scalar(wanted.with_for_update() if locked else wanted)
    if row is None:
        raise DeadLetterNotFound(f"There is no dead letter {letter_id} in your organisation.")
    return row


def as_letter(row: DeadLetterRow) -> DeadLetterShown:
    """Return a message as a list shows it."""
    return DeadLetterShown(
        id=row.id,
        topic=row.topic,
        partition=row.partition,
        offset=row.offset,
        message_at=row.message_at,
        byte_count=row.byte_count,
        reason=row.reason,
        state=row.state,
        decided_at=row.decided_at,
        created_at=row.created_at,
    )


def stream_not_found(stream_id: UUID) -> StreamNotFound:
    """Return the refusal of a stream that is not there, or not the caller's."""
    return StreamNotFound(f"There is no stream {stream_id} in your organisation.")


def _with_counts() -> Select[Any]:
    held = select(func.count()).select_from(DeadLetterRow).where(DeadLetterRow.stream_id == StreamRow.id, IS_HELD)
    lag = select(func.sum(_LAG)).where(StreamPartitionRow.stream_id == StreamRow.id)
    return select(StreamRow, held.correlate(StreamRow).scalar_subquery(), lag.correlate(StreamRow).scalar_subquery())


async def _partitions(tx: AsyncSession, stream_id: UUID) -> list[StreamPartition]:
    query = select(StreamPartitionRow).where(StreamPartitionRow.stream_id == stream_id)
    rows = await tx.scalars(query.order_by(StreamPartitionRow.partition).limit(PARTITIONS_SHOWN_MAX))
    return [
        StreamPartition(
            partition=row.partition,
            next_offset=row.next_offset,
            end_offset=row.end_offset,
            lag=max(row.end_offset - row.next_offset, 0) if row.end_offset is not None else None,
            message_at=row.message_at,
            seen_at=row.seen_at,
        )
        for row in rows
    ]


async def _consumers(tx: AsyncSession, stream_id: UUID) -> list[StreamConsumer]:
    query = select(StreamConsumerRow).where(
        StreamConsumerRow.stream_id == stream_id, StreamConsumerRow.expires_at > func.now()
    )
    rows = await tx.scalars(query.order_by(StreamConsumerRow.place))
    return [StreamConsumer(worker_id=row.worker_id, partitions=row.partitions, since=row.since) for row in rows]


def _as_stream(found: Any, address: str) -> Stream:
    row, held, lag = found
    return Stream(
        id=row.id,
        dataset=address,
        name=row.name,
        servers=row.servers,
        topic=row.topic,
        group=row.group_name,
        format=row.format,
        new_fields=row.new_fields,
        start=row.start_at,
        registry=StreamRegistryShown(url=row.registry_url, username=row.registry_username),
        security=StreamSecurityShown(
            protocol=row.protocol,
            mechanism=row.mechanism,
            username=row.username,
            has_authorities=row.authorities is not None,
            has_certificate=row.certificate is not None,
        ),
        flush_rows=row.flush_rows,
        flush_seconds=row.flush_seconds,
        consumers=row.consumers,
        dead_letters_max=row.dead_letters_max,
        state=row.state,
        error=row.error,
        error_at=row.error_at,
        appended_rows=row.appended_rows,
        skipped_messages=row.skipped_messages,
        held_dead_letters=held,
        last_message_at=row.last_message_at,
        last_version_at=row.last_version_at,
        lag=int(lag) if lag is not None else None,
        created_at=row.created_at,
        revision=row.revision,
    )
