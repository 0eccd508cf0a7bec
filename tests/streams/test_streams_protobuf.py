"""Messages as Confluent's own ProtobufSerializer writes them, with schemas in this hub's registry, become rows."""

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import message_factory, timestamp_pb2
from google.protobuf.descriptor_pool import DescriptorPool

from fixtures.app import served
from fixtures.kafka import Broker
from fixtures.staffed import StaffedHub, new_dataset, ok
from fixtures.streaming import Clients, latest_rows, make_stream, until_read
from lyceum.data.schemas.engine.protobuf import read_protobuf
from make.accounts import Member

AIRPORTS = """
syntax = "proto3";
package flights;
import "google/protobuf/timestamp.proto";
message Airport { string code = 1; repeated int64 runways = 2; google.protobuf.Timestamp opened = 3; }
"""
FLIGHTS = """
syntax = "proto3";
package flights;
import "google/protobuf/timestamp.proto";
import "flights/airports.proto";
enum Kind { UNKNOWN = 0; CARGO = 1; }
message Cancelled { int64 id = 1; }
message Flight {
  int64 id = 1; optional double delay = 2; google.protobuf.Timestamp at = 3; Kind kind = 4; repeated string via = 5;
  Airport to = 6; oneof seen { string by = 7; int32 gate = 8; }
  message Leg { int64 id = 1; uint64 miles = 2; }
}
"""
EVOLVED = FLIGHTS.replace("CARGO = 1;", "CARGO = 1; FERRY = 2;").replace("oneof", "optional string tail = 9; oneof")
FLIGHT, LEG, CANCELLED = "flights.Flight", "flights.Flight.Leg", "flights.Cancelled"
AT = dt.datetime(2024, 5, 31, 17, 0, 0, 250_000, dt.UTC)


def made(flights: str, name: str) -> Any:
    """Return the class that protoc would have made of a message."""
    schema = read_protobuf(flights, {"flights/airports.proto": AIRPORTS})
    pool = DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(schema.imports["flights/airports.proto"])
    schema.file.name = "flights/flights.proto"
    pool.Add(schema.file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


@contextmanager
def registry_of(hub: StaffedHub, owner: Member) -> Iterator[SchemaRegistryClient]:
    """The registry of an organisation as Confluent's client sees it, over a real socket."""
    with served("lyceum.web", hub.settings) as web:
        settings = {"url": f"{web.url}/schema-registry", "basic.auth.user.info": f"any:{owner.key}"}
        with SchemaRegistryClient(settings) as client:
            yield client


def flight(kind: Any, number: int, **more: Any) -> Any:
    """Return a flight with a value in each field."""
    row = kind(id=number, delay=2.5, kind=1, via=["FRA", "CDG"], gate=4, **more)
    row.at.FromDatetime(AT)
    row.to.code = "JFK"
    row.to.runways.extend([13, 22])
    row.to.opened.FromDatetime(AT)
    return row


@pytest.mark.timeout(180)
async def test_messages_of_confluents_serialiser_become_rows_and_their_schema_evolves_in_mid_stream(
    stream_clients: Clients, streamer: Member, streaming_hub: StaffedHub, broker: Broker
) -> None:
    topic = broker.new_topic()
    flights, legs, cancelled = made(FLIGHTS, FLIGHT), made(FLIGHTS, LEG), made(FLIGHTS, CANCELLED)
    evolved = made(EVOLVED, FLIGHT)
    with registry_of(streaming_hub, streamer) as registry:
        about = SerializationContext(topic, MessageField.VALUE)
        as_flight = ProtobufSerializer(flights, registry)(flight(flights, 0), about)
        before = [
            as_flight,
            ProtobufSerializer(flights, registry)(flights(id=1), about),
            # of other types of the same file: the first of it, and one within another
            ProtobufSerializer(cancelled, registry)(cancelled(id=2), about),
            ProtobufSerializer(legs, registry)(legs(id=3, miles=7), about),
        ]
        newer = flight(evolved, 5, tail="D-ABCD")
        newer.kind = 2
        head = as_flight[: len(as_flight) - len(flight(flights, 0).SerializeToString())]
        after = [
            # by a writer that knows more than the schema it names: a field and a name of the enum nobody has heard of
            head + newer.SerializeToString(),
            ProtobufSerializer(evolved, registry)(newer, about),
            head + b"\x0a\xff",
            ProtobufSerializer(flights, registry)(flights(id=8, by="tower"), about),
        ]
        assert registry.get_subjects() == ["flights/airports.proto", f"{topic}-value"]
        assert registry.get_versions(f"{topic}-value") == [1, 2]
    async with stream_clients(streamer) as client:
        address = await new_dataset(client)
        broker.send(topic, before)
        stream = await make_stream(client, address, broker, topic, format="protobuf")
        await until_read(client, stream["id"], {0: 4})
        broker.send(topic, after)
        read = await until_read(client, stream["id"], {0: 8})
        assert (read["state"], read["appended_rows"], read["held_dead_letters"]) == ("running", 7, 1), read
        rows = (await latest_rows(streaming_hub, streamer, client, address)).to_dicts()
        [letter] = (await ok(client.get(f"/api/v1/streams/{stream['id']}/dead-letters")))["items"]
        assert (letter["offset"], "not written with schema" in letter["reason"]) == (6, True), letter
    whole, empty, other, leg, unknown, newest, named = rows
    assert json.loads(whole.pop("to")) == {"code": "JFK", "runways": ["13", "22"], "opened": "2024-05-31T17:00:00.250Z"}
    assert json.loads(whole.pop("via")) == ["FRA", "CDG"]
    missing = dict.fromkeys(("by", "tail", "miles"))
    assert whole == {"id": 0, "delay": 2.5, "at": AT, "kind": "CARGO", "gate": 4, **missing}
    # without presence a field that was not sent has its type's zero
    assert {name: value for name, value in empty.items() if value is not None} == {"id": 1, "kind": "UNKNOWN"}
    assert {name: value for name, value in other.items() if value is not None} == {"id": 2}
    assert {name: value for name, value in leg.items() if value is not None} == {"id": 3, "miles": 7}
    assert (unknown["id"], unknown["kind"], unknown["tail"]) == (5, "2", None)
    assert (newest["id"], newest["kind"], newest["tail"]) == (5, "FERRY", "D-ABCD")
    assert (named["id"], named["by"], named["gate"]) == (8, "tower", None)
