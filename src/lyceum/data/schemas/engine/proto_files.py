"""The text of a `.proto` file, as the library's descriptor of it."""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from antlr4.error.ErrorListener import ErrorListener
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.text_encoding import CUnescape
from proto_schema_parser import ast
from proto_schema_parser.parser import Parser

from lyceum.data.schemas.engine.errors import InvalidSchema

_SCALARS = {
    name.removeprefix("TYPE_").lower(): number
    for name, number in FieldDescriptorProto.Type.items()
    if name not in {"TYPE_GROUP", "TYPE_MESSAGE", "TYPE_ENUM"}
}
_LABELS = {
    None: FieldDescriptorProto.LABEL_OPTIONAL,
    ast.FieldCardinality.OPTIONAL: FieldDescriptorProto.LABEL_OPTIONAL,
    ast.FieldCardinality.REQUIRED: FieldDescriptorProto.LABEL_REQUIRED,
    ast.FieldCardinality.REPEATED: FieldDescriptorProto.LABEL_REPEATED,
}
_FIELD_NUMBER_MAX = 2**29 - 1
_ENUM_NUMBER_MAX = 2**31 - 1


def file_of_text(text: str) -> FileDescriptorProto:
    """Return the descriptor of a `.proto` file, whose types are still to be found; raises `InvalidSchema`."""
    try:
        parsed = Parser(setup_lexer=_listen, setup_parser=_listen).parse(text)
        return _file(parsed)
    except RecursionError:
        raise InvalidSchema("The .proto file is nested too deeply.") from None
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise InvalidSchema(f"This is no .proto file: {' '.join(str(error).split())[:300]}.") from None


class _Refusing(ErrorListener):  # type: ignore[misc] # the library ships no types
    """What the parser would print and go on from is the end."""

    def syntaxError(  # noqa: N802 as the library calls it
        self,
        recognizer: Any,  # noqa: ARG002
        offendingSymbol: Any,  # noqa: ARG002, N803
        line: int,
        column: int,
        msg: str,
        e: Any,  # noqa: ARG002
    ) -> NoReturn:
        raise InvalidSchema(f"This is no .proto file: line {line}, column {column + 1}: {msg[:200]}.")


def _listen(reader: Any) -> None:
    reader.removeErrorListeners()
    reader.addErrorListener(_Refusing())


def _file(parsed: ast.File) -> FileDescriptorProto:
    if parsed.edition:
        raise InvalidSchema("The .proto file has an edition; the registry reads proto2 and proto3.")
    is_proto3 = parsed.syntax == "proto3"
    file = FileDescriptorProto(syntax=parsed.syntax or "proto2")
    for element in parsed.file_elements:
        if isinstance(element, ast.Package):
            file.package = element.name
        elif isinstance(element, ast.Import):
            if element.public:
                file.public_dependency.append(len(file.dependency))
            file.dependency.append(element.name)
        elif isinstance(element, ast.Message):
            _fill_message(file.message_type.add(), element, is_proto3=is_proto3)
        elif isinstance(element, ast.Service):
            _fill_service(file, element)
        else:
            _fill_either(file, element, is_proto3=is_proto3)
    return file


def _fill_message(message: DescriptorProto, parsed: ast.Message, *, is_proto3: bool) -> None:
    message.name = parsed.name
    for element in parsed.elements:
        if isinstance(element, ast.Field):
            field = message.field.add()
            _fill_field(field, element)
            if is_proto3 and element.cardinality is ast.FieldCardinality.OPTIONAL:
                field.proto3_optional = True
        elif isinstance(element, ast.MapField):
            _fill_map(message, element)
        elif isinstance(element, ast.OneOf):
            _fill_oneof(message, element)
        elif isinstance(element, ast.Message):
            _fill_message(message.nested_type.add(), element, is_proto3=is_proto3)
        elif isinstance(element, (ast.Reserved, ast.ExtensionRange)):
            _reserve(message, element)
        else:
            _fill_either(message, element, is_proto3=is_proto3)
    # an optional field of proto3 has a oneof to itself, after those that are written
    for field in message.field:
        if field.proto3_optional:
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{field.name}")


def _fill_either(into: FileDescriptorProto | DescriptorProto, element: Any, *, is_proto3: bool) -> None:
    """Add what a file and a message can both hold."""
    if isinstance(element, ast.Enum):
        _fill_enum(into.enum_type.add(), element)
    elif isinstance(element, ast.Option):
        _fill_option(into.options, element)
    elif isinstance(element, ast.Extension):
        _fill_extension(into.extension.add, element, is_proto3=is_proto3)
    elif isinstance(element, ast.Group):
        raise InvalidSchema(f"{into.name} has the group {element.name}; write a message in its place.")


def _reserve(message: DescriptorProto, element: ast.Reserved | ast.ExtensionRange) -> None:
    ranges = _ranges(element.ranges, _FIELD_NUMBER_MAX)
    if isinstance(element, ast.ExtensionRange):
        for start, end in ranges:
            message.extension_range.add(start=start, end=end + 1)
        return
    message.reserved_name.extend(name.strip("\"'") for name in element.names)
    for start, end in ranges:
        message.reserved_range.add(start=start, end=end + 1)


def _fill_field(field: FieldDescriptorProto, parsed: ast.Field) -> None:
    field.name = parsed.name
    field.number = int(parsed.number)
    field.label = _LABELS[parsed.cardinality]
    _fill_type(field, parsed.type)
    for option in parsed.options:
        if option.name == "default":
            value = option.value
            # of bytes, a descriptor holds what was written
            text = value if parsed.type == "bytes" else _plain(value)
            field.default_value = str(text).lower() if isinstance(value, bool) else str(text)
        elif option.name != "json_name":
            _fill_option(field.options, option)


def _fill_type(field: FieldDescriptorProto, name: str) -> None:
    if name in _SCALARS:
        field.type = _SCALARS[name]
    else:
        field.type_name = name


def _fill_map(message: DescriptorProto, parsed: ast.MapField) -> None:
    entry = message.nested_type.add()
    entry.name = "".join(part[:1].upper() + part[1:] for part in parsed.name.split("_")) + "Entry"
    entry.options.map_entry = True
    for number, (name, kind) in enumerate((("key", parsed.key_type), ("value", parsed.value_type)), start=1):
        part = entry.field.add(name=name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
        _fill_type(part, kind)
    field = message.field.add(
        name=parsed.name, number=int(parsed.number), label=FieldDescriptorProto.LABEL_REPEATED, type_name=entry.name
    )
    field.type = FieldDescriptorProto.TYPE_MESSAGE
    for option in parsed.options:
        _fill_option(field.options, option)


def _fill_oneof(message: DescriptorProto, parsed: ast.OneOf) -> None:
    index = len(message.oneof_decl)
    message.oneof_decl.add(name=parsed.name)
    for element in parsed.elements:
        if isinstance(element, ast.Field):
            field = message.field.add()
            _fill_field(field, element)
            field.oneof_index = index
        elif isinstance(element, ast.Group):
            raise InvalidSchema(f"{parsed.name} has the group {element.name}; write a message in its place.")


def _fill_enum(enum: EnumDescriptorProto, parsed: ast.Enum) -> None:
    enum.name = parsed.name
    for element in parsed.elements:
        if isinstance(element, ast.EnumValue):
            value = enum.value.add(name=element.name, number=int(element.number))
            for option in element.options:
                _fill_option(value.options, option)
        elif isinstance(element, ast.EnumReserved):
            enum.reserved_name.extend(name.strip("\"'") for name in element.names)
            for start, end in _ranges(element.ranges, _ENUM_NUMBER_MAX):
                enum.reserved_range.add(start=start, end=end)
        elif isinstance(element, ast.Option):
            _fill_option(enum.options, element)


def _fill_extension(add: Callable[[], FieldDescriptorProto], parsed: ast.Extension, *, is_proto3: bool) -> None:
    for element in parsed.elements:
        if isinstance(element, ast.Field):
            field = add()
            _fill_field(field, element)
            field.extendee = parsed.typeName
            field.proto3_optional = is_proto3 and element.cardinality is ast.FieldCardinality.OPTIONAL
        elif isinstance(element, ast.Group):
            raise InvalidSchema(f"An extension has the group {element.name}; write a message in its place.")


def _fill_service(file: FileDescriptorProto, parsed: ast.Service) -> None:
    service = file.service.add(name=parsed.name)
    for element in parsed.elements:
        if isinstance(element, ast.Method):
            service.method.add(
                name=element.name,
                input_type=element.input_type.type,
                output_type=element.output_type.type,
                client_streaming=element.input_type.stream,
                server_streaming=element.output_type.stream,
            )


def _fill_option(options: Any, parsed: ast.Option) -> None:
    """Set an option that the language itself has; those that somebody defined say nothing of how data is written."""
    known = options.DESCRIPTOR.fields_by_name.get(parsed.name)
    if known is None or known.message_type is not None:
        return
    value = parsed.value
    if known.enum_type is not None:
        found = known.enum_type.values_by_name.get(_plain(value))
        if found is None:
            raise InvalidSchema(f"The option {parsed.name} cannot be {_plain(value)[:100]}.")
        setattr(options, parsed.name, found.number)
    else:
        setattr(options, parsed.name, value if isinstance(value, (bool, int, float)) else _plain(value))


def _plain(value: Any) -> str:
    """Return a name as it is, and a text with what was escaped in it."""
    if isinstance(value, ast.Identifier):
        return value.name
    return str(CUnescape(value).decode()) if isinstance(value, str) else str(value)


def _ranges(ranges: Sequence[str], last: int) -> list[tuple[int, int]]:
    found = []
    for each in ranges:
        start, _, end = each.partition("to")
        to = end.strip()
        found.append((int(start, 0), last if to == "max" else int(to or start, 0)))
    return found
