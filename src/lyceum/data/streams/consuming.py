"""A worker's part in a stream: its place among the consumers, a thread that reads, and versions begun of what it read.

How far a partition was read is asked of the table each time the partition comes to this worker. What was read and made no
version of is forgotten without loss: it is read again.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
import obstore
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from lyceum.data.datasets.appends.public import begin_appended, give_job, is_there, table_key
from lyceum.data.datasets.appends.tables.public import places_in_commit
from lyceum.data.datasets.personal.public import is_erasing
from lyceum.data.datasets.public import is_dormant
from lyceum.data.streams.connecting import StreamPlan, host_and_port, judge_servers, plan_of
from lyceum.data.streams.errors import BrokerAway, BrokerRefuses
from lyceum.data.streams.jobs import AppendStreamed, hold_stream, next_offsets_of, stop
from lyceum.data.streams.models import StreamConsumerRow, StreamPartitionRow, StreamRow
from lyceum.data.streams.reading import Asked, Batch, PartitionSeen, TopicReader
from lyceum.data.streams.registry import fetch_schema
from lyceum.data.streams.work import SchemaText, Span, StagedMessages, messages_key, place_prefix
from lyceum.kernel.db import Scope
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.outward import AddressRefused, Outward
from lyceum.kernel.problems import Problem
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import transaction
from lyceum.kernel.usage import refuse_past_quota

RENEWED_SHARE = 1 / 6
"""Of a lease: how often its holder says that it still reads."""
LOOK_SECONDS = 0.1
PAUSE_SECONDS = 3.0
CLOSE_SECONDS_MAX = 8.0
PLACES_SECONDS_MAX = 120.0
ERROR_CHARACTERS_MAX = 500
SCHEMAS_KEPT_MAX = 100
FILE_NAME = "messages of a stream"
ASLEEP = "The dataset is archived and takes no data; its messages wait in Kafka until it is brought back."
BROKEN_OFF = "Reading was broken off, and is begun again; the worker's log says why."

Begun = Literal["begun", "wait", "stale", "over"]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class StreamConsumer:
    """One consumer of a stream, from when its place was taken until it is given up; `run` returns when it is over."""

    resources: Resources
    stream_id: UUID
    org_id: UUID
    worker_id: UUID
    _plan: StreamPlan | None = None
    _reader: TopicReader | None = None
    _schemas: dict[int, SchemaText] = field(default_factory=dict)
    _under_way: UUID | None = None
    _spans: tuple[Span, ...] = ()
    _batch: Batch | None = None
    _renewed_at: float = 0.0
    _begin_after: float = 0.0
    _shown_error: str | None = None
    _problem: str | None = None
    """Why what was read cannot be handed on just now."""
    _is_over: bool = False

    @property
    def _scope(self) -> Scope:
        return Scope(org_id=self.org_id)

    async def run(self) -> None:
        """Read until the stream is paused, changed or gone, its place is lost, or this is cancelled."""
        try:
            while await self._renew():
                await self._go_on()
                await asyncio.sleep(LOOK_SECONDS)
        except BrokerRefuses as refused:
            await self._stop_stream(refused.detail)
        except Exception:
            # who looks after consumers says why in the log, and has another one begin
            with contextlib.suppress(Exception):
                await self._show_error(BROKEN_OFF)
            raise
        finally:
            # also where the worker stops: others take over at once
            await asyncio.shield(self._leave())

    async def _renew(self) -> bool:
        """Say whether the place is still held; writes down now and then that it is, and what was seen."""
        now, lease_seconds = time.monotonic(), self.resources.settings.job_lease_seconds
        if now - self._renewed_at < lease_seconds * RENEWED_SHARE:
            return True
        seen = self._reader.seen() if self._reader is not None else []
        async with transaction(self.resources.database, self._scope) as tx:
            consumer = StreamConsumerRow
            mine = (consumer.stream_id == self.stream_id) & (consumer.worker_id == self.worker_id)
            values = {
                "expires_at": datetime.now(UTC) + timedelta(seconds=lease_seconds),
                "partitions": sorted(one.partition for one in seen),
            }
            held = await tx.scalar(update(consumer).where(mine).values(values).returning(consumer.place))
            stream = await tx.get(StreamRow, self.stream_id, options=[undefer(StreamRow.secrets_sealed)])
            if held is None or stream is None or stream.state != "running":
                return False
            if not await is_there(tx, stream.dataset_id):
                return False
            if await is_dormant(tx, stream.dataset_id):
                stream.error, stream.error_at = ASLEEP, datetime.now(UTC)
                return False
            if self._plan is None:
                self._plan = plan_of(stream, stream.secrets_sealed, self.resources)
                self._shown_error = stream.error
            elif self._plan.revision != stream.revision:
                return False
            for one in seen:
                await _note_seen(tx, self.stream_id, one)
        self._renewed_at = now
        if self._reader is not None and self._reader.failed is None:
            wrong = self._problem or self._reader.complaint
            if wrong is not None or self._reader.is_reading:
                await self._show_error(wrong)
        return True

    async def _go_on(self) -> None:
        if self._plan is None:
            return
        if self._reader is None:
            if time.monotonic() >= self._begin_after:
                await self._begin_reading(self._plan)
            return
        try:
            await self._deliver(self._plan, self._reader)
            self._problem = None
        except Problem as problem:
            # such as a registry that is away: the batch stays, and is tried again
            self._problem = problem.detail
            await self._show_error(problem.detail)
            if isinstance(problem, BrokerRefuses | AddressRefused):
                await self._stop_stream(problem.detail)
            await asyncio.sleep(PAUSE_SECONDS)
            return
        if not self._reader.is_alive():
            await self._ended(self._reader)

    async def _begin_reading(self, plan: StreamPlan) -> None:
        loop = asyncio.get_running_loop()

        def judging(servers: Sequence[tuple[str, int]]) -> None:
            outward = Outward.configured(self.resources.settings)
            asyncio.run_coroutine_threadsafe(judge_servers(outward, servers), loop).result(PLACES_SECONDS_MAX)

        def placing(numbers: Sequence[int]) -> dict[int, int]:
            return asyncio.run_coroutine_threadsafe(self._places(plan, numbers), loop).result(PLACES_SECONDS_MAX)

        def beginning(number: int, offset: int) -> int:
            first = self._first_place(plan, number, offset)
            return asyncio.run_coroutine_threadsafe(first, loop).result(PLACES_SECONDS_MAX)

        outward = Outward.configured(self.resources.settings)
        try:
            await judge_servers(outward, [host_and_port(server) for server in plan.servers])
        except Problem as problem:
            await self._failed(problem)
            return
        self._reader = TopicReader(plan, Asked(placing, beginning, judging))
        self._reader.start()

    async def _ended(self, reader: TopicReader) -> None:
        self._reader, self._batch, self._under_way = None, None, None
        if reader.failed is not None:
            await self._failed(reader.failed)

    async def _failed(self, error: Exception) -> None:
        """Show why reading ended; it is begun again after a while, unless trying again would not help."""
        self._begin_after = time.monotonic() + PAUSE_SECONDS
        if isinstance(error, BrokerRefuses | AddressRefused):
            await self._stop_stream(error.detail)
        elif isinstance(error, Problem):
            await self._show_error(error.detail)
        else:
            log.warning("reading a stream was broken off", exc_info=error, extra={"stream_id": str(self.stream_id)})
            await self._show_error(BROKEN_OFF)

    async def _places(self, plan: StreamPlan, numbers: Sequence[int]) -> dict[int, int]:
        """Return from where to read partitions that were read before: where the table's last commit of the stream says.

        A version under way is waited for.
        """
        while await self._version_under_way() is not None:
            if self._is_over:
                raise BrokerAway("The worker stops.")
            await asyncio.sleep(LOOK_SECONDS)
        async with transaction(self.resources.database, self._scope) as tx:
            known = await next_offsets_of(tx, plan.id)
            delta_version = await tx.scalar(select(StreamRow.delta_version).where(StreamRow.id == plan.id))
        key = table_key(plan.org_id, plan.dataset_id)
        if delta_version is not None:
            prefix = place_prefix(plan.id)
            in_table = await places_in_commit(self.resources.storage, key, delta_version, prefix)
            # messages after the last commit may all have been dead letters: then the database is further
            known |= {n: max(known.get(n, 0), place) for n in numbers if (place := in_table.get(str(n))) is not None}
        return {number: known[number] for number in numbers if number in known}

    async def _first_place(self, plan: StreamPlan, number: int, offset: int) -> int:
        """Return where reading a partition began, which is written down the first time and stays."""
        partition = StreamPartitionRow
        values = {
            "stream_id": plan.id,
            "partition": number,
            "org_id": plan.org_id,
            "first_offset": offset,
            "next_offset": offset,
        }
        async with transaction(self.resources.database, self._scope) as tx:
            await tx.execute(insert(partition).values(values).on_conflict_do_nothing())
            here = (partition.stream_id == plan.id) & (partition.partition == number)
            return int(await tx.scalar(select(partition.next_offset).where(here)) or 0)

    async def _version_under_way(self) -> UUID | None:
        async with transaction(self.resources.database, self._scope) as tx:
            wanted = select(StreamRow.version_id).where(StreamRow.id == self.stream_id)
            version_id: UUID | None = await tx.scalar(wanted)
            return version_id

    async def _deliver(self, plan: StreamPlan, reader: TopicReader) -> None:
        """Begin a version of what was read, or look whether the one before has been decided."""
        if self._under_way is not None:
            await self._look_at_version(reader)
            return
        if self._batch is None or self._batch.generation != reader.generation:
            self._batch = reader.take()
        if self._batch is None:
            return
        for number in sorted(self._batch.schema_numbers - self._schemas.keys()):
            # messages may name any number of schemas, and a registry may take its time
            if not await self._renew():
                return
            await self._learn_schema(plan, number, self._batch.schema_numbers)
        begun = await self._begin_version(plan, self._batch)
        if begun == "wait":
            return
        # what the registry does not have today it may have tomorrow
        self._schemas = {number: schema for number, schema in self._schemas.items() if not schema.missing}
        self._batch = None
        if begun == "stale":
            reader.rewind()

    async def _learn_schema(self, plan: StreamPlan, number: int, wanted: set[int]) -> None:
        schema = await fetch_schema(self.resources, plan, number)
        if len(self._schemas) >= SCHEMAS_KEPT_MAX:
            self._schemas = {one: kept for one, kept in self._schemas.items() if one in wanted}
        self._schemas[number] = schema

    async def _begin_version(self, plan: StreamPlan, batch: Batch) -> Begun:
        """Stage the messages and begin a version of them, unless another is under way or they were read by somebody else."""
        if await self._version_under_way() is not None:
            return "wait"
        async with transaction(self.resources.database, self._scope) as tx:
            await refuse_past_quota(tx, self.resources.settings)
            if await is_erasing(tx, plan.dataset_id):
                return "wait"
        version_id = new_id()
        key = messages_key(version_id)
        schemas = {number: self._schemas[number] for number in batch.schema_numbers & self._schemas.keys()}
        content = await asyncio.to_thread(
            msgspec.msgpack.encode, StagedMessages(schemas=schemas, messages=batch.messages)
        )
        await obstore.put_async(self.resources.storage.store, key, content)
        begun: Begun = "over"
        async with transaction(self.resources.database, self._scope) as tx:
            stream = await hold_stream(tx, plan.id)
            if stream is not None and stream.state == "running" and stream.revision == plan.revision:
                begun = await self._begin_if_next(tx, stream, version_id, batch)
        if begun == "begun":
            self._under_way, self._spans = version_id, batch.spans()
            return begun
        with contextlib.suppress(FileNotFoundError):
            await obstore.delete_async(self.resources.storage.store, key)
        return begun

    async def _begin_if_next(self, tx: AsyncSession, stream: StreamRow, version_id: UUID, batch: Batch) -> Begun:
        if stream.version_id is not None:
            return "wait"
        spans = batch.spans()
        known = await next_offsets_of(tx, stream.id)
        if any(known.get(span.partition) != span.first for span in spans):
            return "stale"
        source = {"format": "kafka", "partitions": {str(one.partition): [one.first, one.next] for one in spans}}
        name = f"{FILE_NAME} {stream.topic}"
        await begin_appended(tx, version_id, stream.dataset_id, file_name=name, source=source, by=stream.created_by)
        job_id = await enqueue(tx, AppendStreamed(stream_id=stream.id, version_id=version_id, spans=spans))
        await give_job(tx, version_id, job_id)
        stream.version_id = version_id
        return "begun"

    async def _look_at_version(self, reader: TopicReader) -> None:
        if await self._version_under_way() == self._under_way:
            return
        self._under_way = None
        async with transaction(self.resources.database, self._scope) as tx:
            known = await next_offsets_of(tx, self.stream_id)
        if any(known.get(span.partition) != span.next for span in self._spans):
            reader.rewind()
        reader.note_read(known)

    async def _show_error(self, error: str | None) -> None:
        shown = error[:ERROR_CHARACTERS_MAX] if error else None
        if shown == self._shown_error:
            return
        at = datetime.now(UTC) if shown else None
        running = (StreamRow.id == self.stream_id) & (StreamRow.state == "running")
        async with transaction(self.resources.database, self._scope) as tx:
            await tx.execute(update(StreamRow).where(running).values(error=shown, error_at=at))
        self._shown_error = shown

    async def _stop_stream(self, why: str) -> None:
        async with transaction(self.resources.database, self._scope) as tx:
            stream = await hold_stream(tx, self.stream_id)
            if stream is not None and stream.state == "running":
                stop(stream, why[:ERROR_CHARACTERS_MAX])

    async def _leave(self) -> None:
        reader, self._reader, self._is_over = self._reader, None, True
        if reader is not None:
            reader.stop()
        with contextlib.suppress(Exception):
            async with transaction(self.resources.database, self._scope) as tx:
                consumer = StreamConsumerRow
                mine = (consumer.stream_id == self.stream_id) & (consumer.worker_id == self.worker_id)
                await tx.execute(delete(consumer).where(mine))
        if reader is not None:
            await asyncio.to_thread(reader.join, CLOSE_SECONDS_MAX)


async def _note_seen(tx: AsyncSession, stream_id: UUID, seen: PartitionSeen) -> None:
    here = (StreamPartitionRow.stream_id == stream_id) & (StreamPartitionRow.partition == seen.partition)
    values: dict[str, object] = {"end_offset": seen.end_offset, "seen_at": datetime.now(UTC)}
    if seen.message_at is not None:
        values["message_at"] = seen.message_at
    await tx.execute(update(StreamPartitionRow).where(here).values(values))
