"""The table of compatibility, held against Protobuf: messages are written with one schema and read with the other."""

from typing import Any

import pytest
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from lyceum.data.schemas.engine.proto_known import known_files
from lyceum.data.schemas.engine.proto_text import text_of_file
from lyceum.data.schemas.engine.protobuf import MAIN, changes_of_protobuf, read_protobuf
from lyceum.data.schemas.engine.public import TABLE, ChangeKind, Direction, InvalidSchema, SchemaType, Written, parse

K = ChangeKind
PROTO3, PROTO2 = 'syntax = "proto3"; package p; ', 'syntax = "proto2"; package p; '


def kinds(old: str, new: str) -> set[ChangeKind]:
    return {change.kind for change in changes_of_protobuf(read_protobuf(old), read_protobuf(new))}


def message_of(text: str) -> Any:
    """Return the class of the message M, as protoc would have made it."""
    schema = read_protobuf(text)
    pool = DescriptorPool()
    for file in known_files().values():
        pool.Add(file)
    schema.file.name = MAIN
    pool.Add(schema.file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{schema.file.package}.M"))


def by_number(message: Any) -> dict[int, Any]:
    return {field.number: _plain(value) for field, value in message.ListFields()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return int(value) if isinstance(value, bool) else value


def is_lost(values: dict[str, Any], *, written: str, by: str) -> bool:
    """Say whether a reader of another schema gets other values, as far as it has fields for them, or none at all."""
    message = message_of(written)(**values)
    try:
        read = message_of(by).FromString(message.SerializeToString())
    except (DecodeError, KeyError):
        return True
    if not read.IsInitialized():
        return True
    there, here = by_number(message), by_number(read)
    known = {field.number for field in read.DESCRIPTOR.fields}
    return any(here.get(number) != value for number, value in there.items() if number in known)


ROWS: tuple[tuple[ChangeKind, str, str, dict[str, Any], dict[str, Any]], ...] = (
    (
        K.FIELD_ADDED_WITH_DEFAULT,
        PROTO3 + "message M { int32 a = 1; }",
        PROTO3 + "message M { int32 a = 1; string b = 2; }",
        {"a": 1},
        {"a": 1, "b": "x"},
    ),
    (
        K.FIELD_REMOVED_WITH_DEFAULT,
        PROTO3 + "message M { int32 a = 1; string b = 2; }",
        PROTO3 + "message M { int32 a = 1; }",
        {"a": 1, "b": "x"},
        {"a": 1},
    ),
    (
        K.FIELD_ADDED,
        PROTO2 + "message M { optional int32 a = 1; }",
        PROTO2 + "message M { optional int32 a = 1; required int32 b = 2; }",
        {"a": 1},
        {"a": 1, "b": 2},
    ),
    (
        K.FIELD_REMOVED,
        PROTO2 + "message M { optional int32 a = 1; required int32 b = 2; }",
        PROTO2 + "message M { optional int32 a = 1; }",
        {"a": 1, "b": 2},
        {"a": 1},
    ),
    (
        K.FIELD_MADE_REQUIRED,
        PROTO2 + "message M { optional int32 a = 1; }",
        PROTO2 + "message M { required int32 a = 1; }",
        {},
        {"a": 1},
    ),
    (
        K.FIELD_MADE_OPTIONAL,
        PROTO2 + "message M { required int32 a = 1; }",
        PROTO2 + "message M { optional int32 a = 1; }",
        {"a": 1},
        {},
    ),
    (
        K.FIELD_NAME_CHANGED,
        PROTO3 + "message M { int32 a = 1; }",
        PROTO3 + "message M { int32 b = 1; }",
        {"a": 1},
        {"b": 1},
    ),
    (
        K.TYPE_EXCHANGED,
        PROTO3 + "message M { int32 a = 1; }",
        PROTO3 + "message M { int64 a = 1; }",
        {"a": 1},
        {"a": 1},
    ),
    (
        K.TYPE_EXCHANGED,
        PROTO3 + "message M { string a = 1; }",
        PROTO3 + "message M { bytes a = 1; }",
        {"a": "x"},
        {"a": b"x"},
    ),
    (
        K.TYPE_CHANGED,
        PROTO3 + "message M { int32 a = 1; }",
        PROTO3 + "message M { sint32 a = 1; }",
        {"a": 1},
        {"a": 1},
    ),
    (
        K.TYPE_CHANGED,
        PROTO3 + "message M { string a = 1; }",
        PROTO3 + "message M { double a = 1; }",
        {"a": "x"},
        {"a": 1.0},
    ),
    (
        K.LABEL_CHANGED,
        PROTO3 + "message M { int32 a = 1; }",
        PROTO3 + "message M { repeated int32 a = 1; }",
        {"a": 1},
        {"a": [1, 2]},
    ),
    (
        K.FIELDS_MOVED_TO_ONEOF,
        PROTO3 + "message M { int32 a = 1; int32 b = 2; }",
        PROTO3 + "message M { oneof o { int32 a = 1; int32 b = 2; } }",
        {"a": 1, "b": 2},
        {"a": 1},
    ),
    (
        K.FIELDS_MOVED_FROM_ONEOF,
        PROTO3 + "message M { oneof o { int32 a = 1; int32 b = 2; } }",
        PROTO3 + "message M { int32 a = 1; int32 b = 2; }",
        {"a": 1},
        {"a": 1, "b": 2},
    ),
    (
        K.ONEOF_FIELD_ADDED,
        PROTO3 + "message M { oneof o { int32 a = 1; } }",
        PROTO3 + "message M { oneof o { int32 a = 1; int32 b = 2; } }",
        {"a": 1},
        {"b": 2},
    ),
    (
        K.PACKAGE_CHANGED,
        PROTO3 + "message M { int32 a = 1; }",
        PROTO3.replace("package p", "package q") + "message M { int32 a = 1; }",
        {"a": 1},
        {"a": 1},
    ),
    (
        K.MESSAGE_REMOVED,
        PROTO3 + "message M { int32 a = 1; }",
        PROTO3 + "message N { int32 a = 1; }",
        {"a": 1},
        {"a": 1},
    ),
)
BESIDE = {K.ONEOF_FIELD_ADDED: {K.FIELD_ADDED_WITH_DEFAULT}, K.MESSAGE_REMOVED: {K.MESSAGE_ADDED}}
"""What else is said of the same change."""


@pytest.mark.parametrize("kind, old, new, of_old, of_new", ROWS)
def test_each_change_breaks_what_the_table_says(
    kind: ChangeKind, old: str, new: str, of_old: dict[str, Any], of_new: dict[str, Any]
) -> None:
    assert kinds(old, new) == {kind} | BESIDE.get(kind, set())
    assert kinds(old, old) == kinds(new, new) == set()
    if kind is not K.MESSAGE_REMOVED:
        lost = (is_lost(of_old, written=old, by=new), is_lost(of_new, written=new, by=old))
        assert lost == (TABLE[kind].backward is not None, TABLE[kind].forward is not None)


SCALARS = st.sampled_from(
    ["int32", "int64", "uint32", "bool", "sint32", "string", "bytes", "double", "fixed32", "float"]
)
FIELDS = st.dictionaries(st.integers(1, 4), st.tuples(st.sampled_from(["", "repeated "]), SCALARS), max_size=4)


def proto_of(fields: dict[int, tuple[str, str]]) -> str:
    lines = " ".join(f"{label}{kind} f{number} = {number};" for number, (label, kind) in fields.items())
    return f"{PROTO3}message M {{ {lines} }}"


def value_of(label: str, kind: str) -> Any:
    one = {"string": "x", "bytes": b"x", "double": 1.5, "float": 1.5, "bool": True}.get(kind, 1)
    return [one] if label else one


@given(old=FIELDS, new=FIELDS)
def test_what_is_said_to_be_readable_is_read(old: dict[int, tuple[str, str]], new: dict[int, tuple[str, str]]) -> None:
    texts = proto_of(old), proto_of(new)
    found = changes_of_protobuf(*(read_protobuf(text) for text in texts))
    for direction, (written, fields), by in (
        (Direction.BACKWARD, (texts[0], old), texts[1]),
        (Direction.FORWARD, (texts[1], new), texts[0]),
    ):
        if not any(change.breaks(direction) for change in found):
            shared = {n: of for n, of in fields.items() if n not in old or n not in new or old[n][0] == new[n][0]}
            values = {f"f{number}": value_of(*of) for number, of in shared.items()}
            assert not is_lost(values, written=written, by=by), (values, written, by, found)


@given(FIELDS)
def test_a_descriptor_in_base64_is_the_same_schema_as_its_text(fields: dict[int, tuple[str, str]]) -> None:
    import base64

    text = proto_of(fields)
    file = read_protobuf(text).file
    sent = base64.b64encode(file.SerializeToString()).decode()
    one, other = (parse(Written(SchemaType.PROTOBUF, each)) for each in (text, sent))
    assert one.digest == other.digest
    assert read_protobuf(text_of_file(file)).file == read_protobuf(other.text).file == file


def test_all_that_a_file_can_say_is_written_and_read_as_the_same() -> None:
    text = """
        syntax = "proto2"; package a.b; import public "google/protobuf/timestamp.proto"; option java_package = "x";
        message M { option deprecated = true; required string s = 1 [default = "x\\"y\\n"];
          optional bytes raw = 8 [default = "\\001\\"z"]; optional Z z = 2 [default = K];
          repeated int32 r = 3 [packed = true]; map<string, M> m = 4; oneof o { int64 p = 5; Z q = 6; }
          reserved 10 to 20, 30; reserved "gone"; extensions 100 to max; optional google.protobuf.Timestamp t = 7;
          enum Z { option allow_alias = true; J = 1; K = 2; L = 2 [deprecated = true]; } message N { optional bool b = 1; } }
        extend M { optional string e = 100; }
        service S { rpc Do (M) returns (stream M); }
    """
    file = read_protobuf(text).file
    assert read_protobuf(text_of_file(file)).file == file
    assert json_format.MessageToDict(file)["messageType"][0]["reservedName"] == ["gone"]


@pytest.mark.parametrize(
    "text",
    [
        *("hello", 'syntax = "proto3"; message X { strin g g = 1; } foo', PROTO3 + "message M { Unknown a = 1; }"),
        *(PROTO3 + 'import "elsewhere.proto";', PROTO3 + "message M { int32 a = 1; int32 b = 1; }"),
        *("message X {" * 300 + "}" * 300, 'edition = "2023";', PROTO2 + "message M { optional group G = 1 { } }"),
        *(PROTO3 + "message M { int32 a = 0; }", PROTO3 + "enum E { A = 1; }", "AAAA"),
    ],
)
def test_what_is_no_schema_is_refused_with_a_reason(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidSchema):
        read_protobuf(text)
    assert capfd.readouterr() == ("", "")
