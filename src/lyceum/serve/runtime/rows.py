"""Rows of a request to feeds: typed once from the pre-step, so that one row costs microseconds."""

import re
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, cast

import msgspec
import numpy as np
import numpy.typing as npt

from lyceum.serve.runtime.errors import BadValue, UnreadableBody
from lyceum.serve.runtime.spec import (
    CATEGORIES_INPUT,
    NUMBERS_INPUT,
    BooleanColumn,
    CategoryColumn,
    Column,
    NumberColumn,
    PreStep,
    TimeColumn,
)
from lyceum.serve.runtime.values import (
    Unreadable,
    boolean_from,
    category_from,
    expected_text,
    moment_from,
    number_from,
    time_parts,
)

Feeds = dict[str, npt.NDArray[Any]]
_NO_FIELD_NAME = re.compile(r'["\\\x00-\x1f]')


class RowReader:
    """Reads rows against one pre-step.

    `row_type` is a msgspec Struct with one field a column (its JSON name is the column's name, every field may be
    absent or null, and JSON is written without those). Values of the usual JSON type are decoded without touching
    Python; anything else, such as a number written as text, takes the slower path that also knows how to name what is
    wrong.
    """

    def __init__(self, prestep: PreStep) -> None:
        self._prestep = prestep
        self._fields = {column.name: f"c{i}" for i, column in enumerate(prestep.columns)}
        # a name that JSON writes with a backslash cannot be a field's: such tables take the slower path
        self._has_field_names = not any(_NO_FIELD_NAME.search(name) for name in self._fields)
        self.row_type: type[msgspec.Struct] = msgspec.defstruct(
            "Row",
            [(self._fields[c.name], _json_type(c) | None, None) for c in prestep.columns],
            rename={field: name for name, field in self._fields.items()} if self._has_field_names else None,
            omit_defaults=True,
            frozen=True,
            gc=False,
        )
        body_type = msgspec.defstruct("Body", [("rows", list[self.row_type])], gc=False)  # type: ignore[name-defined]  # made at run time
        self._decoder = msgspec.json.Decoder(body_type)
        self._rows_of = attrgetter("rows")
        self._has_direct = bool(prestep.direct_columns)
        self._direct = self._tuple_getter(prestep.direct_columns)
        self._texts = self._tuple_getter(prestep.category_columns)
        self._times = [(column, attrgetter(self._fields[column.name])) for column in prestep.time_columns]
        self._trimmed = [place for place, column in enumerate(prestep.category_columns) if column.trimmed]
        self._has_categories = bool(prestep.category_columns)
        self._missing_text = prestep.missing_text

    def decode_body(self, body: bytes) -> list[msgspec.Struct]:
        """The rows of `{"rows": [{...}, ...]}`; raises UnreadableBody or BadValue."""
        if not self._has_field_names:
            return self._rows_from(body)
        try:
            return cast("list[msgspec.Struct]", self._rows_of(self._decoder.decode(body)))
        except msgspec.ValidationError:
            return self._rows_from(body)
        except msgspec.DecodeError as error:
            raise UnreadableBody(f"the request is not JSON: {error}") from error

    def _rows_from(self, body: bytes) -> list[msgspec.Struct]:
        return [self.row_from(row, index) for index, row in enumerate(_loose_rows(body))]

    def row_from(self, row: Mapping[str, object], index: int) -> msgspec.Struct:
        """One row of any JSON or Python values as a `row_type`; raises BadValue naming `index`."""
        values: dict[str, object] = {}
        for column in self._prestep.columns:
            value = row.get(column.name)
            if value is None:
                continue
            try:
                values[self._fields[column.name]] = _field_value(value, column)
            except Unreadable:
                raise BadValue(row=index, column=column.name, value=value, expected=expected_text(column)) from None
        return self.row_type(**values)

    def feeds(self, rows: Sequence[msgspec.Struct]) -> Feeds:
        """The tensors for rows of `row_type`: `numbers` float64 [n, k] with NaN for missing, `categories` [n, m]."""
        feeds: Feeds = {}
        if self._times:
            lines = [self._direct(row) + self._parts(row, index) for index, row in enumerate(rows)]
            feeds[NUMBERS_INPUT] = np.array(lines, dtype=np.float64)
        elif self._has_direct:
            feeds[NUMBERS_INPUT] = np.array([self._direct(row) for row in rows], dtype=np.float64)
        if self._has_categories:
            feeds[CATEGORIES_INPUT] = np.array([self._categories(row) for row in rows], dtype=object)
        return feeds

    def _parts(self, row: msgspec.Struct, index: int) -> tuple[float, ...]:
        parts: tuple[float, ...] = ()
        for column, read in self._times:
            value = read(row)
            try:
                parts += time_parts(moment_from(value, column), column)
            except Unreadable:
                raise BadValue(row=index, column=column.name, value=value, expected=expected_text(column)) from None
        return parts

    def _categories(self, row: msgspec.Struct) -> list[str]:
        missing = self._missing_text
        texts = [missing if text is None else text for text in self._texts(row)]
        for place in self._trimmed:
            if texts[place] != missing:
                texts[place] = texts[place].strip()
        return texts

    def _tuple_getter(self, columns: Sequence[Column]) -> Callable[[msgspec.Struct], tuple[Any, ...]]:
        names = [self._fields[column.name] for column in columns]
        if not names:
            return lambda _row: ()
        getter = attrgetter(*names)
        if len(names) == 1:
            return lambda row: (getter(row),)
        return getter


def _json_type(column: Column) -> type:
    match column:
        case NumberColumn():
            return float
        case BooleanColumn():
            return bool
        case CategoryColumn() | TimeColumn():
            return str


def _field_value(value: object, column: Column) -> object:
    match column:
        case NumberColumn():
            return number_from(value)
        case BooleanColumn():
            return boolean_from(value)
        case CategoryColumn():
            return category_from(value, trimmed=column.trimmed)
        case TimeColumn():
            moment = moment_from(value, column)
            return None if moment is None else moment.isoformat()


def _loose_rows(body: bytes) -> list[dict[str, object]]:
    shape = 'send {"rows": [{"column": value, ...}, ...]}'
    try:
        document = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise UnreadableBody(f"the request is not JSON: {error}") from error
    rows = document.get("rows") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise UnreadableBody(f"the request has no list of rows; {shape}")
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise UnreadableBody(f"row {index} is not an object; {shape}")
    return cast("list[dict[str, object]]", rows)
