"""The columns of a table as an Avro schema."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

COLUMN = "lyceum.column"
"""Where a field keeps the name of its column that is no name in Avro."""
_TYPES: dict[str, Any] = {
    "boolean": "boolean",
    "integer": "long",
    "float": "double",
    "string": "string",
    "date": {"type": "int", "logicalType": "date"},
    "timestamp": {"type": "long", "logicalType": "local-timestamp-micros"},
    "timestamp_utc": {"type": "long", "logicalType": "timestamp-micros"},
}
_UNUSABLE = re.compile(r"_x(?=[0-9a-f]+_)|[^A-Za-z0-9_]")
_FIRST = re.compile(r"^[0-9]")


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column's name, what it holds, and whether values may be missing."""

    name: str
    type: str
    is_nullable: bool


def avro_of_columns(columns: Sequence[TableColumn], *, nullable_before: frozenset[str] = frozenset()) -> str:
    """Return the schema of a table's rows.

    A column that was `nullable_before` stays so: that a version happens to be whole promises nothing of the next one.
    """
    fields = [_field(column, is_nullable=column.is_nullable or column.name in nullable_before) for column in columns]
    return json.dumps({"type": "record", "name": "Row", "fields": fields}, ensure_ascii=False)


def nullable_columns(text: str) -> frozenset[str]:
    """Return the columns whose values may be missing by a schema that was made of columns."""
    fields = json.loads(text)["fields"]
    return frozenset(field.get(COLUMN, field["name"]) for field in fields if isinstance(field["type"], list))


def avro_name(name: str) -> str:
    """Return a name that Avro takes, another for every name: what it does not take stands as `_x` and its number."""
    escaped = _UNUSABLE.sub(lambda found: _escaped(found[0]), name)
    return _FIRST.sub(lambda found: _escaped(found[0]), escaped) or "_"


def _escaped(text: str) -> str:
    return f"_x{ord(text[0]):x}_" + text[1:]


def _field(column: TableColumn, *, is_nullable: bool) -> dict[str, Any]:
    kind = _TYPES.get(column.type, "string")
    name = avro_name(column.name)
    field: dict[str, Any] = {"name": name, "type": ["null", kind] if is_nullable else kind}
    if is_nullable:
        field["default"] = None
    return field | ({COLUMN: column.name} if name != column.name else {})
