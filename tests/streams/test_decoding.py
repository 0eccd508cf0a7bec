"""Messages as Confluent's own serialisers write them, and as strangers do, become values by the names of columns."""

import datetime as dt
import io
import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import fastavro
import pytest

from lyceum.data.schemas.engine.public import SchemaType, Written, message_class, parse
from lyceum.data.streams.columns import Columns, Unfit
from lyceum.data.streams.decoded import Decoded, Undecodable
from lyceum.data.streams.decoding import Decoder
from lyceum.data.streams.work import Format, SchemaText

PROTO = """
syntax = "proto3";
package flights;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum Kind { UNKNOWN = 0; CARGO = 1; }
message Airport { string code = 1; }
message Flight {
  int64 id = 1; string carrier = 2; optional double delay = 3; google.protobuf.Timestamp at = 4; Kind kind = 5; bytes mark = 6;
  repeated string via = 7; Airport to = 8; google.protobuf.Int32Value gate = 9; bool late = 10; map<string, int32> bags = 11;
  message Leg { uint64 miles = 1; }
}
"""


def decoded(form: Format, schema: SchemaText, content: bytes, *, number: int = 7) -> Decoded:
    return Decoder(form, {7: schema}).decode(b"\0" + number.to_bytes(4, "big") + content)


def avro(schema: dict[str, Any], record: dict[str, Any]) -> Decoded:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, record)
    return decoded("avro", SchemaText(type="AVRO", text=json.dumps(schema)), out.getvalue())


AVRO_TYPES: dict[str, Any] = {
    "number": "int",
    "price": ["null", "double"],
    "mixed": ["null", "int", "double"],
    "either": ["int", "string"],
    "day": {"type": "int", "logicalType": "date"},
    "at": {"type": "long", "logicalType": "timestamp-millis"},
    "local": {"type": "long", "logicalType": "local-timestamp-micros"},
    "clock": {"type": "int", "logicalType": "time-millis"},
    "cost": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2},
    "mark": {"type": "string", "logicalType": "uuid"},
    "raw": "bytes",
    "kind": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]},
    "tags": {"type": "array", "items": "string"},
    "inner": {"type": "record", "name": "Inner", "fields": [{"name": "x", "type": "int"}]},
}


def test_every_type_of_avro_is_a_column_and_what_is_nested_is_json_in_a_text() -> None:
    schema = {
        "type": "record",
        "name": "R",
        "fields": [{"name": name, "type": kind} for name, kind in AVRO_TYPES.items()],
    }
    at = dt.datetime(2024, 5, 31, 17, tzinfo=dt.UTC)
    record = {
        "number": 1,
        "price": None,
        "mixed": 2,
        "either": "x",
        "day": dt.date(2024, 5, 31),
        "at": at,
        "local": at.replace(tzinfo=None),
        "clock": dt.time(17, 1),
        "cost": Decimal("12.30"),
        "mark": UUID(int=5),
        "raw": b"\0\xff",
        "kind": "B",
        "tags": ["a"],
        "inner": {"x": 1},
    }
    found = avro(schema, record)
    assert list((found.kinds or {}).items()) == [
        ("number", "integer"),
        ("price", "float"),
        ("mixed", "float"),
        ("either", "string"),
        ("day", "date"),
        ("at", "timestamp_utc"),
        ("local", "timestamp"),
        *((name, "string") for name in ("clock", "cost", "mark", "raw", "kind", "tags", "inner")),
    ]
    values = Columns.of(None, "add").fitted(found)
    assert values == {
        "number": 1,
        "mixed": 2.0,
        "either": "x",
        "day": dt.date(2024, 5, 31),
        "at": at,
        "local": at.replace(tzinfo=None),
        "clock": "17:01:00",
        "cost": "12.30",
        "mark": str(UUID(int=5)),
        "raw": "AP8=",
        "kind": "B",
        "tags": '["a"]',
        "inner": '{"x":1}',
    }


def test_a_message_of_protobuf_is_found_by_its_path_and_its_fields_are_columns() -> None:
    schema = SchemaText(type="PROTOBUF", text=PROTO)
    parsed = parse(Written(SchemaType.PROTOBUF, PROTO))
    kind: Any = message_class(parsed, (1,))
    message = kind(id=1, carrier="UA", kind=1, mark=b"\1", via=["FRA", "CDG"], late=True, bags={"a": 1})
    message.at.FromDatetime(dt.datetime(2024, 5, 31, 17, tzinfo=dt.UTC))
    message.to.code = "JFK"
    message.gate.value = 4
    found = decoded("protobuf", schema, b"\x02\x02" + message.SerializeToString())
    assert dict(found.values) == {
        "id": 1,
        "carrier": "UA",
        "delay": None,
        "at": dt.datetime(2024, 5, 31, 17, tzinfo=dt.UTC),
        "kind": "CARGO",
        "mark": "AQ==",
        "via": '["FRA","CDG"]',
        "to": '{"code":"JFK"}',
        "gate": 4,
        "late": True,
        "bags": '{"a":1}',
    }
    assert (found.kinds or {})["gate"] == "integer"
    # the first of the file, and one within another
    assert dict(decoded("protobuf", schema, b"\0\n\x03JFK").values) == {"code": "JFK"}
    assert dict(decoded("protobuf", schema, b"\x04\x02\x02\x08\x07").values) == {"miles": 7}


def test_json_with_a_schema_has_its_columns_and_json_without_one_has_its_values() -> None:
    properties = {
        "n": {"type": "integer"},
        "x": {"type": ["number", "null"]},
        "day": {"type": "string", "format": "date"},
        "more": {"oneOf": [{"type": "null"}, {"type": "boolean"}]},
        "list": {"type": "array"},
    }
    schema = SchemaText(type="JSON", text=json.dumps({"type": "object", "properties": properties}))
    found = decoded("json", schema, b'{"n": 1, "day": "2024-05-31", "list": [1]}')
    assert found.kinds == {"n": "integer", "x": "float", "day": "date", "more": "boolean", "list": "string"}
    assert Columns.of(None, "add").fitted(found) == {"n": 1, "day": dt.date(2024, 5, 31), "list": "[1]"}
    plain = Decoder("json", {}).decode(b'{"n": 1.5}')
    assert (dict(plain.values), plain.kinds) == ({"n": 1.5}, None)


RECORD = json.dumps({"type": "record", "name": "R", "fields": [{"name": "s", "type": "string"}]})
NULLS = {"type": "array", "items": "null"}
ENDLESS = json.dumps({"type": "record", "name": "R", "fields": [{"name": "a", "type": NULLS}]})


@pytest.mark.parametrize(
    "form, schema, content, said",
    [
        ("json", None, b"[1]", "no object"),
        ("json", None, b'{"a": NaN}', "not JSON"),
        ("json", None, b'{"a":' + b"[" * 100_000, "nested too deeply"),
        ("json", None, b'{"a": "\xff"}', "not JSON"),
        ("avro", None, b'{"a": 1}', "does not begin with the number of a schema"),
        ("avro", None, b"", "does not begin"),
        ("avro", ("AVRO", RECORD), b"\0\0\0\0\x08\x02a", "no schema 8"),
        ("avro", ("AVRO", RECORD), b"\0\0\0\0\x07\xff\xff\xff\xff\x0f", "not written with schema 7"),
        ("avro", ("AVRO", RECORD), b"\0\0\0\0\x07\x02\xff", "not written with schema 7"),
        ("avro", ("AVRO", '"string"'), b"\0\0\0\0\x07\x02a", "no record"),
        ("avro", ("AVRO", ENDLESS), b"\0\0\0\0\x07\xfe\xff\xff\xff\xff\xff\xff\x7f\0", "take no bytes"),
        ("avro", ("AVRO", "{"), b"\0\0\0\0\x07\x02a", "Schema 7 cannot be used"),
        ("avro", ("PROTOBUF", PROTO), b"\0\0\0\0\x07\x02a", "one of Protobuf"),
        ("protobuf", ("PROTOBUF", PROTO), b"\0\0\0\0\x07\x02\x10\0", "names no type"),
        ("protobuf", ("PROTOBUF", PROTO), b"\0\0\0\0\x07\xff\xff\xff\xff\xff\xff", "path to its type"),
        ("protobuf", ("PROTOBUF", PROTO), b"\0\0\0\0\x07\0\x0a\xff", "not written with schema 7"),
        ("protobuf", ("PROTOBUF", "message {"), b"\0\0\0\0\x07\0", "Schema 7 cannot be used"),
    ],
)
def test_what_is_not_as_its_schema_says_is_told_of_in_a_sentence(
    form: Format, schema: tuple[str, str] | None, content: bytes, said: str
) -> None:
    schemas = {7: SchemaText(type=schema[0], text=schema[1])} if schema is not None else {}
    with pytest.raises(Undecodable, match=said):
        Decoder(form, schemas).decode(content)


@pytest.mark.parametrize(
    "message, said",
    [
        ({"n": "x"}, "'n' is not a whole number"),
        ({"n": 2**63}, "64 bits"),
        ({"n": True}, "whole number"),
        ({"day": "2024-02-30"}, "a date"),
        ({"at": "2024-05-31T17:00:00"}, "with an offset"),
        ({"at": "9999-12-31T23:59:59-12:00"}, "with an offset"),
        ({"name": "x" * 300_000}, "a text of at most"),
        ({"NAME": "x"}, "upper and lower case"),
        ({"a\x00b": 1}, "cannot name a column"),
        ({" ": 1}, "cannot name a column"),
        ({f"c{number}": 1 for number in range(4096)}, "more than 4,096 columns"),
    ],
)
def test_what_does_not_fit_its_column_is_told_of_and_adds_none(message: dict[str, Any], said: str) -> None:
    there = (("n", "integer"), ("day", "date"), ("at", "timestamp_utc"), ("name", "string"))
    columns = Columns.of(there, "add")
    with pytest.raises(Unfit, match=said):
        columns.fitted(Decoded(message, None))
    assert columns.kinds == dict(there)


def test_whole_numbers_become_decimals_and_fields_columns_only_where_the_stream_lets_them() -> None:
    there = (("n", "integer"),)
    message = Decoded({"n": 1.5, "m": "x"}, {"n": "float", "m": "string"})
    growing = Columns.of(there, "add")
    assert growing.fitted(message) == {"n": 1.5, "m": "x"}
    assert growing.kinds == {"n": "float", "m": "string"}
    with pytest.raises(Unfit, match="'m', which is no column"):
        Columns.of(there, "dead_letter").fitted(message)
    with pytest.raises(Unfit, match="'n' is not a whole number"):
        Columns.of(there, "dead_letter").fitted(Decoded({"n": 1.5}, None))
