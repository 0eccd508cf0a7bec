"""Judging the columns of a version before it is committed, in a process that computes and has no database."""

from typing import Any

from lyceum.data.datasets.rows.public import StagedRows
from lyceum.data.schemas.engine.public import (
    Mode,
    SchemaType,
    TableColumn,
    Written,
    avro_of_columns,
    breaks_of,
    changes_between,
    nullable_columns,
    parse,
)
from lyceum.data.schemas.errors import SchemaIncompatible


def judge(asked: dict[str, Any], staged: StagedRows) -> dict[str, Any]:
    """Return the refusal where the columns break what the dataset's mode keeps, with the newest schema that they break."""
    mode, compared = Mode(asked["mode"]), asked["compared"]
    columns = [TableColumn(one["name"], one["type"], one["nullable"]) for one in staged.table_schema["columns"]]
    text = avro_of_columns(columns, nullable_before=nullable_columns(asked["newest"]))
    new = parse(Written(SchemaType.AVRO, text))
    for old in compared:
        changes = changes_between(parse(Written(SchemaType.AVRO, old["text"])), new)
        if breaks := breaks_of(changes, mode):
            refusal = SchemaIncompatible(asked["address"], mode, breaks, version=old["number"])
            return {"refusal": refusal.body(), "found": {}}
    return {"refusal": None, "found": {}}
