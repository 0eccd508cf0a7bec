"""JSON Lines as batches of text columns: one object a line, its keys are the columns.

A key that a line does not have is missing there, like `null`. Numbers, true/false and strings keep their kind: a number
in quotes is text, and so is "NA"; dates and times in quotes are recognised. A column of several kinds is text.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import polars as pl

from lyceum.data.datasets.reading.columns import require_usable_names, shown
from lyceum.data.datasets.reading.errors import UnreadableTable
from lyceum.data.datasets.reading.limits import ReadingLimits
from lyceum.data.datasets.reading.source import TextFile
from lyceum.data.datasets.reading.table_forms import TableForms

_decode = msgspec.json.Decoder().decode


@dataclass(slots=True)
class JsonLinesFile:
    """A JSON Lines file; its columns become known as it is read."""

    text: TextFile
    file_name: str
    limits: ReadingLimits
    _strings: dict[str, bool] = field(default_factory=dict)
    """Whether each column holds strings; absent until it holds a value."""

    def frames(self, forms: TableForms) -> Iterator[pl.DataFrame]:
        """Yield the objects in order as frames of text columns, one column for every key met so far.

        New keys are added to `forms`. Raises UnreadableTable naming the line of a broken or nested one.
        """
        lines: list[tuple[int, dict[str, Any]]] = []
        held = 0
        names = set(forms.types)
        for line, raw in self._lines():
            row = self._object(line, raw)
            names.update(row)
            if len(names) > self.limits.columns_max:
                require_usable_names(list(names), file_name=self.file_name, columns_max=self.limits.columns_max)
            lines.append((line, row))
            held += len(raw)
            # each key met so far becomes a value of each line, which a few bytes a line can make a great many
            if held >= self.limits.block_bytes or len(lines) * len(names) >= self.limits.block_cells:
                yield self._frame(lines, forms)
                lines, held = [], 0
        if lines:
            yield self._frame(lines, forms)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        with self.text.path.open("rb") as file:
            file.seek(self.text.start_byte)
            line = 0
            while raw := file.readline(self.limits.block_bytes):
                line += 1
                if len(raw) == self.limits.block_bytes:
                    raise self._error(
                        "long_line", line, f"is longer than {self.limits.block_bytes >> 20} MB; shorten it."
                    )
                if not raw.isspace():
                    yield line, raw

    def _object(self, line: int, raw: bytes) -> dict[str, Any]:
        try:
            value = _decode(raw)
        except (msgspec.DecodeError, RecursionError) as broken:
            if line == 1 and raw.strip() in {b"[", b"{"}:
                raise self._not_lines(line) from None
            raise self._error(
                "broken_line", line, f"is not valid JSON ({broken}); write one object on each line."
            ) from broken
        if isinstance(value, dict):
            return value
        if isinstance(value, list) and line == 1:
            raise self._not_lines(line)
        kind = {list: "a list", str: "a string", type(None): "null", bool: "true or false"}.get(type(value), "a number")
        raise self._error(
            "broken_line", line, f"holds {kind} where an object is needed; write one object on each line."
        )

    def _frame(self, lines: list[tuple[int, dict[str, Any]]], forms: TableForms) -> pl.DataFrame:
        for _, row in lines:
            for name in row:
                forms.add(name)
        names = list(forms.types)
        if not names:
            raise self._error("no_columns", lines[0][0], "holds an object without keys; name the values.")
        require_usable_names(names, file_name=self.file_name, columns_max=self.limits.columns_max)
        return pl.DataFrame([self._column(name, lines, forms) for name in names])

    def _column(self, name: str, lines: list[tuple[int, dict[str, Any]]], forms: TableForms) -> pl.Series:
        values = [row.get(name) for _, row in lines]
        kinds = set(map(type, values)) - {type(None)}
        if kinds & {dict, list}:
            line = next(line for line, row in lines if isinstance(row.get(name), dict | list))
            raise self._error(
                "nested_column", line, f"holds an object or a list in {shown(name)}; give each value a key of its own."
            )
        column = forms.add(name)
        for is_string in {kind is str for kind in kinds}:
            if self._strings.setdefault(name, is_string) is not is_string:
                column.declare_text(f"Column {shown(name)} holds strings and other values; kept as text.")
            column.quoted = is_string
        if kinds <= {str}:
            self._require_small(name, values, lines)
            return pl.Series(name, values, dtype=pl.String)
        texts = [value if value is None or isinstance(value, str) else _text(value) for value in values]
        self._require_small(name, texts, lines)
        return pl.Series(name, texts, dtype=pl.String)

    def _require_small(self, name: str, texts: list[Any], lines: list[tuple[int, dict[str, Any]]]) -> None:
        most = self.limits.cell_bytes_max
        for text, (line, _) in zip(texts, lines, strict=True):
            if text is not None and len(text) * 4 > most and len(text.encode()) > most:
                raise self._error(
                    "large_cell",
                    line,
                    f"holds more than {most / 1e6:,.1f} MB in {shown(name)}; shorten it or leave it out.",
                )

    def _not_lines(self, line: int) -> UnreadableTable:
        return self._error("not_json_lines", line, "starts one JSON document; write one object on each line instead.")

    def _error(self, code: str, line: int, what: str) -> UnreadableTable:
        return UnreadableTable(code, f"{self.file_name}, line {line:,} {what}", line=line)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
