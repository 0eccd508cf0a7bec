"""A descriptor as the text of a `.proto` file."""

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.text_encoding import CEscape

_LABELS = {FieldDescriptorProto.LABEL_REQUIRED: "required ", FieldDescriptorProto.LABEL_REPEATED: "repeated "}
_FIELD_NUMBER_END = 2**29
_ENUM_NUMBER_MAX = 2**31 - 1
_INDENT = "  "


def text_of_file(file: FileDescriptorProto) -> str:
    """Return a file as text that is read as the same descriptor; comments are in none."""
    is_proto3 = file.syntax == "proto3"
    lines = [f'syntax = "{file.syntax or "proto2"}";']
    lines += [f"package {file.package};"] if file.package else []
    for index, name in enumerate(file.dependency):
        lines.append(f'import {"public " if index in file.public_dependency else ""}"{name}";')
    lines += [f"option {option};" for option in _options(file.options)]
    lines += _extensions(file.extension, is_proto3=is_proto3)
    for message in file.message_type:
        lines += ["", *_message(message, is_proto3=is_proto3)]
    for enum in file.enum_type:
        lines += ["", *_enum(enum)]
    for service in file.service:
        lines += ["", f"service {service.name} {{", *_indented(_method(method) for method in service.method), "}"]
    return "\n".join(lines) + "\n"


def _message(message: DescriptorProto, *, is_proto3: bool) -> Iterator[str]:
    yield f"message {message.name} {{"
    yield from _indented(_inside(message, is_proto3=is_proto3))
    yield "}"


def _inside(message: DescriptorProto, *, is_proto3: bool) -> Iterator[str]:
    entries = {one.name: one for one in message.nested_type if one.options.map_entry}
    yield from (f"option {option};" for option in _options(message.options))
    told = set()
    for field in message.field:
        if not field.HasField("oneof_index") or field.proto3_optional:
            yield _field(field, entries, is_proto3=is_proto3)
        elif field.oneof_index not in told:
            told.add(field.oneof_index)
            members = [
                one for one in message.field if one.HasField("oneof_index") and one.oneof_index == field.oneof_index
            ]
            yield f"oneof {message.oneof_decl[field.oneof_index].name} {{"
            yield from _indented(_field(one, entries, is_proto3=True) for one in members)
            yield "}"
    yield from _reserved(message)
    yield from _extensions(message.extension, is_proto3=is_proto3)
    for nested in message.nested_type:
        if nested.name not in entries:
            yield from _message(nested, is_proto3=is_proto3)
    for enum in message.enum_type:
        yield from _enum(enum)


def _field(field: FieldDescriptorProto, entries: dict[str, DescriptorProto], *, is_proto3: bool) -> str:
    options = [] if not field.HasField("default_value") else [f"default = {_default(field)}"]
    options += _options(field.options)
    shown = f" [{', '.join(options)}]" if options else ""
    entry = entries.get(field.type_name.rpartition(".")[2])
    if entry is not None:
        return f"map<{_type(entry.field[0])}, {_type(entry.field[1])}> {field.name} = {field.number}{shown};"
    label = _LABELS.get(field.label, "" if is_proto3 and not field.proto3_optional else "optional ")
    return f"{label}{_type(field)} {field.name} = {field.number}{shown};"


def _type(field: FieldDescriptorProto) -> str:
    if field.type_name:
        return str(field.type_name)
    return str(FieldDescriptorProto.Type.Name(field.type)).removeprefix("TYPE_").lower()


def _default(field: FieldDescriptorProto) -> str:
    if field.type == FieldDescriptorProto.TYPE_STRING:
        return _quoted(field.default_value)
    if field.type == FieldDescriptorProto.TYPE_BYTES:
        return f'"{field.default_value}"'
    return str(field.default_value)


def _reserved(message: DescriptorProto) -> Iterator[str]:
    for word, ranges in (("reserved", message.reserved_range), ("extensions", message.extension_range)):
        for each in ranges:
            yield f"{word} {_range(each.start, each.end - 1, _FIELD_NUMBER_END - 1)};"
    if message.reserved_name:
        yield f"reserved {', '.join(_quoted(name) for name in message.reserved_name)};"


def _extensions(fields: Iterable[FieldDescriptorProto], *, is_proto3: bool) -> Iterator[str]:
    for field in fields:
        yield f"extend {field.extendee} {{"
        yield _INDENT + _field(field, {}, is_proto3=is_proto3)
        yield "}"


def _enum(enum: EnumDescriptorProto) -> Iterator[str]:
    yield f"enum {enum.name} {{"
    yield from (f"{_INDENT}option {option};" for option in _options(enum.options))
    for value in enum.value:
        options = ", ".join(_options(value.options))
        shown = f" [{options}]" if options else ""
        yield f"{_INDENT}{value.name} = {value.number}{shown};"
    for each in enum.reserved_range:
        yield f"{_INDENT}reserved {_range(each.start, each.end, _ENUM_NUMBER_MAX)};"
    if enum.reserved_name:
        yield f"{_INDENT}reserved {', '.join(_quoted(name) for name in enum.reserved_name)};"
    yield "}"


def _method(method: Any) -> str:
    takes, gives = ("stream " if streams else "" for streams in (method.client_streaming, method.server_streaming))
    return f"rpc {method.name} ({takes}{method.input_type}) returns ({gives}{method.output_type});"


def _options(options: Any) -> Iterator[str]:
    for known, value in options.ListFields():
        if known.message_type is not None or known.is_extension:
            continue
        if known.enum_type is not None:
            yield f"{known.name} = {known.enum_type.values_by_number[value].name}"
        elif isinstance(value, bool):
            yield f"{known.name} = {str(value).lower()}"
        else:
            yield f"{known.name} = {_quoted(value) if isinstance(value, str) else value}"


def _range(start: int, end: int, last: int) -> str:
    if start == end:
        return str(start)
    return f"{start} to {'max' if end == last else end}"


def _quoted(text: str) -> str:
    return f'"{CEscape(text, as_utf8=True)}"'


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (_INDENT + line for line in lines)
