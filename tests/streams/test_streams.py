"""Topics of a real broker are read into datasets, by real workers: each message once, or held with its reason."""

import base64
import io
import json
from typing import Any
from uuid import UUID

import fastavro
import httpx
import polars as pl
import pytest

from fixtures.app import rows_of, served
from fixtures.kafka import Broker
from fixtures.staffed import StaffedHub, csv_of, dataset_with, new_dataset, ok, until
from fixtures.streaming import Clients, latest_rows, make_stream, until_read, until_stream
from lyceum.data.datasets.addresses import table_key
from lyceum.data.datasets.rows.public import table_store
from lyceum.data.datasets.tables import newest_version
from lyceum.kernel.storage import open_storage
from make.accounts import Member

FLIGHT: dict[str, Any] = {
    "type": "record",
    "name": "Flight",
    "fields": [{"name": "id", "type": "long"}, {"name": "carrier", "type": "string"}],
}


async def register(client: httpx.AsyncClient, topic: str, fields: list[dict[str, Any]]) -> tuple[int, Any]:
    """Register a schema of the topic's values and return its number and itself."""
    schema = FLIGHT | {"fields": fields}
    path = f"/schema-registry/subjects/{topic}-value/versions"
    return (await ok(client.post(path, json={"schema": json.dumps(schema)})))["id"], schema


def framed(number: int, schema: Any, record: dict[str, Any]) -> bytes:
    """Return a record as Confluent's serialisers write it."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, record)
    return b"\0" + number.to_bytes(4, "big") + out.getvalue()


async def test_messages_become_rows_and_what_is_none_is_held_tried_again_or_given_up(
    stream_clients: Clients, streamer: Member, streaming_hub: StaffedHub, broker: Broker
) -> None:
    topic = broker.new_topic()
    values: list[bytes | None] = [json.dumps({"n": n, "name": f"é{n}", "price": n / 2}).encode() for n in range(300)]
    broker.send(topic, [*values[:100], b"\xff not json", None, *values[100:]])
    async with stream_clients(streamer) as client:
        address = await new_dataset(client)
        made = await make_stream(client, address, broker, topic)
        # the first rows make the columns; a row with another is held
        await until_read(client, made["id"], {0: 302})
        broker.send(topic, [b'{"n": 300, "gate": "B4"}', b'{"n": "x"}'])
        stream = await until_read(client, made["id"], {0: 304})
        assert (stream["state"], stream["error"], stream["lag"]) == ("running", None, 0), stream
        assert (stream["skipped_messages"], stream["last_message_at"] is not None) == (1, True)
        letters = (await ok(client.get(f"/api/v1/streams/{made['id']}/dead-letters")))["items"]
        told = {letter["offset"]: letter["reason"] for letter in letters}
        assert told.keys() == {100, 302, 303}, told
        assert "not JSON" in told[100]
        assert "'gate', which is no column" in told[302]
        assert "'n' is not a whole number" in told[303]
        rows = await latest_rows(streaming_hub, streamer, client, address)
        assert rows["n"].to_list() == list(range(300))
        assert rows["name"][299] == "é299"
        by_offset = {letter["offset"]: letter["id"] for letter in letters}

        whole = await ok(client.get(f"/api/v1/dead-letters/{by_offset[100]}"))
        assert base64.b64decode(whole["content"]) == b"\xff not json"
        assert (whole["text"], whole["is_whole"]) == (None, True)
        given_up = await ok(client.post(f"/api/v1/dead-letters/{by_offset[100]}/give-up"))
        assert given_up["state"] == "given_up"
        assert (await client.post(f"/api/v1/dead-letters/{by_offset[100]}/retry")).status_code == 409

        await ok(client.post(f"/api/v1/dead-letters/{by_offset[303]}/retry"), 202)
        again = await until(
            lambda: ok(client.get(f"/api/v1/dead-letters/{by_offset[303]}")), lambda letter: letter["state"] != "trying"
        )
        assert (again["state"], "whole number" in again["reason"]) == ("held", True)

        changed = {"new_fields": "add"}
        path = f"/api/v1/streams/{made['id']}"
        await ok(client.patch(path, json=changed, headers={"if-match": "*"}))
        broker.send(topic, [b'{"n": 301, "gate": "A1"}'])
        await until_read(client, made["id"], {0: 305})
        await ok(client.post(f"/api/v1/dead-letters/{by_offset[302]}/retry"), 202)
        latest = await until(
            lambda: latest_rows(streaming_hub, streamer, client, address), lambda found: found.height == 302
        )
        assert latest.select("n", "gate").rows()[-2:] == [(301, "A1"), (300, "B4")]
        assert latest.columns == ["n", "name", "price", "gate"]
        assert (await ok(client.get(path)))["held_dead_letters"] == 1


async def test_a_schema_evolves_in_mid_stream_and_one_that_does_not_fit_is_held(
    stream_clients: Clients, streamer: Member, streaming_hub: StaffedHub, broker: Broker
) -> None:
    topic = broker.new_topic()
    delay = {"name": "delay", "type": ["null", "double"], "default": None}
    async with stream_clients(streamer) as client:
        first, schema = await register(client, topic, FLIGHT["fields"])
        second, wider = await register(client, topic, [*FLIGHT["fields"], delay])
        path = f"/schema-registry/config/{topic}-value"
        await ok(client.put(path, json={"compatibility": "NONE"}))
        third, other = await register(client, topic, [{"name": "id", "type": "string"}])
        address = await new_dataset(client)
        broker.send(topic, [framed(first, schema, {"id": n, "carrier": "UA"}) for n in range(10)])
        made = await make_stream(client, address, broker, topic, format="avro")
        await until_read(client, made["id"], {0: 10})
        broker.send(
            topic,
            [
                framed(first, schema, {"id": 10, "carrier": "UA"}),
                framed(second, wider, {"id": 11, "carrier": "LH", "delay": 2.5}),
                framed(third, other, {"id": "twelve"}),
                framed(77, schema, {"id": 13, "carrier": "AF"}),
                framed(second, wider, {"id": 14, "carrier": "LH", "delay": None}),
            ],
        )
        stream = await until_read(client, made["id"], {0: 15})
        assert (stream["state"], stream["appended_rows"], stream["held_dead_letters"]) == ("running", 13, 2)
        rows = await latest_rows(streaming_hub, streamer, client, address)
        assert rows.columns == ["id", "carrier", "delay"]
        assert rows["id"].to_list() == [*range(12), 14]
        assert rows["delay"].to_list() == [*[None] * 11, 2.5, None]
        letters = (await ok(client.get(f"/api/v1/streams/{made['id']}/dead-letters")))["items"]
        assert [letter["offset"] for letter in letters] == [13, 12]
        assert "no schema 77" in letters[0]["reason"]
        assert "'id' is not a whole number" in letters[1]["reason"]
        latest = await ok(client.get(f"/api/v1/datasets/{address}/versions/latest"))
        assert latest["source"]["partitions"] == {"0": [10, 15]}


# a group takes the broker some seconds each time somebody joins it
@pytest.mark.timeout(240)
async def test_partitions_move_to_a_second_worker_and_every_message_is_a_row_once(
    stream_clients: Clients, streamer: Member, streaming_hub: StaffedHub, broker: Broker
) -> None:
    topic = broker.new_topic(partitions=4)
    sent = 0

    def send(count: int) -> None:
        nonlocal sent
        for partition in range(4):
            numbers = range(sent + partition * count, sent + (partition + 1) * count)
            broker.send(topic, [b'{"n": %d}' % number for number in numbers], partition=partition)
        sent += 4 * count

    async with stream_clients(streamer) as client:
        address = await new_dataset(client)
        send(50)
        made = await make_stream(client, address, broker, topic, consumers=2)
        await until_stream(client, made["id"], lambda stream: stream["appended_rows"] > 0)
        with served("lyceum.worker", streaming_hub.settings):
            send(50)
            shared = await until_stream(
                client, made["id"], lambda stream: [len(one["partitions"]) for one in stream["read_by"]] == [2, 2]
            )
            assert {number for one in shared["read_by"] for number in one["partitions"]} == {0, 1, 2, 3}
            send(50)
            await until_read(client, made["id"], dict.fromkeys(range(4), 150))
        rows = await latest_rows(streaming_hub, streamer, client, address)
        assert sorted(rows["n"].to_list()) == list(range(sent))


async def test_a_stream_follows_an_uploaded_version_and_rests_while_it_is_paused(
    stream_clients: Clients, streamer: Member, streaming_hub: StaffedHub, broker: Broker
) -> None:
    topic = broker.new_topic()
    async with stream_clients(streamer) as client:
        address = await dataset_with(client, csv_of(pl.DataFrame({"n": [0], "day": ["2024-05-01"]})))
        made = await make_stream(client, address, broker, topic)
        path = f"/api/v1/streams/{made['id']}"
        broker.send(topic, [b'{"n": 1, "day": "2024-05-31"}', b'{"n": 2, "day": "2024-05-32"}'])
        await until_read(client, made["id"], {0: 2})
        assert (await latest_rows(streaming_hub, streamer, client, address))["n"].to_list() == [0, 1]
        paused = await ok(client.post(f"{path}/pause"))
        assert paused["state"] == "paused"
        await until_stream(client, made["id"], lambda stream: stream["read_by"] == [])
        broker.send(topic, [b'{"n": 3, "day": null}'])
        await ok(client.post(f"{path}/resume"))
        await until_read(client, made["id"], {0: 3})
        assert (await latest_rows(streaming_hub, streamer, client, address))["n"].to_list() == [0, 1, 3]
        assert (await client.delete(path)).status_code == 204
        assert (await client.get(path)).status_code == 404
    assert rows_of(streaming_hub.database, "SELECT FROM dead_letters WHERE stream_id = %s", UUID(made["id"])) == []


async def test_more_dead_letters_than_are_held_stop_the_stream_until_a_person_has_decided(
    stream_clients: Clients, streamer: Member, broker: Broker
) -> None:
    topic = broker.new_topic()
    broker.send(topic, [b"no", b"neither", b'{"n": 1}'])
    async with stream_clients(streamer) as client:
        address = await new_dataset(client)
        made = await make_stream(client, address, broker, topic, dead_letters_max=1)
        path = f"/api/v1/streams/{made['id']}"
        stopped = await until_stream(client, made["id"], lambda stream: stream["state"] == "stopped")
        assert stopped["error"].startswith("2 messages could not be taken"), stopped
        assert stopped["appended_rows"] == 1
        assert (await client.post(f"{path}/resume")).status_code == 422
        [_, letter] = (await ok(client.get(f"{path}/dead-letters")))["items"]
        await ok(client.post(f"/api/v1/dead-letters/{letter['id']}/give-up"))
        resumed = await ok(client.post(f"{path}/resume"))
        assert (resumed["state"], resumed["error"]) == ("running", None)


async def test_a_blocking_check_stops_a_stream_in_front_of_its_messages(
    stream_clients: Clients, streamer: Member, streaming_hub: StaffedHub, broker: Broker
) -> None:
    topic = broker.new_topic()
    async with stream_clients(streamer) as client:
        address = await dataset_with(client, csv_of(pl.DataFrame({"n": [1, 2]})))
        positive = {"kind": "range", "column": "n", "min": 0, "blocking": True}
        check = await ok(client.post(f"/api/v1/datasets/{address}/checks", json={"definition": positive}), 201)
        broker.send(topic, [b'{"n": -3}'])
        made = await make_stream(client, address, broker, topic)
        stream = await until_stream(client, made["id"], lambda stream: stream["state"] == "stopped")
        assert "n.range" in stream["error"]
        newest = (await ok(client.get(f"/api/v1/datasets/{address}/versions")))["items"][0]
        assert (newest["state"], newest["error"]["code"]) == ("rejected", "checks_failed")
        # nothing of it is in the table, and the messages are read again once the check is gone
        key = table_key(streamer.org_id, UUID((await ok(client.get(f"/api/v1/datasets/{address}")))["id"]))
        before = await latest_rows(streaming_hub, streamer, client, address)
        assert before["n"].to_list() == [1, 2]
        assert newest_version(table_store(open_storage(streaming_hub.settings)), key) == 1
        await client.delete(f"/api/v1/checks/{check['id']}")
        await ok(client.post(f"/api/v1/streams/{made['id']}/resume"))
        await until_read(client, made["id"], {0: 1})
        rows = await latest_rows(streaming_hub, streamer, client, address)
        assert rows["n"].to_list() == [1, 2, -3]
