"""What a registry elsewhere may answer: what cannot be read is told of with the message, what may pass is asked again."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fixtures.app import settings_for
from fixtures.far_http import LOOPBACK, FarAnswer, FarRequest, far_http
from fixtures.kafka import Broker
from fixtures.servers import TestDatabase
from fixtures.staffed import StaffedHub, new_dataset, ok
from fixtures.streaming import Clients, latest_rows, make_stream, until_read, until_stream
from lyceum.data.streams.connecting import plan_of
from lyceum.data.streams.errors import BrokerAway
from lyceum.data.streams.models import StreamRow
from lyceum.data.streams.registry import SCHEMA_CHARACTERS_MAX, fetch_schema
from lyceum.data.streams.work import MESSAGE_BYTES_MAX, SchemaText
from lyceum.kernel.ids import new_id
from lyceum.kernel.resources import open_resources
from make.accounts import Member

Answer = Callable[[FarRequest], FarAnswer]


@asynccontextmanager
async def registry(
    database: TestDatabase, home: Path, answer: Answer, *, lease_seconds: float = 60
) -> AsyncIterator[Callable[[int], Any]]:
    """A function that fetches a schema by its number from a registry that answers like this."""
    settings = settings_for(database, home, outward_allowed_networks=list(LOOPBACK), job_lease_seconds=lease_seconds)
    async with far_http(answer) as server, open_resources(settings, subscribers={}) as resources:
        row = StreamRow(id=new_id(), servers=[], topic="t", start_at="earliest", registry_url=server.url)
        plan = plan_of(row, None, resources)
        yield lambda number: fetch_schema(resources, plan, number)


def reference(subject: str) -> dict[str, Any]:
    return {"name": subject, "subject": subject, "version": 1}


def body_of(request: FarRequest) -> bytes:
    """Return what the registry has at an address."""
    name = request.path.removeprefix("/schemas/ids/").removeprefix("/subjects/").removesuffix("/versions/1")
    ring = {"a": "b", "b": "a"}
    if name in ring:
        return json.dumps({"schema": f'"{name}"', "references": [reference(ring[name])]}).encode()
    if name.startswith("chain"):
        following = reference(f"chain{int(name.removeprefix('chain')) + 1}")
        return json.dumps({"schema": '"int"', "references": [following]}).encode()
    return {
        "1": json.dumps({"schema": "{}", "references": [reference("a"), reference("b")]}).encode(),
        "2": json.dumps({"schema": "{}", "references": [reference("chain0")]}).encode(),
        "3": json.dumps({"schema": "x" * (SCHEMA_CHARACTERS_MAX + 1)}).encode(),
        "4": json.dumps({"schema": "x" * (4 * SCHEMA_CHARACTERS_MAX)}).encode(),
        "5": b'{"schema": "\\ud800"}',
        "6": b'{"schema": ' + b"[" * 100_000,
        "7": b'{"schema": "{}", "references": [{"name": "a"}]}',
        "8": b'{"schema": 1}',
    }[name]


async def test_what_a_registry_may_answer_leads_neither_into_a_ring_nor_out_of_memory(
    database: TestDatabase, tmp_path: Path
) -> None:
    async with registry(database, tmp_path, lambda request: FarAnswer(200, body=body_of(request))) as fetch:
        in_a_ring: SchemaText = await fetch(1)
        assert (in_a_ring.missing, in_a_ring.referred) == ("", (("b", '"b"'), ("a", '"a"')))
        assert (await fetch(2)).missing == "Schema 2 builds on more than 100 others, which are not read."
        for number in (3, 4):
            too_large = f"Schema {number} has more than 2,000,000 characters with all it builds on, and is not read."
            assert (await fetch(number)).missing == too_large
        for number in (5, 6, 7, 8):
            with pytest.raises(BrokerAway, match="is no schema registry"):
                await fetch(number)


async def test_a_registry_that_is_away_or_slow_is_asked_again(database: TestDatabase, tmp_path: Path) -> None:
    def answer(request: FarRequest) -> FarAnswer:
        if request.path.endswith("/1"):
            return FarAnswer(raw=b"HTTP/1.1 200 OK\r\n", hangs=True)
        return FarAnswer(503)

    async with registry(database, tmp_path, answer, lease_seconds=1.5) as fetch:
        with pytest.raises(BrokerAway, match="not answered in full within 1 s; it is asked again"):
            await fetch(1)
        with pytest.raises(BrokerAway, match="answered 503; it is asked again"):
            await fetch(2)


async def test_a_stream_waits_for_its_registry_and_holds_what_would_end_its_reader(
    stream_clients: Clients, streamer: Member, streaming_hub: StaffedHub, broker: Broker
) -> None:
    node = {
        "type": "record",
        "name": "N",
        "fields": [{"name": "n", "type": "int"}, {"name": "next", "type": ["null", "N"]}],
    }
    huge = {"type": "record", "name": "R", "doc": "x" * SCHEMA_CHARACTERS_MAX, "fields": []}
    known = {"/schemas/ids/1": node, "/schemas/ids/2": huge}
    is_up = False

    def answer(request: FarRequest) -> FarAnswer:
        if not is_up:
            return FarAnswer(503)
        found = known.get(request.path)
        return (
            FarAnswer(404) if found is None else FarAnswer(200, body=json.dumps({"schema": json.dumps(found)}).encode())
        )

    frame, too_large, unknown = (b"\0" + number.to_bytes(4, "big") for number in (1, 2, 3))
    two_gigabytes = frame + b"\xfe\xff\xff\xff\x1f\x02"
    topic = broker.new_topic()
    broker.send(
        topic,
        [
            frame + b"\x02\x00",
            frame + b"\x02\x02" * 400_000,
            too_large + b"\x02",
            unknown,
            two_gigabytes,
            frame + b"\x04\x00",
        ],
    )
    async with far_http(answer) as server, stream_clients(streamer) as client:
        address = await new_dataset(client)
        more = {"format": "avro", "registry": {"url": server.url}}
        stream = await make_stream(client, address, broker, topic, **more)
        waiting = await until_stream(client, stream["id"], lambda shown: shown["error"] is not None)
        assert (waiting["state"], waiting["error"]) == (
            "running",
            "The schema registry answered 503; it is asked again.",
        )
        is_up = True
        await until_read(client, stream["id"], {0: 6})
        broker.send_packed(topic, frame + b"\0" * (MESSAGE_BYTES_MAX * 2))
        read = await until_read(client, stream["id"], {0: 7})
        assert (read["state"], read["appended_rows"], read["held_dead_letters"]) == ("running", 2, 5), read
        rows = await latest_rows(streaming_hub, streamer, client, address)
        assert rows["n"].to_list() == [1, 2]
        letters = (await ok(client.get(f"/api/v1/streams/{stream['id']}/dead-letters")))["items"]
    assert (letters[0]["offset"], letters[0]["byte_count"]) == (6, 5 + 2 * MESSAGE_BYTES_MAX)
    told = {letter["offset"]: letter["reason"] for letter in letters}
    assert told.pop(1) == "The message is nested too deeply."
    assert told.pop(2).startswith("Schema 2 has more than 2,000,000 characters")
    assert told.pop(3) == "The registry has no schema 3."
    assert told.pop(4).startswith("The message is not written with schema 1")
    assert told.pop(6) == "The message has 33,554,437 bytes, and one of more than 16,777,216 is not read."
    assert told == {}
