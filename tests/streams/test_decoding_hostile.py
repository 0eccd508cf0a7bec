"""Schemas and messages made to hang or to end the process that reads them are told of, at once and within little memory."""

import json
import time
from typing import Any

import pytest

from lyceum.data.schemas.engine.public import ParsedSchema, Written, parse
from lyceum.data.streams.columns import Columns
from lyceum.data.streams.decoded import Undecodable
from lyceum.data.streams.decoding import Decoder
from lyceum.data.streams.work import Format, SchemaText

FRAME = b"\0\0\0\0\x07"
MANY = b"\x80\x80\x80\x80\x10\x00"
"""Two thousand millions of items in a list, in six bytes."""
SECONDS_MAX = 5.0
NULL = {"name": "e", "type": "null"}
EMPTY = {"type": "record", "name": "E", "fields": []}
NODE = {
    "type": "record",
    "name": "Node",
    "fields": [{"name": "n", "type": "int"}, {"name": "next", "type": ["null", "Node"]}],
}


def record(*types: Any) -> str:
    fields = [{"name": f"f{place}", "type": kind} for place, kind in enumerate(types)]
    return json.dumps({"type": "record", "name": "R", "fields": fields})


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def many_empty(bytes_: list[dict[str, Any]]) -> dict[str, Any]:
    fields = [NULL | {"name": f"e{place}"} for place in range(50)]
    return {"type": "record", "name": "M", "fields": [*bytes_, *fields]}


def doubled(times: int) -> Any:
    """Records of two of another kind each, so that the last has more values than there are atoms, in no byte at all."""
    kind: Any = EMPTY
    for place in range(times):
        kind = {
            "type": "record",
            "name": f"D{place}",
            "fields": [{"name": "a", "type": kind}, {"name": "b", "type": kind["name"]}],
        }
    return kind


LISTS = {
    "empty records by name": record(EMPTY, array("E")),
    "no bytes at all": record(array({"type": "fixed", "name": "F", "size": 0})),
    "null as a type of its own": record(array({"type": "null"})),
    "records of null": record(array({"type": "record", "name": "E", "fields": [NULL]})),
    "a byte and fifty times null": record(array(many_empty([{"name": "b", "type": "boolean"}]))),
    "fifty times null in a union": record(array(["null", many_empty([])])),
    "fifty times null by key": record({"type": "map", "values": many_empty([])}),
    "records in records": record(doubled(60)),
}


@pytest.mark.parametrize("schema", LISTS.values(), ids=LISTS.keys())
def test_a_few_bytes_of_avro_never_stand_for_endless_values(schema: str) -> None:
    began = time.monotonic()
    with pytest.raises(Undecodable, match="values that take no bytes"):
        Decoder("avro", {7: SchemaText(type="AVRO", text=schema)}).decode(FRAME + MANY)
    assert time.monotonic() - began < SECONDS_MAX


DEEP = {
    "a list of nodes": (json.dumps(NODE), b"\x02\x02" * 500_000),
    "a record of itself alone": (
        json.dumps({"type": "record", "name": "R", "fields": [{"name": "r", "type": "R"}]}),
        b"\x02",
    ),
    "lists of themselves": (
        json.dumps({"type": "record", "name": "R", "fields": [{"name": "r", "type": array("R")}]}),
        b"\x02" * 500_000,
    ),
    "maps of themselves": (
        json.dumps({"type": "record", "name": "R", "fields": [{"name": "r", "type": {"type": "map", "values": "R"}}]}),
        b"\x02\x00" * 500_000,
    ),
    "a schema of many levels": (
        '{"type":"record","name":"R","fields":[{"name":"a","type":'
        + '{"type":"array","items":' * 15_000
        + '"int"'
        + "}" * 15_000
        + "}]}",
        b"\x02",
    ),
}


@pytest.mark.parametrize("schema, content", DEEP.values(), ids=DEEP.keys())
def test_avro_values_within_each_other_without_end_end_no_process(schema: str, content: bytes) -> None:
    with pytest.raises(Undecodable, match="nested too deeply"):
        Decoder("avro", {7: SchemaText(type="AVRO", text=schema)}).decode(FRAME + content)


def test_a_schema_that_builds_on_itself_is_read_and_so_are_those_it_refers_to() -> None:
    schema = SchemaText(type="AVRO", text=record("Node"), referred=(("Node", json.dumps(NODE)),))
    found = Decoder("avro", {7: schema}).decode(FRAME + b"\x02\x02\x04\x02\x06\x00")
    assert Columns.of(None, "add").fitted(found) == {"f0": '{"n":1,"next":{"n":2,"next":{"n":3,"next":null}}}'}


@pytest.mark.parametrize(
    "form, schema, content, said",
    [
        ("avro", record("string"), b"\xfe\xff\xff\xff\x0fabc", "Expected 2147483647 bytes, read 3"),
        ("avro", record("bytes"), b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01abc", "Expected 9223372036854775807 bytes"),
        ("avro", record("string"), b"\x01abc", "Expected -1 bytes"),
        ("avro", record({"type": "fixed", "name": "F", "size": 2**40}), b"abc", "Expected 1099511627776 bytes"),
        ("avro", record({"type": "long", "logicalType": "timestamp-millis"}), b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "schema 7"),
        (
            "avro",
            record({"type": "bytes", "logicalType": "decimal", "precision": 10**9, "scale": 2}),
            b"\x80\x89\x7a" + b"\x7f" * 1_000_000,
            "a decimal of more than 512 bytes",
        ),
        ("protobuf", 'syntax = "proto3"; message M { string s = 1; }', b"\0\x0a\xff\xff\xff\xff\x07abc", "schema 7"),
        ("protobuf", 'syntax = "proto3"; message M { M m = 1; }', b"\0" + b"\x0a\x7f" * 10_000, "schema 7"),
        ("protobuf", 'syntax = "proto3"; import "gone.proto"; message M { }', b"\0", "imports 'gone.proto'"),
        ("protobuf", 'syntax = "proto3"; message M { ' + "message M { " * 3000 + "}" * 3001, b"\0", "nested too deeply"),
        ("json", '{"properties":{"a":' * 15_000 + "{}" + "}}" * 15_000, b"{}", "nested too deeply"),
        (
            "json",
            json.dumps(
                {"$ref": "#/d/0", "d": {str(n): {"allOf": [{"$ref": f"#/d/{n + 1}"}] * 2} for n in range(40)}}
            ),
            b"{}",
            "put together of more than",
        ),
    ],
)  # fmt: skip
def test_sizes_that_are_claimed_and_schemas_that_multiply_cost_nothing(
    form: Format, schema: str, content: bytes, said: str
) -> None:
    began = time.monotonic()
    with pytest.raises(Undecodable, match=said):
        Decoder(form, {7: SchemaText(type=form.upper(), text=schema)}).decode(FRAME + content)
    assert time.monotonic() - began < SECONDS_MAX


def test_a_schema_that_cannot_be_used_is_looked_at_once_for_all_its_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def noted(written: Written) -> ParsedSchema:
        looked.append(written)
        return parse(written)

    monkeypatch.setattr("lyceum.data.streams.protobuf_messages.parse", noted)
    decoder = Decoder("protobuf", {7: SchemaText(type="PROTOBUF", text="message {")})
    for _ in range(3):
        with pytest.raises(Undecodable, match="Schema 7 cannot be used"):
            decoder.decode(FRAME + b"\0")
    assert len(looked) == 1


def test_references_of_a_json_schema_are_followed_to_its_columns() -> None:
    schema = {
        "$ref": "#/definitions/Flight",
        "definitions": {
            "Flight": {
                "allOf": [{"$ref": "airports.json#/$defs/Place"}],
                "properties": {"n": {"$ref": "#/definitions/N"}, "day": {"oneOf": [{"type": "null"}, {"$ref": "#/definitions/Day"}]}},
            },
            "N": {"type": "integer"},
            "Day": {"type": "string", "format": "date"},
        },
    }  # fmt: skip
    airports = {"$defs": {"Place": {"properties": {"lat": {"$ref": "#/$defs/Lat"}}}, "Lat": {"type": "number"}}}
    text = SchemaText(type="JSON", text=json.dumps(schema), referred=(("airports.json", json.dumps(airports)),))
    found = Decoder("json", {7: text}).decode(FRAME + b'{"n": 1, "lat": 2}')
    assert found.kinds == {"lat": "float", "n": "integer", "day": "date"}
