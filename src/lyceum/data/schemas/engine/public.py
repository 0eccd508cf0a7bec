"""Schemas, and which of them read each other's data, with no database: the door of this package."""

from lyceum.data.schemas.engine.changes import (
    FIRST,
    TABLE,
    Break,
    Change,
    ChangeKind,
    Direction,
    Level,
    Mode,
    Rule,
    SemanticVersion,
    breaks_of,
    level_of,
)
from lyceum.data.schemas.engine.columns import TableColumn, avro_of_columns, nullable_columns
from lyceum.data.schemas.engine.errors import InvalidSchema
from lyceum.data.schemas.engine.subjects import (
    ParsedSchema,
    Referred,
    SchemaType,
    Written,
    changes_between,
    message_class,
    parse,
    serialized,
)

__all__ = [
    "FIRST",
    "TABLE",
    "Break",
    "Change",
    "ChangeKind",
    "Direction",
    "InvalidSchema",
    "Level",
    "Mode",
    "ParsedSchema",
    "Referred",
    "Rule",
    "SchemaType",
    "SemanticVersion",
    "TableColumn",
    "Written",
    "avro_of_columns",
    "breaks_of",
    "changes_between",
    "level_of",
    "message_class",
    "nullable_columns",
    "parse",
    "serialized",
]
