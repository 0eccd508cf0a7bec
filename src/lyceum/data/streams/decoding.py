"""Messages as plain values by names: JSON, and Avro, Protobuf and JSON Schema as Confluent's clients frame them.

A frame is a zero byte, the schema's number in four bytes, for Protobuf the path to the message's type, and the content. What
a value is as a column follows from the schema where there is one; what is nested becomes JSON in a text.
"""

import base64
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from lyceum.data.schemas.engine.public import InvalidSchema, Referred, SchemaType, Written, message_class, parse
from lyceum.data.streams.framing import FRAME_BYTES, schema_number
from lyceum.data.streams.work import Format, SchemaText

Kinds = Mapping[str, str]
"""Types of columns by name."""

_AVRO_KINDS = {
    "boolean": "boolean",
    "int": "integer",
    "long": "integer",
    "float": "float",
    "double": "float",
    "date": "date",
    "timestamp-millis": "timestamp_utc",
    "timestamp-micros": "timestamp_utc",
    "timestamp-nanos": "timestamp_utc",
    "local-timestamp-millis": "timestamp",
    "local-timestamp-micros": "timestamp",
    "local-timestamp-nanos": "timestamp",
}
_JSON_KINDS = {"boolean": "boolean", "integer": "integer", "number": "float"}
_JSON_TEXTS = {"date": "date", "date-time": "timestamp_utc"}
_PATH_STEPS_MAX = 32
_decode_json = msgspec.json.Decoder().decode


class Undecodable(Exception):
    """The message is not what the stream's format says; the text is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message's values; `kinds` are the columns its schema tells of, in order, None where it has no schema."""

    values: Mapping[str, Any]
    kinds: Kinds | None


class Decoder:
    """Reads the messages of a stream with the schemas that they name."""

    def __init__(self, form: Format, schemas: Mapping[int, SchemaText]) -> None:
        self._form = form
        self._schemas = schemas
        self._readers: dict[Any, Callable[[bytes], Decoded]] = {}

    def decode(self, value: bytes) -> Decoded:
        """Return what a message says; raises `Undecodable`."""
        number = schema_number(value)
        if self._form == "json" and number is None:
            return Decoded(_json_object(value), None)
        if number is None:
            raise Undecodable(
                "The message does not begin with the number of a schema, as messages written with a schema registry do."
            )
        try:
            return self._read(number, value[FRAME_BYTES:])
        except Undecodable:
            raise
        except InvalidSchema as error:
            raise Undecodable(f"Schema {number} cannot be used: {error.detail}") from None
        except Exception as error:  # noqa: BLE001 whatever a library makes of bytes that strangers send
            raise Undecodable(f"The message is not written with schema {number}: {_said(error)}.") from None

    def _read(self, number: int, content: bytes) -> Decoded:
        if self._form == "protobuf":
            path, content = _path_and_rest(content)
            key: Any = (number, path)
        else:
            path, key = (), number
        reader = self._readers.get(key)
        if reader is None:
            reader = self._readers[key] = self._reader(number, path)
        return reader(content)

    def _reader(self, number: int, path: tuple[int, ...]) -> Callable[[bytes], Decoded]:
        schema = self._schemas.get(number)
        if schema is None or schema.missing:
            raise Undecodable(schema.missing if schema is not None else f"The registry has no schema {number}.")
        if schema.type.upper() != self._form.upper():
            raise Undecodable(f"Schema {number} is one of {schema.type.title()}, and the stream reads {self._form}.")
        if self._form == "avro":
            return _avro_reader(number, schema)
        if self._form == "protobuf":
            return _protobuf_reader(schema, path)
        return _json_reader(schema)


def _said(error: Exception) -> str:
    text = " ".join(str(error).split())
    return (text or type(error).__name__)[:200].rstrip(".")


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        values = _decode_json(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Undecodable(f"The message is not JSON: {_said(error)}.") from None
    except RecursionError:
        raise Undecodable("The message is nested too deeply.") from None
    if not isinstance(values, dict):
        raise Undecodable("The message is JSON and no object of values by names.")
    return values


def _json_reader(schema: SchemaText) -> Callable[[bytes], Decoded]:
    kinds = kinds_of_json_schema(json.loads(schema.text))
    return lambda content: Decoded(_json_object(content), kinds)


def kinds_of_json_schema(schema: Any) -> dict[str, str]:
    """Return the columns that a JSON Schema's properties are."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return {name: _json_kind(one) for name, one in properties.items()} if isinstance(properties, dict) else {}


def _json_kind(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "string"
    for union in ("oneOf", "anyOf"):
        if isinstance(schema.get(union), list):
            kinds = {
                _json_kind(one) for one in schema[union] if not (isinstance(one, dict) and one.get("type") == "null")
            }
            return _joined(kinds)
    said = schema.get("type")
    types = [one for one in (said if isinstance(said, list) else [said]) if one != "null"]
    if types == ["string"]:
        return _JSON_TEXTS.get(str(schema.get("format")), "string")
    return _joined({_JSON_KINDS.get(str(one), "string") for one in types})


def _joined(kinds: set[str]) -> str:
    """Return the type of a column that holds values of several."""
    if len(kinds) == 1:
        return next(iter(kinds))
    return "float" if kinds == {"integer", "float"} else "string"


def _avro_reader(number: int, schema: SchemaText) -> Callable[[bytes], Decoded]:
    from fastavro import parse_schema, schemaless_reader

    named: dict[str, Any] = {}
    for _, text in schema.referred:
        parse_schema(json.loads(text), named_schemas=named)
    written = json.loads(schema.text)
    if not isinstance(written, dict) or written.get("type") != "record":
        raise Undecodable(f"Schema {number} is no record, so that its values have no names.")
    if _has_endless_array(written):
        raise Undecodable(f"Schema {number} has lists of values that take no bytes, which are not read.")
    parsed = parse_schema(written, named_schemas=named)
    kinds = {field["name"]: _avro_kind(field["type"]) for field in written["fields"]}

    def read(content: bytes) -> Decoded:
        values: Any = schemaless_reader(io.BytesIO(content), parsed, None)
        return Decoded({name: _plain(value) for name, value in values.items()}, kinds)

    return read


def _has_endless_array(schema: Any) -> bool:
    """Say whether a few bytes may stand for any number of values."""
    if isinstance(schema, list):
        return any(_has_endless_array(one) for one in schema)
    if not isinstance(schema, dict):
        return False
    items = schema.get("items")
    if items == "null" or (isinstance(items, dict) and items.get("type") == "record" and not items.get("fields")):
        return True
    inner = [schema.get("items"), schema.get("values"), schema.get("type")]
    inner += [field.get("type") for field in schema.get("fields", ()) if isinstance(field, dict)]
    return any(_has_endless_array(one) for one in inner if isinstance(one, list | dict))


def _avro_kind(schema: Any) -> str:
    if isinstance(schema, list):
        return _joined({_avro_kind(one) for one in schema if one != "null"} or {"string"})
    if isinstance(schema, dict):
        logical = schema.get("logicalType")
        if isinstance(logical, str):
            # a decimal or a time of day is kept as it is written
            return _AVRO_KINDS.get(logical, "string")
        return _avro_kind(schema["type"])
    return _AVRO_KINDS.get(str(schema), "string")


def _plain(value: Any) -> Any:
    """Return a value of Avro as one of a column: what is neither number, text nor date becomes text."""
    if value is None or isinstance(value, str | int | float | datetime):
        return value
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict | list | tuple | timedelta):
        return _as_text(value)
    return value


def _as_text(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()


def _path_and_rest(content: bytes) -> tuple[tuple[int, ...], bytes]:
    """Return the path to a message's type among those of its file, and the message; raises `Undecodable`."""
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            if at >= len(content) or shift > 28:
                raise Undecodable("The message ends before the path to its type does.")
            byte = content[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)

    steps = number()
    if steps == 0:
        return (0,), content[at:]
    if not 0 < steps <= _PATH_STEPS_MAX:
        raise Undecodable("The message names no type of its schema.")
    return tuple(number() for _ in range(steps)), content[at:]


def _protobuf_reader(schema: SchemaText, path: Sequence[int]) -> Callable[[bytes], Decoded]:
    referred = tuple(Referred(name, name, 1, text) for name, text in schema.referred)
    kind = message_class(parse(Written(SchemaType.PROTOBUF, schema.text, referred)), path)
    if kind is None:
        raise Undecodable("The message names no type of its schema.")
    fields = [(field, *_protobuf_field(field)) for field in kind.DESCRIPTOR.fields]
    kinds = {field.name: column for field, column, _ in fields}

    def read(content: bytes) -> Decoded:
        message = kind.FromString(content)
        return Decoded({field.name: take(message, field) for field, _, take in fields}, kinds)

    return read


def _protobuf_field(field: Any) -> tuple[str, Callable[[Any, Any], Any]]:
    """Return what a field is as a column, and what takes its value from a message."""
    if field.is_repeated:
        return "string", _nested
    if field.message_type is not None:
        return _protobuf_message_field(field)
    if field.enum_type is not None:
        return "string", _name_of_enum
    if field.type == field.TYPE_BYTES:
        return "string", lambda message, of: _plain(_scalar(message, of))
    return _PROTOBUF_KINDS.get(field.cpp_type, "string"), _scalar


def _protobuf_message_field(field: Any) -> tuple[str, Callable[[Any, Any], Any]]:
    name = field.message_type.full_name
    if name == "google.protobuf.Timestamp":
        return "timestamp_utc", _moment
    if name.startswith("google.protobuf.") and name.endswith("Value") and "value" in field.message_type.fields_by_name:
        inner = field.message_type.fields_by_name["value"]
        return _PROTOBUF_KINDS.get(inner.cpp_type, "string"), _wrapped
    return "string", _nested


_PROTOBUF_KINDS = {
    # by the numbers of `FieldDescriptor.CPPTYPE_…`
    1: "integer",
    2: "integer",
    3: "integer",
    4: "integer",
    5: "float",
    6: "float",
    7: "boolean",
}


def _scalar(message: Any, field: Any) -> Any:
    return None if field.has_presence and not message.HasField(field.name) else getattr(message, field.name)


def _name_of_enum(message: Any, field: Any) -> Any:
    number = _scalar(message, field)
    if number is None:
        return None
    known = field.enum_type.values_by_number.get(number)
    return known.name if known is not None else str(number)


def _moment(message: Any, field: Any) -> Any:
    return getattr(message, field.name).ToDatetime(tzinfo=UTC) if message.HasField(field.name) else None


def _wrapped(message: Any, field: Any) -> Any:
    return _plain(getattr(message, field.name).value) if message.HasField(field.name) else None


def _nested(message: Any, field: Any) -> Any:
    from google.protobuf.json_format import MessageToDict

    if field.is_repeated:
        if not len(getattr(message, field.name)):
            return None
    elif not message.HasField(field.name):
        return None
    alone = type(message)()
    if field.is_repeated:
        getattr(alone, field.name).MergeFrom(getattr(message, field.name))
    else:
        getattr(alone, field.name).CopyFrom(getattr(message, field.name))
    return _as_text(MessageToDict(alone, preserving_proto_field_name=True).get(field.name))
