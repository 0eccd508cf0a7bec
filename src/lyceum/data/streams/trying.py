"""Trying a dead letter again: read with the schema and the columns that there are now, it joins what is pushed."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from lyceum.data.datasets.appends.public import is_there, latest_of
from lyceum.data.datasets.public import is_dormant, keep_records, make_version_of_kept
from lyceum.data.streams.connecting import StreamPlan, plan_of
from lyceum.data.streams.framing import schema_number
from lyceum.data.streams.models import DeadLetterRow, StreamRow
from lyceum.data.streams.registry import fetch_schema
from lyceum.data.streams.work import Format, SchemaText
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.problems import Invalid
from lyceum.kernel.tx import transaction

ASLEEP = "The dataset is archived and takes no data; bring it back, and try the message again."


class TryDeadLetter(JobArgs, frozen=True, kw_only=True):
    """Make a row of a message that was held, if it can be read by now."""

    kind = "data.try_dead_letter"
    attempts_max = 3
    seconds_max = 300
    letter_id: UUID


async def try_again(run: JobRun, args: TryDeadLetter) -> dict[str, bool]:
    """Push the message's row, or say why it still is none."""
    resources = run.resources
    async with transaction(resources.database, run.scope) as tx:
        letter = await _letter(tx, args.letter_id)
        if letter is None:
            return {"taken": False}
        stream = await tx.get(StreamRow, letter.stream_id, options=[undefer(StreamRow.secrets_sealed)])
        if stream is None:
            return {"taken": False}
        plan = plan_of(stream, stream.secrets_sealed, resources)
        base = await latest_of(tx, stream.dataset_id)
        content = bytes(letter.content)
    try:
        if base is None:
            raise Invalid("The dataset has no version yet that the message could follow.")  # noqa: TRY301 said like the rest
        schemas = await _schemas(run, plan, content)
        body = await asyncio.to_thread(_as_record, content, plan.format, schemas, base.columns)
        await _take(run, args.letter_id, plan, body)
    except Invalid as error:
        await _still_held(run, args.letter_id, error.detail)
        return {"taken": False}
    return {"taken": True}


async def _schemas(run: JobRun, plan: StreamPlan, content: bytes) -> dict[int, SchemaText]:
    number = schema_number(content)
    return {} if number is None else {number: await fetch_schema(run.resources, plan, number)}


def _as_record(
    content: bytes, form: Format, schemas: Mapping[int, SchemaText], columns: tuple[tuple[str, str], ...]
) -> bytes:
    from lyceum.data.streams.columns import Columns, Unfit
    from lyceum.data.streams.decoded import Undecodable
    from lyceum.data.streams.decoding import Decoder

    try:
        values = Columns.of(columns, "dead_letter").fitted(Decoder(form, schemas).decode(content))
    except (Undecodable, Unfit) as error:
        raise Invalid(str(error)) from None
    return msgspec.json.encode(values) + b"\n"


async def _take(run: JobRun, letter_id: UUID, plan: StreamPlan, body: bytes) -> None:
    async with transaction(run.resources.database, run.scope) as tx:
        letter = await _letter(tx, letter_id)
        if letter is None:
            return
        if await is_dormant(tx, plan.dataset_id) or not await is_there(tx, plan.dataset_id):
            raise Invalid(ASLEEP)
        await keep_records(tx, plan.dataset_id, body, records=1, pushed_by=letter.decided_by)
        await make_version_of_kept(tx, run.resources.settings, plan.dataset_id)
        letter.state = "taken"
        letter.decided_at = datetime.now(UTC)
        letter.content = b""


async def _still_held(run: JobRun, letter_id: UUID, why: str) -> None:
    async with transaction(run.resources.database, run.scope) as tx:
        letter = await _letter(tx, letter_id)
        if letter is not None:
            letter.state, letter.reason = "held", why


async def _letter(tx: AsyncSession, letter_id: UUID) -> DeadLetterRow | None:
    """Return the message while it waits to be tried, locked."""
    wanted = select(DeadLetterRow).where(DeadLetterRow.id == letter_id, DeadLetterRow.state == "trying")
    found = wanted.options(undefer(DeadLetterRow.content)).with_for_update()
    row: DeadLetterRow | None = await tx.scalar(found)
    return row


async def gave_up_trying(tx: AsyncSession, args: TryDeadLetter, error: dict[str, Any] | None, _state: str) -> None:
    """Hold the message again."""
    letter = await _letter(tx, args.letter_id)
    if letter is not None:
        letter.state = "held"
        letter.reason = str((error or {}).get("detail") or letter.reason)
