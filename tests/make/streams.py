"""Streams and dead letters as rows; none that a worker would read."""

from typing import Any
from uuid import UUID

import psycopg

from fixtures.servers import TestDatabase
from lyceum.kernel.ids import new_id
from make.accounts import Member


def make_stream_row(database: TestDatabase, owner: Member, dataset_id: UUID | str, **more: Any) -> UUID:
    """Make a stream that is paused, and return its id."""
    stream_id = new_id()
    values: dict[str, Any] = {"name": f"s-{stream_id}", "state": "paused", "topic": "t"} | more
    statement = """
        INSERT INTO streams (id, org_id, dataset_id, name, servers, topic, group_name, format, new_fields, start_at, protocol,
            flush_rows, flush_seconds, consumers, dead_letters_max, state)
        VALUES (%(id)s, %(org)s, %(dataset)s, %(name)s, '["203.0.113.7:9092"]', %(topic)s, 'g', 'json', 'dead_letter',
            'earliest', 'plaintext', 10, 10, 1, 10, %(state)s)
    """
    with psycopg.connect(database.dsn("owner"), autocommit=True) as connection:
        connection.execute(statement, {"id": stream_id, "org": owner.org_id, "dataset": dataset_id} | values)
    return stream_id


def make_dead_letter(
    database: TestDatabase,
    owner: Member,
    stream_id: UUID,
    *,
    offset: int = 0,
    content: str = "no",
    reason: str = "The message is not JSON.",
) -> UUID:
    """Make a message that is held, and return its id."""
    letter_id = new_id()
    statement = """
        INSERT INTO dead_letters (id, org_id, stream_id, topic, partition, "offset", byte_count, content, reason, decided_by)
        VALUES (%s, %s, %s, 't', 0, %s, %s, %s, %s, %s)
    """
    with psycopg.connect(database.dsn("owner"), autocommit=True) as connection:
        values = (letter_id, owner.org_id, stream_id, offset, len(content), content.encode(), reason, owner.user_id)
        connection.execute(statement, values)
    return letter_id


def streams_to_ask_of(database: TestDatabase, owner: Member, dataset_id: UUID | str) -> dict[str, str]:
    """Make what routes of streams are asked for, and return what their paths name it by."""
    stream_id = make_stream_row(database, owner, dataset_id)
    stopped = make_stream_row(database, owner, dataset_id, state="stopped")
    held = [str(make_dead_letter(database, owner, stream_id, offset=offset)) for offset in range(3)]
    api = "/api/v1"
    return {
        "stream_id": str(stream_id),
        f"POST {api}/streams/{{stream_id}}/resume.stream_id": str(stopped),
        "letter_id": held[0],
        f"POST {api}/dead-letters/{{letter_id}}/retry.letter_id": held[1],
        f"POST {api}/dead-letters/{{letter_id}}/give-up.letter_id": held[2],
    }
