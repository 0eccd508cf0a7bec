"""The kinds of checks as data: what each asks, and its fields, as they stand in the code."""

import ast
import inspect
import textwrap
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin

import msgspec

from lyceum.data.quality.engine.checks import KINDS, ExpectedColumn
from lyceum.data.quality.engine.kinds.shared import AnyCheck, ColumnCheck, KeyCheck, RowCheck

FieldType = Literal[
    "text", "number", "whole_number", "number_or_text", "flag", "choice", "texts", "values", "expected_columns"
]
_SOURCES = (AnyCheck, RowCheck, ColumnCheck, KeyCheck)
_NAMING_COLUMNS = frozenset({"column", "columns", "left", "right", "partition_by"})
_OF_ALL = frozenset(field.name for field in msgspec.structs.fields(AnyCheck))


@dataclass(frozen=True, slots=True)
class FieldDescribed:
    """A field of a kind of check. `default` is what it has when nobody gives it; `choices` are all it can be, where they are few."""

    name: str
    type: FieldType
    required: bool
    default: Any
    choices: tuple[str, ...]
    names_columns: bool
    about: str


@dataclass(frozen=True, slots=True)
class KindDescribed:
    """A kind of check; `by_rows` says whether each row passes or fails it. Fields that all kinds have are left out."""

    kind: str
    about: str
    by_rows: bool
    fields: tuple[FieldDescribed, ...]


@cache
def kinds_described() -> tuple[KindDescribed, ...]:
    """Return all kinds, as `KINDS` has them in order; reads the source, so the first call takes some milliseconds."""
    return tuple(
        KindDescribed(
            kind=name,
            about=inspect.cleandoc(kind.__doc__ or ""),
            by_rows=issubclass(kind, RowCheck),
            fields=tuple(_fields(kind)),
        )
        for name, kind in KINDS.items()
    )


def notes_of(kind: type[Any]) -> dict[str, str]:
    """Return the texts that stand below the fields of a kind in the source, by the field's name."""
    found: dict[str, str] = {}
    for owner in reversed(kind.__mro__):
        if owner not in {kind, *_SOURCES}:
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        if not isinstance(body, ast.ClassDef):
            continue
        for line, below in zip(body.body, body.body[1:], strict=False):
            match line, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as text)):
                    found[name] = " ".join(text.split())
    return found


def _fields(kind: type[Any]) -> list[FieldDescribed]:
    notes = notes_of(kind)
    own = [field for field in msgspec.structs.fields(kind) if field.name not in _OF_ALL]
    # what a kind asks for comes before what checks of rows share
    own.sort(key=lambda field: (not field.required, field.name in {"at_most_failing", "partition_by"}))
    return [
        FieldDescribed(
            name=field.name,
            type=_type_of(field.type),
            required=field.required,
            default=None if field.required else field.default,
            choices=get_args(field.type) if get_origin(field.type) is Literal else (),
            names_columns=field.name in _NAMING_COLUMNS and _type_of(field.type) in {"text", "texts"},
            about=notes.get(field.name, ""),
        )
        for field in own
    ]


def _type_of(annotation: Any) -> FieldType:
    if get_origin(annotation) is Literal:
        return "choice"
    if get_origin(annotation) is tuple:
        item = get_args(annotation)[0]
        return "expected_columns" if item is ExpectedColumn else "texts" if item is str else "values"
    taken = set(get_args(annotation) or (annotation,)) - {type(None)}
    if taken == {bool}:
        return "flag"
    if str in taken:
        return "text" if taken == {str} else "number_or_text"
    return "whole_number" if taken == {int} else "number"
