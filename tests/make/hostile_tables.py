"""The hostile and odd files: what each is called, and what has to come of it."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from make.hostile_files import (
    CELL,
    FORMULAS,
    LONG,
    arrow,
    bad_indices,
    bad_offsets,
    billion_laughs,
    decimals,
    deep_json,
    dictionary_bomb,
    footer,
    formulas,
    keys,
    lying_page,
    lying_parquet,
    numbers,
    one_object,
    parquet,
    row,
    shared_texts,
    sheet_bomb,
    wide,
    with_bytes,
    workbook,
    year_10000,
    zipped,
    zones,
)

Content = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that is refused, with the code and with words of the sentence."""

    name: str
    content: Content
    code: str
    says: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is read; `first` are the first rows as JSON has them, floats that it has not as texts."""

    name: str
    content: Content
    rows: int
    types: dict[str, str]
    first: list[list[Any]]


REFUSED = [
    Refused("empty.csv", lambda: b"", "empty_file", "is empty"),
    Refused("blank.csv", lambda: b"\n\n \n", "empty_file", "blank lines"),
    Refused("only-nul.csv", lambda: b"\0" * 5000, "nul_byte", "NUL byte"),
    Refused("nul.csv", lambda: b"a,b\n1,2\n3,\0\n", "nul_byte", "line 3"),
    Refused("wide.csv", lambda: wide(10_000), "too_many_columns", "10,000 columns and at most 4,096"),
    Refused("wider.csv", lambda: wide(500_000, 1), "long_line", "line 1 is longer than 1 MB"),
    Refused("comma-bomb.csv", lambda: b"," * 3_000_000, "long_line", "longer than 1 MB"),
    Refused("quotes.csv", lambda: b'a,b\n"' + b"x,y\n" * 500_000, "unclosed_quote", "quote"),
    Refused("one-field.csv", lambda: b"a,b\n1," + b"x" * 5_000_000 + b"\n", "large_cell", "line 2"),
    Refused("one-line.csv", lambda: b"x" * 20_000_000, "long_line", "longer than 1 MB"),
    Refused("ragged.csv", lambda: b"a,b\n" + b"1,2\n" * 1000 + b"1,2,3\n", "ragged_rows", "line 1,002"),
    Refused("twice.csv", lambda: b"a,b,a\n1,2,3\n", "column_names", "columns 1 and 3 the same name"),
    Refused("case.csv", lambda: b"id,ID\n1,2\n", "column_names", "upper and lower case"),
    Refused("nameless.csv", lambda: b"a,,c\n1,2,3\n4,5,6\n", "column_names", "no name for column 2"),
    Refused("spaces.csv", 'a,"  \u3000 ",c\n1,2,3\n4,5,6\n'.encode, "column_names", "no name"),
    Refused("long-name.csv", lambda: b"a," + b"n" * 5000 + b"\n1,2\n", "column_names", "5,000 characters"),
    Refused("right-to-left.csv", "a,b\u202egpj\n1,2\n".encode, "column_names", "control"),
    Refused("zero-width.csv", "id,id\u200b\n1,2\n".encode, "column_names", ""),
    Refused("line-in-name.csv", lambda: b'a,"b\nc"\n1,2\n3,4\n', "column_names", "line breaks"),
    Refused("composed.csv", "caf\u00e9,cafe\u0301\n1,2\n".encode, "column_names", "how accents are encoded"),
    Refused("two-boms.csv", lambda: b"\xef\xbb\xbf\xef\xbb\xbfa,b\n1,2\n3,4\n", "column_names", "ufeff"),
    Refused(
        "surrogate.csv", lambda: b"a,b\n" + b"\xc3\xa9,1\n" * 10 + b"\xed\xa0\x80,1\n", "broken_encoding", "line 12"
    ),
    Refused(
        "half-utf16.csv",
        lambda: b"\xff\xfe" + "a,b\n1,2\n".encode("utf-16-le") + b"\x31",
        "broken_encoding",
        "not utf-16",
    ),
    Refused("utf16-nul.csv", lambda: "a,b\n1,\0\n".encode("utf-16"), "nul_byte", "line 2"),
    Refused("mixed.csv", lambda: "ä,b\n1,ü\n".encode() + "3,ö\n".encode("cp1252"), "broken_encoding", "line 3"),
    Refused("bomb.csv.gz", lambda: gzip.compress(b"a,b\n" * 2**20) * 320, "too_large_unpacked", "GB"),
    Refused("cut.csv.gz", lambda: gzip.compress(b"a,b\n" + b"1,2\n" * 999)[:-9], "damaged_file", "cut short"),
    Refused("crc.csv.gz", lambda: gzip.compress(b"a,b\n1,2\n")[:-8] + b"\0" * 8, "damaged_file", "gzip"),
    Refused("twice.csv.gz", lambda: gzip.compress(gzip.compress(b"a,b\n1,2\n")), "nul_byte", "NUL byte"),
    Refused("table.zip", lambda: zipped("a.csv", b"a\n1\n"), "foreign_format", "zip archive"),
    Refused("deep.jsonl", lambda: deep_json(900), "nested_column", "line 2"),
    Refused("deeper.jsonl", lambda: deep_json(500_000), "broken_line", "line 2"),
    Refused("nested.jsonl", lambda: b'{"a":1}\n{"a":{"b":{"c":[1]}}}\n', "nested_column", "line 2"),
    Refused("keys.jsonl", lambda: keys(20_000), "too_many_columns", "at most 4,096"),
    Refused("one-object.jsonl", lambda: one_object(100_000), "too_many_columns", "at most 4,096"),
    Refused("surrogate.jsonl", lambda: b'{"a":"\\ud800"}\n', "broken_line", "line 1"),
    Refused("nul-name.jsonl", lambda: b'{"a\\u0000b":1}\n', "column_names", "control"),
    Refused("big-exponent.jsonl", lambda: b'{"a":1e999}\n', "broken_line", "line 1"),
    Refused("digits.jsonl", lambda: b'{"a":' + b"9" * 3_000_000 + b"}\n", "broken_line", "line 1"),
    Refused("open.jsonl", lambda: b'{"a":"' + b"x" * 6_000_000, "long_line", "line 1"),
    Refused("cut.parquet", lambda: parquet(numbers())[:-300], "damaged_file", "cut short"),
    Refused("no-footer.parquet", lambda: b"PAR1" + b"\0" * 100, "damaged_file", "Parquet"),
    Refused("footer-size.parquet", lambda: parquet(numbers())[:-8] + b"\xff\xff\xff\x7fPAR1", "damaged_file", ""),
    Refused("footer-garbage.parquet", lambda: footer(b"\x15\xff" * 5_000), "damaged_file", ""),
    Refused("footer-deep.parquet", lambda: footer(b"\x1c" * 200_000), "damaged_file", ""),
    Refused("footer-list.parquet", lambda: footer(b"\x15\x04\x29\xfc\xff\xff\xff\xff\x07"), "damaged_file", ""),
    Refused("few-rows.parquet", lambda: lying_parquet(1001), "damaged_file", "1,001 rows and holds 1,000"),
    Refused(
        "many-rows.parquet", lambda: lying_parquet(4_000_000_000), "damaged_file", "4,000,000,000 rows and holds 1,000"
    ),
    Refused("minus-rows.parquet", lambda: lying_parquet(-1000), "damaged_file", ""),
    Refused("large-page.parquet", lambda: lying_page(2_000_000_000), "damaged_file", ""),
    Refused("minus-page.parquet", lambda: lying_page(-8000), "damaged_file", ""),
    Refused("pages.parquet", lambda: with_bytes(parquet(numbers(20_000)), 2000, b"\xff" * 9000), "damaged_file", ""),
    Refused("nested.parquet", lambda: parquet(pa.table({"a": [{"b": [[1]]}]})), "nested_column", "'a'"),
    Refused(
        "wide.parquet", lambda: parquet(pa.table({f"c{n}": [1] for n in range(5000)})), "too_many_columns", "5,000"
    ),
    Refused(
        "twice.parquet",
        lambda: parquet(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])),
        "column_names",
        "same name",
    ),
    Refused("year-10000.parquet", year_10000, "unknown_year", "row 2"),
    Refused("rows-no-columns.parquet", lambda: parquet(pa.table({})), "no_rows", "no rows"),
    Refused("offsets.arrow", bad_offsets, "damaged_file", "Arrow"),
    Refused("indices.arrow", bad_indices, "damaged_file", "Arrow"),
    Refused("cut.arrow", lambda: arrow(numbers())[:-500], "damaged_file", "Arrow"),
    Refused("metadata.arrow", lambda: with_bytes(arrow(numbers()), 300, b"\xff" * 200), "damaged_file", "Arrow"),
    Refused(
        "lengths.arrow",
        lambda: arrow(numbers()).replace((1000).to_bytes(8, "little"), b"\xff" * 7 + b"\x0f"),
        "damaged_file",
        "Arrow",
    ),
    Refused("stream.arrows", lambda: b"\xff\xff\xff\xff\xff\xff\xff\x7f" + b"\0" * 64, "damaged_file", "Arrow"),
    Refused("zip-bomb.xlsx", lambda: sheet_bomb(1_500_000_000), "too_large_unpacked", "GB"),
    Refused(
        "corner.xlsx",
        lambda: workbook(row(1, "a") + '<row r="1048576">' + CELL.format("XFD1048576", "x") + "</row>"),
        "too_many_cells",
        "1,048,576 rows",
    ),
    Refused(
        "entities.xlsx",
        lambda: workbook(row(1, "a") + row(2, "&e9;"), before=billion_laughs()),
        "damaged_file",
        "Excel",
    ),
    Refused(
        "outer-entity.xlsx",
        lambda: workbook(
            row(1, "a") + row(2, "v&x;w"), before='<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
        ),
        "damaged_file",
        "Excel",
    ),
    Refused(
        "entries.xlsx",
        lambda: workbook(row(1, "a"), more={f"xl/worksheets/s{n}.xml": "" for n in range(10_500)}),
        "damaged_file",
        "",
    ),
    Refused(
        "no-sheet.xlsx",
        lambda: workbook("").replace(b"worksheets/sheet1", b"worksheets/sheet2"),
        "damaged_file",
        "Excel",
    ),
    Refused("broken-xml.xlsx", lambda: workbook(row(1, "a") + row(2, "b") + "<row><c></row>"), "damaged_file", "Excel"),
    Refused("deep-xml.xlsx", lambda: workbook(row(1, "a") + "<x>" * 1_000_000), "no_rows", "no rows"),
    Refused("old.xls", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000, "foreign_format", "Excel"),
    Refused("pickle.csv", lambda: b"\x80\x04\x95\x10\0\0\0\0\0\0\0cos\nsystem\n", "foreign_format", "pickle"),
    Refused("shared-texts.xlsx", shared_texts, "too_large_unpacked", "3.7 GB of text"),
]
KEPT = [
    Kept("formulas.csv", formulas, 5, {"a": "string", "b": "integer"}, [[FORMULAS[0], 1]]),
    Kept("floats.csv", lambda: b"x\nNaN\ninf\n-Infinity\n1.5\n", 4, {"x": "float"}, [[None], ["inf"], ["-inf"], [1.5]]),
    Kept("year-9999.csv", lambda: b"d\n9999-12-31\n0001-01-01\n", 2, {"d": "date"}, [["9999-12-31"], ["0001-01-01"]]),
    Kept(
        "year-10000.csv", lambda: b"d\n2024-01-01\n10000-01-01\n", 2, {"d": "string"}, [["2024-01-01"], ["10000-01-01"]]
    ),
    Kept("no-day.csv", lambda: b"d\n2024-02-29\n2023-02-29\n", 2, {"d": "string"}, [["2024-02-29"], ["2023-02-29"]]),
    Kept(
        "huge.csv",
        lambda: b"n\n9223372036854775807\n9223372036854775808\n",
        2,
        {"n": "string"},
        [["9223372036854775807"], ["9223372036854775808"]],
    ),
    Kept(
        "offsets.csv",
        lambda: b"t\n2024-01-01T00:00:00+14:00\n2024-01-01T00:00:00-12:00\n",
        2,
        {"t": "timestamp_utc"},
        [["2023-12-31T10:00:00+00:00"], ["2024-01-01T12:00:00+00:00"]],
    ),
    Kept(
        "edge-of-time.csv",
        lambda: b"t\n9999-12-31T23:30:00-01:00\n2024-01-01T00:00:00Z\n",
        2,
        {"t": "string"},
        [["9999-12-31T23:30:00-01:00"], ["2024-01-01T00:00:00Z"]],
    ),
    Kept(
        "leap-second.csv",
        lambda: b"t\n2016-12-31T23:59:60Z\n2016-12-31T23:59:59Z\n",
        2,
        {"t": "string"},
        [["2016-12-31T23:59:60Z"]],
    ),
    Kept(
        "odd-offset.csv",
        lambda: b"t\n2024-01-01T00:00:00+99:99\n2024-01-01T00:00:00Z\n",
        2,
        {"t": "string"},
        [["2024-01-01T00:00:00+99:99"]],
    ),
    Kept(
        "kinds.csv",
        lambda: b"v\n1\ntrue\n2024-01-01\nx\n",
        4,
        {"v": "string"},
        [["1"], ["true"], ["2024-01-01"], ["x"]],
    ),
    Kept("bom.csv", lambda: b"\xef\xbb\xbfa,b\n1,2\n3,4\n", 2, {"a": "integer", "b": "integer"}, [[1, 2], [3, 4]]),
    Kept(
        "full-width.csv",
        "\uff41,a\n1,2\n3,4\n".encode,
        2,
        {"\uff41": "integer", "a": "integer"},
        [[1, 2], [3, 4]],
    ),
    Kept(
        "utf16.csv",
        lambda: "ä,b\n1,ü\n3,ö\n".encode("utf-16"),
        2,
        {"ä": "integer", "b": "string"},
        [[1, "ü"], [3, "ö"]],
    ),
    Kept(
        "utf32.csv",
        lambda: "ä,b\n1,ü\n3,ö\n".encode("utf-32"),
        2,
        {"ä": "integer", "b": "string"},
        [[1, "ü"], [3, "ö"]],
    ),
    Kept(
        "names.csv",
        f"../../etc,{LONG}\n1,2\n3,4\n".encode,
        2,
        {"../../etc": "integer", LONG: "integer"},
        [[1, 2]],
    ),
    Kept(
        "sql-name.csv",
        lambda: b'"a""; DROP TABLE x; --",b\'\n1,2\n3,4\n',
        2,
        {'a"; DROP TABLE x; --': "integer", "b'": "integer"},
        [[1, 2]],
    ),
    Kept("wide-allowed.csv", lambda: wide(4096, 20), 20, {f"c{n}": "integer" for n in range(4096)}, []),
    Kept("old-mac.csv", lambda: b"a,b\r1,2\r3,4\r", 2, {"a": "integer", "b": "integer"}, [[1, 2], [3, 4]]),
    Kept("doubled.jsonl", lambda: b'{"a":1,"a":2}\n{"a":3}\n', 2, {"a": "integer"}, [[2], [3]]),
    Kept(
        "huge.jsonl",
        lambda: b'{"a":9223372036854775808}\n{"a":1}\n',
        2,
        {"a": "string"},
        [["9223372036854775808"], ["1"]],
    ),
    Kept(
        "kinds.jsonl",
        lambda: b'{"a":1}\n{"a":"x"}\n{"a":true}\n{"a":null}\n',
        4,
        {"a": "string"},
        [["1"], ["x"], ["true"], [None]],
    ),
    Kept("nul-value.jsonl", lambda: b'{"a":"x\\u0000y"}\n{"a":"z"}\n', 2, {"a": "string"}, [["x\0y"], ["z"]]),
    Kept("decimals.parquet", decimals, 2, {"d": "float", "w": "integer"}, []),
    Kept(
        "uint64.parquet",
        lambda: parquet(pa.table({"u": pa.array([2**64 - 1, 0], pa.uint64())})),
        2,
        {"u": "string"},
        [["18446744073709551615"], ["0"]],
    ),
    Kept(
        "floats.parquet",
        lambda: parquet(pa.table({"x": [float("nan"), float("-inf"), None]})),
        3,
        {"x": "float"},
        [["nan"], ["-inf"], [None]],
    ),
    Kept("zones.parquet", zones, 1, {"t": "timestamp_utc"}, [["1970-01-01T00:00:00+00:00"]]),
    Kept("dictionary-bomb.parquet", lambda: dictionary_bomb(400), 400, {"s": "string"}, []),
    Kept(
        "macro.xlsm",
        lambda: workbook(row(1, "a") + row(2, "=1+1"), more={"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0" * 999}),
        1,
        {"a": "string"},
        [["=1+1"]],
    ),
    Kept(
        "outside.xlsx",
        lambda: workbook(row(1, "a") + row(2, "b"), more={"../../../etc/x": "x", "xl/externalLinks/l.xml": "x"}),
        1,
        {"a": "string"},
        [["b"]],
    ),
]
