"""Jobs of streams: append what was read, and try dead letters again.

A stream has at most one version under way. Whoever begins it holds the stream's row and looks where the stream stands; whoever
ends it writes down how far it was read, in the transaction that accepts the version.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import obstore
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.data.datasets.appends.public import (
    VersionFollower,
    VersionJudge,
    accept_appended,
    drop_pending,
    give_job,
    is_overtaken,
    latest_of,
    lock_dataset,
    pending_operation,
    questions_to,
    reject_appended,
    state_of_version,
    table_key,
)
from lyceum.data.datasets.appends.tables.public import AppendedTable, AppendTarget
from lyceum.data.streams.models import DeadLetterRow, StreamPartitionRow, StreamRow
from lyceum.data.streams.trying import TryDeadLetter, gave_up_trying, try_again
from lyceum.data.streams.work import DeadLetter, Span, Streamed, Streaming, messages_key
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.handlers import HeavyHandler, JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs, enqueue
from lyceum.kernel.problems import NotFound
from lyceum.kernel.storage import Storage
from lyceum.kernel.tx import after_commit, transaction

APPEND_SECONDS_MAX = 3600
LETTERS_AT_ONCE = 500
_GONE = "messages_gone"


class AppendStreamed(JobArgs, frozen=True, kw_only=True):
    """Append the messages that were read of a stream to its dataset's table, as the next version."""

    kind = "data.append_streamed"
    job_class = "high"
    lane = "short"
    attempts_max = 3
    seconds_max = APPEND_SECONDS_MAX
    needs_room = True
    stream_id: UUID
    version_id: UUID
    spans: tuple[Span, ...]


class NothingToAppend(NotFound):
    """The version was decided or removed meanwhile."""

    code = "nothing_to_append"


async def hold_stream(tx: AsyncSession, stream_id: UUID) -> StreamRow | None:
    """Return a stream locked against others who begin or end a version of it; None where there is none."""
    row: StreamRow | None = await tx.scalar(
        select(StreamRow).where(StreamRow.id == stream_id).with_for_update(key_share=True)
    )
    return row


async def next_offsets_of(tx: AsyncSession, stream_id: UUID) -> dict[int, int]:
    """Return how far each partition of a stream was read."""
    found = select(StreamPartitionRow.partition, StreamPartitionRow.next_offset)
    rows = await tx.execute(found.where(StreamPartitionRow.stream_id == stream_id))
    return {row.partition: row.next_offset for row in rows}


async def _prepare(run: JobRun, args: AppendStreamed, judges: tuple[VersionJudge, ...]) -> Streaming:
    async with transaction(run.resources.database, run.scope) as tx:
        stream = await tx.get(StreamRow, args.stream_id)
        operation_id = await pending_operation(tx, args.version_id)
        if stream is None or operation_id is None:
            raise NothingToAppend("The version that the messages were to make was decided or removed meanwhile.")
        target = AppendTarget(
            table_key=table_key(stream.org_id, stream.dataset_id),
            operation_id=str(operation_id),
            base=await latest_of(tx, stream.dataset_id),
            leftovers_older_than_seconds=run.resources.settings.upload_ttl_seconds,
            questions=await questions_to(tx, args.version_id, judges),
        )
        return Streaming(
            stream_id=stream.id,
            format=stream.format,  # type: ignore[arg-type]
            new_fields=stream.new_fields,  # type: ignore[arg-type]
            messages_key=messages_key(args.version_id),
            spans=args.spans,
            next_offsets=await next_offsets_of(tx, stream.id),
            last_delta_version=stream.delta_version,
            target=target,
        )


@dataclass(frozen=True, slots=True)
class _Accepting:
    """Has what is appended judged, and accepts it."""

    followers: tuple[VersionFollower, ...]
    judges: tuple[VersionJudge, ...]

    async def prepare(self, run: JobRun, args: AppendStreamed) -> Streaming:
        return await _prepare(run, args, self.judges)

    async def conclude(self, tx: AsyncSession, run: JobRun, args: AppendStreamed, streamed: Streamed) -> None:
        stream = await hold_stream(tx, args.stream_id)
        if stream is None:
            await drop_pending(tx, args.version_id)
            return
        if await pending_operation(tx, args.version_id) is None:
            return
        await lock_dataset(tx, stream.dataset_id)
        if streamed.appended is not None and await is_overtaken(tx, stream.dataset_id, streamed.appended):
            # what was committed is left unread
            job_id = await enqueue(tx, args)
            await give_job(tx, args.version_id, job_id, operation_id=new_id())
            return
        storage = run.resources.storage
        after_commit(tx, lambda: _remove(storage, messages_key(args.version_id)))
        stream.version_id = None
        if streamed.appended is None or streamed.is_overtaken:
            await drop_pending(tx, args.version_id)
        elif not await self._accepted(tx, stream, args, streamed.appended):
            return
        if not streamed.is_overtaken:
            await _advance(tx, stream, args.spans, streamed)

    async def _accepted(
        self, tx: AsyncSession, stream: StreamRow, args: AppendStreamed, appended: AppendedTable
    ) -> bool:
        """Accept the version; where its judges or followers refuse it, the stream stops in front of its messages."""
        if await accept_appended(tx, args.version_id, appended, self.followers, self.judges):
            stream.delta_version = appended.table.delta_version
            stream.last_version_at = datetime.now(UTC)
            return True
        found = await state_of_version(tx, args.version_id)
        why = str((found[1] or {}).get("detail", "")) if found is not None else ""
        stop(stream, f"The version that its messages made was rejected, so they wait in Kafka. {why}")
        return False


async def _remove(storage: Storage, key: str) -> None:
    try:
        await obstore.delete_async(storage.store, key)
    except FileNotFoundError:
        return


async def _advance(tx: AsyncSession, stream: StreamRow, spans: Sequence[Span], streamed: Streamed) -> None:
    """Write down how far the stream was read, and what of it is no row."""
    partition = StreamPartitionRow
    for span in spans:
        here = (partition.stream_id == stream.id) & (partition.partition == span.partition)
        await tx.execute(update(partition).where(here).values(next_offset=span.next))
    await _keep_letters(tx, stream, streamed.letters)
    stream.appended_rows += streamed.rows
    stream.skipped_messages += streamed.skipped
    if streamed.last_at_ms is not None:
        stream.last_message_at = _moment(streamed.last_at_ms)
    if streamed.letters:
        held = await count_held(tx, stream.id)
        if held > stream.dead_letters_max:
            first = streamed.letters[0].reason
            stop(
                stream,
                f"{held:,} messages could not be taken, and at most {stream.dead_letters_max:,} are held; look at them, try "
                f"them again or give them up, and resume the stream. The first of the last: {first}",
            )
    await tx.flush()


async def _keep_letters(tx: AsyncSession, stream: StreamRow, letters: Sequence[DeadLetter]) -> None:
    for at in range(0, len(letters), LETTERS_AT_ONCE):
        rows = [
            {
                "id": new_id(),
                "org_id": stream.org_id,
                "stream_id": stream.id,
                "topic": stream.topic,
                "partition": letter.partition,
                "offset": letter.offset,
                "message_at": _moment(letter.at_ms) if letter.at_ms is not None else None,
                "byte_count": letter.byte_count,
                "content": letter.content,
                "reason": letter.reason.replace("\x00", "\ufffd"),
            }
            for letter in letters[at : at + LETTERS_AT_ONCE]
        ]
        await tx.execute(insert(DeadLetterRow).values(rows).on_conflict_do_nothing())


async def count_held(tx: AsyncSession, stream_id: UUID) -> int:
    """Return how many messages of a stream are held."""
    held = (DeadLetterRow.stream_id == stream_id) & (DeadLetterRow.state.in_(("held", "trying")))
    return int(await tx.scalar(select(func.count()).select_from(DeadLetterRow).where(held)) or 0)


def stop(stream: StreamRow, why: str) -> None:
    """Have nobody read a stream any more until a person resumes it."""
    stream.state = "stopped"
    stream.error = why.strip()
    stream.error_at = datetime.now(UTC)
    stream.revision += 1


def _moment(at_ms: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


async def _gave_up(tx: AsyncSession, args: AppendStreamed, error: dict[str, Any] | None, state: str) -> None:
    stream = await hold_stream(tx, args.stream_id)
    code = (error or {}).get("code")
    if stream is None or code == _GONE:
        await drop_pending(tx, args.version_id)
    else:
        await reject_appended(tx, args.version_id, error, state)
    if stream is None or stream.version_id != args.version_id:
        return
    stream.version_id = None
    if code != _GONE:
        why = "was called off" if state == "cancelled" else str((error or {}).get("detail", "failed"))
        stop(stream, f"Its messages could not be appended and wait in Kafka; resume it when that is put right: {why}")


def handlers(
    followers: tuple[VersionFollower, ...], judges: tuple[VersionJudge, ...]
) -> tuple[HeavyHandler | LightHandler, ...]:
    """Return what runs these jobs; `followers` and `judges` are as those of `data.datasets.jobs`."""
    accepting = _Accepting(followers, judges)
    return (
        HeavyHandler(
            args_type=AppendStreamed,
            prepare=accepting.prepare,
            compute="lyceum.data.streams.appending:append",
            output_type=Streamed,
            conclude=accepting.conclude,
            gave_up=_gave_up,
            preload=("lyceum.data.streams.appending",),
        ),
        LightHandler(args_type=TryDeadLetter, run=try_again, gave_up=gave_up_trying),
    )
