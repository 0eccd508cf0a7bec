"""Protobuf schemas: `.proto` files, or what protoc makes of them, read, written as text, and compared."""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as _Field
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from lyceum.data.schemas.engine.changes import Change, ChangeKind
from lyceum.data.schemas.engine.errors import InvalidSchema
from lyceum.data.schemas.engine.proto_files import file_of_text
from lyceum.data.schemas.engine.proto_known import known_files

MAIN = "lyceum/main.proto"
"""What the file itself is called while it is read; no import names it."""
_ALIKE = (
    frozenset(
        {
            _Field.TYPE_INT32,
            _Field.TYPE_UINT32,
            _Field.TYPE_INT64,
            _Field.TYPE_UINT64,
            _Field.TYPE_BOOL,
            _Field.TYPE_ENUM,
        }
    ),
    frozenset({_Field.TYPE_SINT32, _Field.TYPE_SINT64}),
    frozenset({_Field.TYPE_STRING, _Field.TYPE_BYTES}),
    frozenset({_Field.TYPE_FIXED32, _Field.TYPE_SFIXED32}),
    frozenset({_Field.TYPE_FIXED64, _Field.TYPE_SFIXED64}),
)
"""Types whose values are written alike ("Updating a message type" of the language guide)."""


@dataclass(frozen=True, slots=True)
class ProtobufSchema:
    """A file with every type's full name, and those it imports, by name."""

    file: FileDescriptorProto
    imports: Mapping[str, FileDescriptorProto]


def read_protobuf(text: str, references: Mapping[str, str] | None = None) -> ProtobufSchema:
    """Return a schema from the text of a `.proto` file, or a serialised descriptor in base64.

    `references` are texts by the names they are imported by, each after what it imports itself. Raises `InvalidSchema`.
    """
    pool = DescriptorPool()
    known = known_files()
    for file in known.values():
        pool.Add(file)
    imports: dict[str, FileDescriptorProto] = {}
    for name, referred in (references or {}).items():
        if name not in known:
            imports[name] = _built(pool, _file_of(referred), name, {**known, **imports})
    main = _built(pool, _file_of(text), MAIN, {**known, **imports})
    main.name = ""
    return ProtobufSchema(main, imports)


def is_descriptor(text: str) -> bool:
    """Say whether a text is a descriptor in base64 rather than a `.proto` file."""
    try:
        return len(text) > 0 and bool(_decoded(text))
    except InvalidSchema:
        return False


def message_class_of(schema: ProtobufSchema, path: Sequence[int]) -> type[Message] | None:
    """Return what reads messages of the type at a path of places in the file; None where there is none."""
    found: DescriptorProto | None = None
    names: list[str] = [schema.file.package] if schema.file.package else []
    inner = schema.file.message_type
    for place in path:
        if not 0 <= place < len(inner):
            return None
        found = inner[place]
        names.append(found.name)
        inner = found.nested_type
    if found is None:
        return None
    pool = DescriptorPool()
    known = known_files()
    for file in (*known.values(), *schema.imports.values()):
        pool.Add(file)
    main = FileDescriptorProto()
    main.CopyFrom(schema.file)
    main.name = MAIN
    pool.Add(main)
    made: type[Message] = GetMessageClass(pool.FindMessageTypeByName(".".join(names)))
    return made


def changes_of_protobuf(old: ProtobufSchema, new: ProtobufSchema) -> list[Change]:
    """Return what has changed between two schemas, each change once."""
    changes: list[Change] = []
    if old.file.package != new.file.package:
        changes.append(Change(ChangeKind.PACKAGE_CHANGED, "package", old.file.package, new.file.package))
    olds, news = dict(_messages(old)), dict(_messages(new))
    for name, before in olds.items():
        after = news.get(name)
        if after is not None:
            changes += _MessageDiffer(name, before, after).changes()
        elif not name.startswith("import "):
            changes.append(Change(ChangeKind.MESSAGE_REMOVED, name))
    changes += [
        Change(ChangeKind.MESSAGE_ADDED, name) for name in news if name not in olds and not name.startswith("import ")
    ]
    if not changes and old.file != new.file:
        changes.append(Change(ChangeKind.DESCRIPTION_CHANGED, "the schema"))
    return changes


def _file_of(text: str) -> FileDescriptorProto:
    try:
        return _decoded(text)
    except InvalidSchema:
        return file_of_text(text)


def _decoded(text: str) -> FileDescriptorProto:
    try:
        return FileDescriptorProto.FromString(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, DecodeError):
        raise InvalidSchema("This is no descriptor of a .proto file in base64.") from None


def _built(
    pool: DescriptorPool, file: FileDescriptorProto, name: str, there: Mapping[str, FileDescriptorProto]
) -> FileDescriptorProto:
    """Return a file as the library takes it: with every type found, and full names."""
    missing = [wanted for wanted in file.dependency if wanted not in there]
    if missing:
        raise InvalidSchema(f"The .proto file imports {missing[0][:200]!r}, which is not among its references.")
    file.name = name
    file.syntax = file.syntax or "proto2"
    built = FileDescriptorProto()
    try:
        pool.Add(file)
        pool.FindFileByName(name).CopyToProto(built)
    except (TypeError, KeyError, ValueError) as error:
        said = " ".join(str(error).split())[:300].replace(name, "it")
        raise InvalidSchema(f"The .proto file cannot be used: {said}.") from None
    for message in _nested(built.message_type):
        for field in message.field:
            field.ClearField("json_name")
    built.ClearField("source_code_info")
    built.syntax = built.syntax or "proto2"
    return built


def _nested(messages: "Iterator[DescriptorProto] | list[DescriptorProto]") -> Iterator[DescriptorProto]:
    for message in messages:
        yield message
        yield from _nested(list(message.nested_type))


def _messages(schema: ProtobufSchema) -> Iterator[tuple[str, DescriptorProto]]:
    """Yield the messages by their names without the package; those of imports by their full ones."""
    yield from _named(list(schema.file.message_type), "")
    for file in schema.imports.values():
        for name, message in _named(list(file.message_type), f"{file.package}." if file.package else ""):
            yield f"import {name}", message


def _named(messages: list[DescriptorProto], prefix: str) -> Iterator[tuple[str, DescriptorProto]]:
    for message in messages:
        if not message.options.map_entry:
            yield f"{prefix}{message.name}", message
            yield from _named(list(message.nested_type), f"{prefix}{message.name}.")


class _MessageDiffer:
    def __init__(self, name: str, old: DescriptorProto, new: DescriptorProto) -> None:
        self._name, self._old, self._new = name.removeprefix("import "), old, new
        self._found: list[Change] = []

    def changes(self) -> list[Change]:
        olds, news = ({field.number: field for field in one.field} for one in (self._old, self._new))
        for number in sorted(olds.keys() | news.keys()):
            before, after = olds.get(number), news.get(number)
            if before is not None and after is not None:
                self._compare(before, after)
            elif after is not None:
                self._added(after)
            elif before is not None:
                self._removed(before)
        self._compare_oneofs(olds, news)
        return self._found

    def _say(self, kind: ChangeKind, name: str, before: str = "", after: str = "") -> None:
        self._found.append(Change(kind, f"{self._name}.{name}", before, after))

    def _added(self, field: _Field) -> None:
        is_required = field.label == _Field.LABEL_REQUIRED
        self._say(ChangeKind.FIELD_ADDED if is_required else ChangeKind.FIELD_ADDED_WITH_DEFAULT, field.name)

    def _removed(self, field: _Field) -> None:
        if field.label == _Field.LABEL_REQUIRED:
            self._say(ChangeKind.FIELD_REMOVED, field.name)
        elif _oneof(self._old, field) is None:
            self._say(ChangeKind.FIELD_REMOVED_WITH_DEFAULT, field.name)

    def _compare(self, old: _Field, new: _Field) -> None:
        if old.name != new.name:
            self._say(ChangeKind.FIELD_NAME_CHANGED, new.name, old.name, new.name)
        self._compare_labels(old, new)
        before, after = self._type_words(self._old, old), self._type_words(self._new, new)
        if before != after:
            is_alike = any(old.type in alike and new.type in alike for alike in _ALIKE)
            self._say(ChangeKind.TYPE_EXCHANGED if is_alike else ChangeKind.TYPE_CHANGED, new.name, before, after)
        if old.default_value != new.default_value:
            self._say(ChangeKind.DEFAULT_CHANGED, new.name, old.default_value, new.default_value)

    def _compare_labels(self, old: _Field, new: _Field) -> None:
        required, repeated = _Field.LABEL_REQUIRED, _Field.LABEL_REPEATED
        if (old.label == repeated) != (new.label == repeated):
            if old.type not in {_Field.TYPE_STRING, _Field.TYPE_BYTES, _Field.TYPE_MESSAGE}:
                self._say(ChangeKind.LABEL_CHANGED, new.name, _label(old), _label(new))
            elif required not in {old.label, new.label}:
                self._say(ChangeKind.BRANCH_COVERED, new.name, _label(old), _label(new))
        if (old.label == required) != (new.label == required):
            is_required = new.label == required
            self._say(ChangeKind.FIELD_MADE_REQUIRED if is_required else ChangeKind.FIELD_MADE_OPTIONAL, new.name)

    def _type_words(self, message: DescriptorProto, field: _Field) -> str:
        entry = _map_entry(message, field)
        if entry is not None:
            return f"map<{self._type_words(entry, entry.field[0])}, {self._type_words(entry, entry.field[1])}>"
        if field.type_name:
            return str(field.type_name.rpartition(".")[2])
        return str(_Field.Type.Name(field.type)).removeprefix("TYPE_").lower()

    def _compare_oneofs(self, olds: Mapping[int, _Field], news: Mapping[int, _Field]) -> None:
        for name, numbers in _oneofs(self._new).items():
            moved = [number for number in numbers if number in olds and _oneof(self._old, olds[number]) is None]
            others = [number for number in numbers if number in olds and number not in moved]
            names = ", ".join(news[number].name for number in moved)
            if len(moved) > 1 or (moved and others):
                self._say(ChangeKind.FIELDS_MOVED_TO_ONEOF, name, "", names)
            elif any(number not in olds for number in numbers) and others:
                added = ", ".join(news[number].name for number in numbers if number not in olds)
                self._say(ChangeKind.ONEOF_FIELD_ADDED, name, "", added)
        for name, numbers in _oneofs(self._old).items():
            left = [number for number in numbers if number in news and _oneof(self._new, news[number]) is None]
            if len(left) > 1 or (left and len(numbers) > len(left)):
                self._say(ChangeKind.FIELDS_MOVED_FROM_ONEOF, name, ", ".join(olds[number].name for number in left), "")
            gone = [olds[number].name for number in numbers if number not in news]
            if gone:
                self._say(ChangeKind.ONEOF_FIELD_REMOVED, name, ", ".join(gone), "")


def _label(field: _Field) -> str:
    return "repeated" if field.label == _Field.LABEL_REPEATED else "single"


def _oneof(message: DescriptorProto, field: _Field) -> str | None:
    """Return the oneof a field stands in; the one that an optional field has to itself is none."""
    if not field.HasField("oneof_index") or field.proto3_optional:
        return None
    return str(message.oneof_decl[field.oneof_index].name)


def _oneofs(message: DescriptorProto) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for field in message.field:
        name = _oneof(message, field)
        if name is not None:
            found.setdefault(name, []).append(field.number)
    return found


def _map_entry(message: DescriptorProto, field: _Field) -> DescriptorProto | None:
    if field.type != _Field.TYPE_MESSAGE or field.label != _Field.LABEL_REPEATED:
        return None
    short = field.type_name.rpartition(".")[2]
    return next((one for one in message.nested_type if one.name == short and one.options.map_entry), None)
