"""Streams over HTTP."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Response

from lyceum.accounts.edge import KEEPS_ANSWER, CurrentResources, Power, PrimaryTx, Tx, Who, api_router, needs
from lyceum.data.streams import queries, service
from lyceum.data.streams.schemas import (
    DeadLetterDetail,
    DeadLetterPage,
    DeadLetterShown,
    NewStream,
    StreamChange,
    StreamDetail,
    StreamPage,
)
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor, next_cursor
from lyceum.kernel.http.revisions import CHANGES_REVISION, IfMatch, etag_of, shows_revision
from lyceum.kernel.tx import aside

router = api_router(tags=["streams"])

LetterState = Literal["held", "trying", "taken", "given_up"]
States = Annotated[
    list[LetterState] | None,
    Query(max_length=4, description="Only those in one of these states; else those that are held."),
]


@router.post(
    "/datasets/{org}/{name}/streams", status_code=201, dependencies=[KEEPS_ANSWER], responses=shows_revision(201)
)
@needs(Power.DATASETS_WRITE)
async def make_stream(
    tx: Tx, who: Who, resources: CurrentResources, response: Response, org: str, name: str, wanted: NewStream
) -> StreamDetail:
    """Have a topic of Kafka read into a dataset from now on."""
    made = await service.make_stream(tx, who, resources, org, name, wanted)
    response.headers["etag"] = etag_of(made.revision)
    return made


@router.get("/datasets/{org}/{name}/streams")
@needs(Power.DATASETS_READ)
async def list_streams(
    tx: PrimaryTx, who: Who, org: str, name: str, limit: Limit = 50, cursor: Cursor = None
) -> StreamPage:
    """List the streams of a dataset, newest first."""
    items = await queries.list_streams(tx, who, org, name, limit=limit, before=decode_cursor(cursor))
    return StreamPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/streams/{stream_id}", responses=shows_revision(200))
@needs(Power.DATASETS_READ)
async def read_stream(tx: PrimaryTx, who: Who, response: Response, stream_id: UUID) -> StreamDetail:
    """Read a stream: how far each partition was read, who reads it, and what is wrong."""
    stream = await queries.stream_for(tx, who, stream_id)
    response.headers["etag"] = etag_of(stream.revision)
    return stream


@router.patch("/streams/{stream_id}", responses=CHANGES_REVISION)
@needs(Power.DATASETS_WRITE)
async def change_stream(
    tx: Tx,
    who: Who,
    resources: CurrentResources,
    response: Response,
    stream_id: UUID,
    wanted: StreamChange,
    if_match: IfMatch = None,
) -> StreamDetail:
    """Change a stream, which goes on from where it was read."""
    changed = await service.change_stream(tx, who, resources, stream_id, wanted, if_match=if_match)
    response.headers["etag"] = etag_of(changed.revision)
    return changed


@router.post("/streams/{stream_id}/pause")
@needs(Power.DATASETS_WRITE)
async def pause_stream(tx: Tx, who: Who, stream_id: UUID) -> StreamDetail:
    """Have nobody read a stream until it is resumed."""
    return await service.pause_stream(tx, who, stream_id)


@router.post("/streams/{stream_id}/resume")
@needs(Power.DATASETS_WRITE)
async def resume_stream(tx: Tx, who: Who, stream_id: UUID) -> StreamDetail:
    """Have a stream read again, from where it was read to."""
    return await service.resume_stream(tx, who, stream_id)


@router.delete("/streams/{stream_id}", status_code=204)
@needs(Power.DATASETS_WRITE)
async def remove_stream(tx: Tx, who: Who, stream_id: UUID) -> None:
    """Forget a stream with its dead letters; the rows that came by it stay."""
    await service.remove_stream(tx, who, stream_id)


@router.get("/streams/{stream_id}/dead-letters")
@needs(Power.DATASETS_READ)
async def list_dead_letters(
    tx: PrimaryTx, who: Who, stream_id: UUID, state: States = None, limit: Limit = 50, cursor: Cursor = None
) -> DeadLetterPage:
    """List the messages of a stream that could not be taken, newest first, each with its reason."""
    items = await queries.list_dead_letters(
        tx, who, stream_id, states=state or ("held", "trying"), limit=limit, before=decode_cursor(cursor)
    )
    return DeadLetterPage(items=items, next=next_cursor([item.id for item in items], limit))


@router.get("/dead-letters/{letter_id}")
@needs(Power.DATASETS_WRITE)
async def read_dead_letter(
    who: Who,
    resources: CurrentResources,
    letter_id: UUID,
    *,
    unmasked: Annotated[bool, Query(description="With what columns marked as personal hold; recorded.")] = False,
) -> DeadLetterDetail:
    """Read a message that could not be taken, with its first bytes; what marked columns hold is masked."""
    async with aside(resources.database, who.scope, writes=True) as tx:
        return await queries.dead_letter_for(tx, who, letter_id, unmasked=unmasked)


@router.post("/dead-letters/{letter_id}/retry", status_code=202)
@needs(Power.DATASETS_WRITE)
async def try_dead_letter(tx: Tx, who: Who, letter_id: UUID) -> DeadLetterShown:
    """Have a message tried again, with the schema and the columns that there are now; its row joins what is pushed."""
    return await service.try_dead_letter(tx, who, letter_id)


@router.post("/dead-letters/{letter_id}/give-up")
@needs(Power.DATASETS_WRITE)
async def give_up_dead_letter(tx: Tx, who: Who, letter_id: UUID) -> DeadLetterShown:
    """Throw a message away for good."""
    return await service.give_up_dead_letter(tx, who, letter_id)
