"""Messages written with an Avro schema, by a library that trusts its schemas and messages; what it must not be given is kept from it.

It is native code: values that lie in each other without end take its stack away, and with it the process. So what may go
deep is read by its slower twin in Python, which raises. Neither counts what takes no bytes: lists of that are not read.
"""

import io
import json
from collections.abc import Callable, Mapping
from decimal import Context, Decimal
from typing import Any

from lyceum.data.streams.decoded import Decoded, Undecodable, joined, plain
from lyceum.data.streams.work import SchemaText

LEVELS_MAX = 64
"""Of values within each other that native code reads."""
SCHEMA_LEVELS_MAX = 200
EMPTY_FIELDS_MAX = 10_000
"""Values of a message that take no bytes: records in records multiply them."""
EMPTY_VALUES_MAX = 32
"""The same of one item of a list, which a byte or two of a message may stand for."""
DECIMAL_BYTES_MAX = 512
_DECIMAL = "bounded-decimal"
_EXACT = Context(prec=3 * DECIMAL_BYTES_MAX)
_KINDS = {
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


def avro_reader(number: int, schema: SchemaText) -> Callable[[bytes], Decoded]:
    """Return what reads messages of a schema; raises `Undecodable` where none is read with it."""
    from fastavro import parse_schema

    named: dict[str, Any] = {}
    for _, text in schema.referred:
        parse_schema(_loaded(number, text), named_schemas=named)
    written = _loaded(number, schema.text)
    if not isinstance(written, dict) or written.get("type") != "record":
        raise Undecodable(f"Schema {number} is no record, so that its values have no names.")
    parsed = parse_schema(written, named_schemas=named)
    shapes = _Shapes(named)
    if shapes.is_endless(parsed):
        raise Undecodable(f"Schema {number} has lists of values that take no bytes, which are not read.")
    kinds = {field["name"]: _kind(field["type"]) for field in written["fields"]}
    read_values = _reader(is_deep=shapes.is_deep(parsed))

    def read(content: bytes) -> Decoded:
        try:
            values: Any = read_values(io.BytesIO(content), parsed, None)
        except RecursionError:
            raise Undecodable("The message is nested too deeply.") from None
        return Decoded({name: plain(value) for name, value in values.items()}, kinds)

    return read


def _reader(*, is_deep: bool) -> Callable[..., Any]:
    from fastavro import _read_py, logical_readers, read, schemaless_reader

    for readers in (read.LOGICAL_READERS, logical_readers.LOGICAL_READERS):
        readers[f"bytes-{_DECIMAL}"] = readers[f"fixed-{_DECIMAL}"] = _decimal
    return _read_py.schemaless_reader if is_deep else schemaless_reader


def _decimal(content: bytes, schema: Mapping[str, Any] | None, _reader_schema: object = None) -> Decimal:
    if len(content) > DECIMAL_BYTES_MAX:
        raise Undecodable(f"The message has a decimal of more than {DECIMAL_BYTES_MAX} bytes.")
    whole = _EXACT.create_decimal(int.from_bytes(content, "big", signed=True))
    return whole.scaleb(-int((schema or {}).get("scale") or 0), context=_EXACT)


def _loaded(number: int, text: str) -> Any:
    """Return a schema whose decimals are read here: the library takes minutes for the digits of a long one."""
    try:
        written = json.loads(text)
    except RecursionError:
        written = None
    nodes = [(written, 0)]
    while nodes:
        node, level = nodes.pop()
        if node is None or level > 2 * SCHEMA_LEVELS_MAX:
            raise Undecodable(f"Schema {number} is nested too deeply.")
        if isinstance(node, dict) and node.get("logicalType") == "decimal":
            node["logicalType"] = _DECIMAL
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        nodes += [(one, level + 1) for one in inner if isinstance(one, dict | list)]
    return written


def _kind(schema: Any) -> str:
    if isinstance(schema, list):
        return joined({_kind(one) for one in schema if one != "null"} or {"string"})
    if isinstance(schema, dict):
        logical = schema.get("logicalType")
        if isinstance(logical, str):
            # a decimal or a time of day is kept as it is written
            return _KINDS.get(logical, "string")
        return _kind(schema["type"])
    return _KINDS.get(str(schema), "string")


class _Shapes:
    """What a message may make of types, which are known by their full names once they were parsed."""

    def __init__(self, named: Mapping[str, Any]) -> None:
        self._named = named
        self._levels: dict[str, float] = {}
        self._sizes: dict[str, tuple[bool, int]] = {}

    def is_deep(self, schema: Any) -> bool:
        """Say whether values may lie within each other deeper than native code is to follow."""
        try:
            return self._levels_of(schema, frozenset()) > LEVELS_MAX
        except RecursionError:
            return True

    def is_endless(self, schema: Any) -> bool:
        """Say whether a few bytes may stand for any number of values."""
        if self._size_of(schema, frozenset())[1] > EMPTY_FIELDS_MAX:
            return True
        return any(self._has_endless(one) for one in self._named.values())

    def _has_endless(self, schema: Any) -> bool:
        if isinstance(schema, dict) and ("items" in schema or "values" in schema):
            is_list = "items" in schema
            is_empty, count = self._size_of(schema["items" if is_list else "values"], frozenset())
            if count > EMPTY_VALUES_MAX or (is_empty and is_list):
                return True
        return any(self._has_endless(part) for part in _parts(schema))

    def _levels_of(self, schema: Any, around: frozenset[str]) -> float:
        if isinstance(schema, str):
            if schema in around:
                return float("inf")
            if schema not in self._levels:
                inner = self._named.get(schema)
                self._levels[schema] = 0 if inner is None else self._levels_of_parts(inner, around | {schema})
            return self._levels[schema]
        if isinstance(schema, dict) and schema.get("name") in self._named:
            return self._levels_of(schema["name"], around)
        return self._levels_of_parts(schema, around)

    def _levels_of_parts(self, schema: Any, around: frozenset[str]) -> float:
        return 1 + max((self._levels_of(part, around) for part in _parts(schema)), default=0)

    def _size_of(self, schema: Any, around: frozenset[str]) -> tuple[bool, int]:
        """Return whether a value may take no bytes, and how many values within it take none."""
        if isinstance(schema, list):
            sizes = [self._size_of(part, around) for part in schema]
            return False, max((count + empty for empty, count in sizes), default=0)
        name = schema.get("name") if isinstance(schema, dict) else schema
        if not isinstance(name, str) or name not in self._named:
            return _size_of_plain(schema)
        if name in around:
            return False, 0
        if name not in self._sizes:
            inner = self._named[name]
            if "fields" not in inner:
                return _size_of_plain(inner)
            sizes = [self._size_of(field["type"], around | {name}) for field in inner["fields"]]
            self._sizes[name] = all(empty for empty, _ in sizes), sum(empty + count for empty, count in sizes)
        return self._sizes[name]


def _size_of_plain(schema: Any) -> tuple[bool, int]:
    kind = schema.get("type") if isinstance(schema, dict) else schema
    return kind == "null" or (kind == "fixed" and not schema.get("size")), 0


def _parts(schema: Any) -> list[Any]:
    if isinstance(schema, list):
        return schema
    if not isinstance(schema, dict):
        return []
    parts = [schema[key] for key in ("items", "values") if key in schema]
    parts += [schema["type"]] if isinstance(schema.get("type"), list | dict) else []
    return parts + [field["type"] for field in schema.get("fields", ())]
