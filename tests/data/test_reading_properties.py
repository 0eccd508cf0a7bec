"""What holds for any file: nothing but a table or a refusal comes of it, and texts become what they say."""

import csv
import io
import math
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lyceum.data.datasets.reading.forms import MISSING_MARKS, Form, form_of, parsed, type_of_forms
from lyceum.data.datasets.reading.public import ColumnType, ReadingLimits, UnreadableTable, stage_table
from lyceum.data.datasets.reading.table_forms import TableForms

SMALL = ReadingLimits(block_bytes=2048, cell_bytes_max=512, part_bytes=4096, columns_max=50)


def read(content: bytes, name: str, limits: ReadingLimits = SMALL) -> tuple[pl.DataFrame, dict[str, str]]:
    """Return the staged rows and types; nothing else may be left in the folder."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "upload", Path(folder) / "out" / "table"
        source.write_bytes(content)
        try:
            staged = stage_table(source, file_name=name, target=target, limits=limits)
        except UnreadableTable:
            assert list(target.parent.iterdir()) == []
            raise
        assert list(target.parent.iterdir()) == [target]
        frame = pl.concat([pl.read_parquet(file) for file in staged.files])
        assert frame.height == staged.rows
        return frame, {column.name: column.type.value for column in staged.columns}


pieces = st.sampled_from(
    [
        b"a",
        b",",
        b";",
        b"\n",
        b"\r\n",
        b"\r",
        b'"',
        b"\\",
        b"1",
        b"2.5",
        b" ",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xe9",
        b"\0",
        b"\x1f\x8b",
        b"PAR1",
        b"{",
        b"}",
        b'{"a":1}',
        b"[1]",
        b"NA",
        b"true",
        b"2024-01-01",
        "é".encode(),
        b"\t",
        b"x" * 600,
    ]
)


@settings(max_examples=150, deadline=None)
@given(content=st.one_of(st.binary(max_size=200), st.lists(pieces, max_size=40).map(b"".join)))
@example(b'"')
@example(b'a\n"')
@example(b"\xff\xfe")
@example(b'{"a":1}\n{"b":')
@example(b"PAR1")
@example(b"\xef\xbb\xbf\n")
@example(b"a,b\n1,2\r")
@example(b"x" * 3000)
@example(b"a\n" + b"x" * 3000)
def test_any_bytes_are_a_table_or_are_refused_in_one_sentence(content: bytes) -> None:
    for name in ("data.csv", "data.jsonl", "data.parquet"):
        try:
            read(content, name)
        except UnreadableTable as refused:
            text = str(refused)
            assert text.startswith(name)
            assert "\n" not in text
            assert text.endswith(".")


cells = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=40), mark=st.sampled_from([",", ";", "\t", "|"])
)
def test_texts_come_back_as_they_were_written(rows: list[tuple[str, str, str]], mark: str) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=mark, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("first", "second", "third"), *(tuple(f"·{cell}" for cell in row) for row in rows)])
    frame, types = read(buffer.getvalue().encode(), "data.csv", ReadingLimits(block_bytes=4096))
    assert set(types.values()) == {"string"}
    assert frame.rows() == [tuple(f"·{cell}" for cell in row) for row in rows]


values = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.integers(-99, 99).map(str),
    st.floats(allow_nan=False).map(repr),
    st.booleans().map(str),
    st.dates().map(date.isoformat),
    st.datetimes().map(datetime.isoformat),
    st.datetimes().map(lambda moment: f"{moment:%Y-%m-%d %H:%M}+02:00" if moment.year > 999 else "x"),
    st.sampled_from(
        [*MISSING_MARKS, "007", "+49301234567", "1e5", ".5", "5.", "inf", "abc", " 12 ", "2024-02-30", "1,5"]
    ),
    st.from_regex(r"[+-]?[0-9]{0,3}[.,]?[0-9]{0,3}", fullmatch=True),
    st.sampled_from(["1,5", "1,234", "0,125", "9.5", "1e5", "-inf", "0000-01-01", "9999-12-31T23:59Z"]),
    st.sampled_from(["0001-01-01 00:00+01:00", "9999-12-31T23:59:59-05:00", "2024-01-01 10:00 +01:00"]),
    st.from_regex(r"20[0-9]{2}-[0-1][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9])?Z?", fullmatch=True),
).filter(lambda text: text.strip() == text or text.strip())


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(values, min_size=1, max_size=12), comma=st.booleans())
def test_the_form_of_a_text_and_its_reading_agree(texts: list[str], *, comma: bool) -> None:
    for text in texts:
        if text.strip() in MISSING_MARKS:
            continue
        kind = type_of_forms({form_of(text, decimal_comma=comma)})
        if kind is None or kind is ColumnType.STRING:
            continue
        raw = pl.DataFrame({"x": [text]})
        mark = "," if form_of(text, decimal_comma=comma) is Form.COMMA else "."
        assert raw.select(parsed("x", kind, decimal_mark=mark))["x"][0] is not None, (text, kind)


numbers = st.sampled_from(
    [None, "7", "007", "12345678901234567890", "1e5", "1E-3", "-inf", "1,5", "1,234", "9.5", "NA"]
)


@settings(max_examples=300, deadline=None)
@example(texts=["2000-01-01", "0999-01-01"], cut=1, order=[1, 0], comma=False)
@example(texts=["12345678901234567890", "1.5"], cut=1, order=[1, 0], comma=False)
@example(texts=["1,234", "1,5"], cut=1, order=[1, 0], comma=True)
@example(texts=["1,5", "9.5"], cut=1, order=[1, 0], comma=True)
@example(texts=["1e5", "9.5", "1,5"], cut=2, order=[1, 0, 2], comma=True)
@example(texts=["1,234", "1e5", "1,5"], cut=2, order=[0, 1, 2], comma=True)
@example(texts=["1,234", "inf", "2,5"], cut=2, order=[2, 0, 1], comma=True)
@given(
    texts=st.one_of(
        st.lists(st.one_of(st.none(), values), min_size=1, max_size=12), st.lists(numbers, min_size=1, max_size=6)
    ),
    cut=st.integers(0, 12),
    order=st.permutations(range(12)),
    comma=st.booleans(),
)
def test_neither_the_order_nor_the_batches_decide_a_type(
    texts: list[str | None], cut: int, order: list[int], *, comma: bool
) -> None:
    def type_of(parts: list[list[str | None]]) -> ColumnType:
        forms = TableForms(["x"], decimal_comma=comma)
        for part in parts:
            forms.take(pl.DataFrame({"x": part}, schema={"x": pl.String}))
        return forms.types["x"]

    shuffled = [texts[place] for place in order if place < len(texts)]
    assert type_of([texts]) == type_of([shuffled]) == type_of([texts[:cut], texts[cut:]])


runs = st.lists(
    st.tuples(
        st.sampled_from(["", "7", "2.5", "abc", "NA", "true", "2024-01-01", "12345678901234567890"]),
        st.integers(1, 600),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=80, deadline=None)
@example(runs=[("", 900), ("7", 600), ("abc", 500)], block_bytes=1024)
@example(runs=[("12345678901234567890", 200), ("2.5", 600), ("abc", 500)], block_bytes=1024)
@given(runs=runs, block_bytes=st.sampled_from([1024, 2048, 4096]))
def test_every_row_of_a_file_is_staged_whatever_its_blocks_hold(runs: list[tuple[str, int]], block_bytes: int) -> None:
    texts = [text for text, count in runs for _ in range(count)]
    content = "".join(["id,x\n", *(f"{number},{text}\n" for number, text in enumerate(texts))])
    limits = ReadingLimits(block_bytes=block_bytes, cell_bytes_max=512, part_bytes=4096)
    frame, types = read(content.encode(), "data.csv", limits)
    assert frame["id"].to_list() == list(range(len(texts)))
    if types["x"] == "string":
        assert frame["x"].to_list() == [text or None for text in texts]
    else:
        assert frame["x"].is_null().to_list() == [text in {"", "NA"} for text in texts]


@settings(max_examples=60, deadline=None)
@given(runs=runs, block_bytes=st.sampled_from([256, 1024]))
def test_every_json_line_is_staged_whatever_its_blocks_hold(runs: list[tuple[str, int]], block_bytes: int) -> None:
    values = [text for text, count in runs for _ in range(count)]
    written = [text if text in {"7", "2.5", "true"} else f'"{text}"' for text in values]
    lines = [f'{{"id": {number}, "x": {value}}}' for number, value in enumerate(written)]
    limits = ReadingLimits(block_bytes=block_bytes, cell_bytes_max=64, part_bytes=4096)
    frame, types = read("\n".join(lines).encode(), "data.jsonl", limits)
    assert frame["id"].to_list() == list(range(len(values)))
    if types["x"] == "string":
        assert frame["x"].to_list() == values


@settings(max_examples=80, deadline=None)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "n": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
                "x": st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
                "s": st.one_of(st.none(), cells.map(lambda cell: f"·{cell}"), st.sampled_from(["NA", "1", "true"])),
                "b": st.one_of(st.none(), st.booleans()),
            },
        ),
        min_size=1,
        max_size=40,
    ).filter(any)
)
def test_json_lines_come_back_with_their_kinds(rows: list[dict[str, Any]]) -> None:
    import msgspec

    keys = list(dict.fromkeys(key for row in rows for key in row))
    content = b"\n".join(msgspec.json.encode(row) for row in rows)
    frame, types = read(content, "data.jsonl")
    assert list(types) == keys
    for row, got in zip(rows, frame.rows(named=True), strict=True):
        for key in keys:
            want = row.get(key)
            same = math.isclose(want, got[key], rel_tol=0) if isinstance(want, float) else want == got[key]
            assert same, (key, want, got[key])
