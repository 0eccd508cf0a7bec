"""Schemas, and which of them read each other's data, with no database: the door of this package."""

from lyceum.data.schemas.engine.avro import AvroSchema, read_avro
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
from lyceum.data.schemas.engine.json_documents import JsonSchema, read_json_schema, validator_of
from lyceum.data.schemas.engine.protobuf import ProtobufSchema, read_protobuf
from lyceum.data.schemas.engine.subjects import (
    ParsedSchema,
    Referred,
    SchemaType,
    Written,
    changes_between,
    parse,
    serialized,
)

__all__ = [
    "FIRST",
    "TABLE",
    "AvroSchema",
    "Break",
    "Change",
    "ChangeKind",
    "Direction",
    "InvalidSchema",
    "JsonSchema",
    "Level",
    "Mode",
    "ParsedSchema",
    "ProtobufSchema",
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
    "nullable_columns",
    "parse",
    "read_avro",
    "read_json_schema",
    "read_protobuf",
    "serialized",
    "validator_of",
]
