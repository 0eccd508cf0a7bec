"""Messages written with a Protobuf schema: the path to a message's type among those of its file, and the message."""

from collections.abc import Callable
from datetime import UTC
from typing import Any

from lyceum.data.schemas.engine.public import Referred, SchemaType, Written, message_class, parse
from lyceum.data.streams.decoded import Decoded, Undecodable, as_text, plain
from lyceum.data.streams.work import SchemaText

_PATH_STEPS_MAX = 32
_KINDS = {
    # by the numbers of `FieldDescriptor.CPPTYPE_…`
    1: "integer",
    2: "integer",
    3: "integer",
    4: "integer",
    5: "float",
    6: "float",
    7: "boolean",
}


def protobuf_reader(schema: SchemaText) -> Callable[[bytes], Decoded]:
    """Return what reads messages of all types of a schema's file; raises `InvalidSchema`."""
    referred = tuple(Referred(name, name, 1, text) for name, text in schema.referred)
    parsed = parse(Written(SchemaType.PROTOBUF, schema.text, referred))
    readers: dict[tuple[int, ...], Callable[[bytes], Decoded]] = {}

    def read(content: bytes) -> Decoded:
        path, message = _path_and_rest(content)
        reader = readers.get(path)
        if reader is None:
            kind = message_class(parsed, path)
            if kind is None:
                raise Undecodable("The message names no type of its schema.")
            reader = readers[path] = _reader_of(kind)
        return reader(message)

    return read


def _reader_of(kind: Any) -> Callable[[bytes], Decoded]:
    fields = [(field, *_field(field)) for field in kind.DESCRIPTOR.fields]
    kinds = {field.name: column for field, column, _ in fields}

    def read(content: bytes) -> Decoded:
        message = kind.FromString(content)
        return Decoded({field.name: take(message, field) for field, _, take in fields}, kinds)

    return read


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


def _field(field: Any) -> tuple[str, Callable[[Any, Any], Any]]:
    """Return what a field is as a column, and what takes its value from a message."""
    if field.is_repeated:
        return "string", _nested
    if field.message_type is not None:
        return _message_field(field)
    if field.enum_type is not None:
        return "string", _name_of_enum
    if field.type == field.TYPE_BYTES:
        return "string", lambda message, of: plain(_scalar(message, of))
    return _KINDS.get(field.cpp_type, "string"), _scalar


def _message_field(field: Any) -> tuple[str, Callable[[Any, Any], Any]]:
    name = field.message_type.full_name
    if name == "google.protobuf.Timestamp":
        return "timestamp_utc", _moment
    if name.startswith("google.protobuf.") and name.endswith("Value") and "value" in field.message_type.fields_by_name:
        inner = field.message_type.fields_by_name["value"]
        return _KINDS.get(inner.cpp_type, "string"), _wrapped
    return "string", _nested


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
    return plain(getattr(message, field.name).value) if message.HasField(field.name) else None


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
    return as_text(MessageToDict(alone, preserving_proto_field_name=True).get(field.name))
