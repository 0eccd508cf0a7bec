"""The schema registry as an unmodified Confluent client sees it, over a real socket."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import message_factory, timestamp_pb2
from google.protobuf.descriptor_pool import DescriptorPool

from fixtures.app import served, settings_for
from fixtures.servers import PostgresForTests, TestDatabase
from lyceum.data.schemas.engine.protobuf import read_protobuf
from make.accounts import Member, make_key, make_member

FLIGHT = {"type": "record", "name": "Flight", "fields": [{"name": "carrier", "type": "string"}]}
DELAY = {"name": "delay", "type": "int"}
PROTO = """
syntax = "proto3";
package flights;
import "google/protobuf/timestamp.proto";
message Flight { string carrier = 1; optional int32 delay = 2; google.protobuf.Timestamp at = 3; map<string, Leg> legs = 4;
  message Leg { int64 miles = 1; } }
"""


def with_fields(*more: dict[str, Any]) -> str:
    return json.dumps(FLIGHT | {"fields": [*FLIGHT["fields"], *more]})


def value_of(topic: str) -> SerializationContext:
    return SerializationContext(topic, MessageField.VALUE)


def client_of(hub: tuple[str, TestDatabase], key: str) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": f"{hub[0]}/schema-registry", "basic.auth.user.info": f"any:{key}"})


@pytest.fixture(scope="module")
def hub(
    postgres_server: PostgresForTests,
    template_database: str,
    valkey_server: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, TestDatabase]]:
    """The address and the database of an API process; each test has an organisation of its own."""
    database = postgres_server.create_database(f"schemas_{secrets.token_hex(6)}", template=template_database)
    settings = settings_for(database, tmp_path_factory.mktemp("schemas"), valkey_url=valkey_server)
    with served("lyceum.web", settings) as process:
        yield process.url, database


@pytest.fixture
def owner(hub: tuple[str, TestDatabase]) -> Member:
    return make_member(hub[1])


@pytest.fixture
def registry(hub: tuple[str, TestDatabase], owner: Member) -> Iterator[SchemaRegistryClient]:
    """A client that sends an API key as its password."""
    with client_of(hub, owner.key) as client:
        yield client


def test_rows_go_through_avro_and_an_incompatible_schema_is_refused_with_409(registry: SchemaRegistryClient) -> None:
    serialize = AvroSerializer(registry, with_fields())
    packed = serialize({"carrier": "UA"}, value_of("flights"))
    assert AvroDeserializer(registry)(packed, value_of("flights")) == {"carrier": "UA"}
    assert registry.get_latest_version("flights-value").version == 1
    with pytest.raises(SchemaRegistryError) as refused:
        AvroSerializer(registry, with_fields(DELAY))({"carrier": "UA", "delay": 3}, value_of("flights"))
    assert (refused.value.http_status_code, refused.value.error_code) == (409, 409)
    assert "Give the field delay a default." in refused.value.error_message
    evolved = AvroSerializer(registry, with_fields(DELAY | {"default": 0}))
    assert evolved({"carrier": "UA", "delay": 3}, value_of("flights"))
    reader = AvroDeserializer(registry, with_fields(DELAY | {"default": 7}))
    assert reader(packed, value_of("flights")) == {"carrier": "UA", "delay": 7}


def test_rows_go_through_json_schema(registry: SchemaRegistryClient) -> None:
    schema: dict[str, Any] = {"title": "Flight", "type": "object", "properties": {"carrier": {"type": "string"}}}
    schema |= {"additionalProperties": False}
    packed = JSONSerializer(json.dumps(schema), registry)({"carrier": "UA"}, value_of("j"))
    assert JSONDeserializer(None, schema_registry_client=registry)(packed, value_of("j")) == {"carrier": "UA"}
    narrowed = {**schema, "properties": {"carrier": {"type": "integer"}}}
    with pytest.raises(SchemaRegistryError) as refused:
        JSONSerializer(json.dumps(narrowed), registry)({"carrier": 1}, value_of("j"))
    assert refused.value.http_status_code == 409
    assert "The type of carrier was string and is integer." in refused.value.error_message


def message_of(text: str, name: str) -> Any:
    """Return the class that protoc would have made of a message."""
    schema = read_protobuf(text)
    pool = DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    schema.file.name = "flights.proto"
    pool.Add(schema.file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def test_rows_go_through_protobuf(registry: SchemaRegistryClient) -> None:
    flight = message_of(PROTO, "flights.Flight")
    row = flight(carrier="UA", delay=3)
    row.legs["a"].miles = 7
    packed = ProtobufSerializer(flight, registry)(row, value_of("p"))
    read = ProtobufDeserializer(flight, {}, registry)(packed, value_of("p"))
    assert (read.carrier, read.delay, read.legs["a"].miles) == ("UA", 3, 7)
    kept = registry.get_latest_version("p-value")
    assert str(kept.schema.schema_str).startswith('syntax = "proto3";')
    assert registry.lookup_schema("p-value", Schema(PROTO, "PROTOBUF")).version == 1
    other = message_of(PROTO.replace("string carrier = 1", "double carrier = 1"), "flights.Flight")
    with pytest.raises(SchemaRegistryError) as refused:
        ProtobufSerializer(other, registry)(other(carrier=1), value_of("p"))
    assert refused.value.http_status_code == 409
    assert "The type of Flight.carrier was string and is double." in refused.value.error_message


def test_a_schema_builds_on_the_version_of_another(registry: SchemaRegistryClient) -> None:
    address = Schema(json.dumps({"type": "enum", "name": "Carrier", "symbols": ["UA"]}), "AVRO")
    registry.register_schema("carrier", address)
    reference = SchemaReference("Carrier", "carrier", 1)
    built = json.dumps({"type": "record", "name": "F", "fields": [{"name": "by", "type": "Carrier"}]})
    number = registry.register_schema("built", Schema(built, "AVRO", [reference]))
    assert registry.get_referenced_by("carrier", 1) == [number]
    assert registry.get_schema(number).references == [reference]
    with pytest.raises(SchemaRegistryError) as refused:
        registry.delete_version("carrier", 1)
    assert (refused.value.http_status_code, refused.value.error_code) == (422, 42206)
    with pytest.raises(SchemaRegistryError, match="Carrier") as unknown:
        registry.register_schema("built", Schema(built.replace('"F"', '"G"'), "AVRO"))
    assert unknown.value.error_code == 42201


def test_versions_are_listed_deleted_and_deleted_for_good(registry: SchemaRegistryClient) -> None:
    first = registry.register_schema("line", Schema(with_fields(), "AVRO"))
    second = registry.register_schema("line", Schema(with_fields(DELAY | {"default": 0}), "AVRO"))
    assert registry.register_schema("other", Schema(with_fields(), "AVRO")) == first != second
    assert (registry.get_subjects(), registry.get_versions("line")) == (["line", "other"], [1, 2])
    assert [(one.subject, one.version) for one in registry.get_schema_versions(first)] == [("line", 1), ("other", 1)]
    assert registry.delete_version("line", 1) == 1
    assert registry.get_versions("line") == [2]
    assert registry.delete_subject("line") == [2]
    assert registry.get_subjects() == ["other"]
    assert registry.delete_subject("other") == registry.delete_subject("other", permanent=True) == [1]
    assert registry.register_schema("other", Schema(with_fields(), "AVRO")) == first
    for refused, code in (
        (lambda: registry.get_versions("line"), 40401),
        (lambda: registry.get_version("line", 9), 40401),
        (lambda: registry.delete_subject("line"), 40404),
        (lambda: registry.get_schema(999), 40403),
    ):
        with pytest.raises(SchemaRegistryError) as told:
            refused()
        assert told.value.error_code == code


def test_a_subject_says_which_changes_it_allows(registry: SchemaRegistryClient) -> None:
    breaking = Schema(with_fields(DELAY), "AVRO")
    registry.register_schema("said", Schema(with_fields(), "AVRO"))
    assert registry.get_compatibility() == "BACKWARD"
    assert registry.test_compatibility("said", breaking) is False
    registry.set_compatibility("said", "FORWARD")
    assert registry.get_compatibility("said") == "FORWARD"
    assert registry.test_compatibility("said", breaking) is True
    registry.register_schema("said", breaking)
    with pytest.raises(SchemaRegistryError) as refused:
        registry.set_compatibility("said", "SIDEWAYS")
    assert refused.value.error_code == 42203


def test_a_registry_shows_nobody_what_another_organisation_has(
    hub: tuple[str, TestDatabase], registry: SchemaRegistryClient
) -> None:
    number = registry.register_schema("secret", Schema(with_fields(), "AVRO"))
    stranger = make_member(hub[1])
    with client_of(hub, stranger.key) as theirs:
        assert theirs.get_subjects() == []
        with pytest.raises(SchemaRegistryError) as refused:
            theirs.get_schema(number)
        assert refused.value.error_code == 40403


def test_a_key_that_may_only_read_registers_nothing(hub: tuple[str, TestDatabase], owner: Member) -> None:
    _, reads = make_key(hub[1], org_id=owner.org_id, user_id=owner.user_id, scopes=("datasets:read",))
    for key, status in ((reads, 403), ("lyk_wrong", 401)):
        with client_of(hub, key) as client, pytest.raises(SchemaRegistryError) as refused:
            client.register_schema("x", Schema(with_fields(), "AVRO"))
        assert (refused.value.http_status_code, refused.value.error_code) == (status, status)
