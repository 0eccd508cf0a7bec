"""What a person's file becomes: types, missing values, encodings, dialects."""

import gzip
import hashlib
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fixtures.staged_tables import Stage, column, naive, rows_of, types_of
from lyceum.data.datasets.reading import parquet
from lyceum.data.datasets.reading.delimited import DelimitedFile
from lyceum.data.datasets.reading.public import FileFormat, ReadingLimits, UnreadableTable, stage_table


def test_every_type_is_found_from_the_text(stage: Stage) -> None:
    staged = stage(
        "id,price,name,paid,day,seen,sent\n"
        "1,2.5,Ann,true,2024-02-29,2024-02-29 10:00,2024-02-29T10:00:00+02:00\n"
        "2,,Bob,FALSE,,2024-02-29T10:00:01.25,2024-02-29T10:00:00Z\n"
    )
    assert types_of(staged) == ["integer", "float", "string", "boolean", "date", "timestamp", "timestamp_utc"]
    assert rows_of(staged) == [
        (1, 2.5, "Ann", True, date(2024, 2, 29), naive("2024-02-29T10:00"), datetime(2024, 2, 29, 8, tzinfo=UTC)),
        (2, None, "Bob", False, None, naive("2024-02-29T10:00:01.25"), datetime(2024, 2, 29, 10, tzinfo=UTC)),
    ]


def test_the_facts_of_a_file_are_kept(stage: Stage) -> None:
    content = "id;price\n1;2,5\n2;3\n"
    staged = stage(content)
    assert (staged.format, staged.encoding, staged.delimiter, staged.has_header) == (FileFormat.CSV, "utf-8", ";", True)
    assert (staged.rows, staged.source_bytes, staged.line_of_first_row) == (2, len(content), 2)
    assert staged.source_sha256 == hashlib.sha256(content.encode()).hexdigest()
    assert staged.staged_bytes == sum(file.stat().st_size for file in staged.files)
    assert rows_of(staged) == [(1, 2.5), (2, 3.0)]


def test_na_and_none_are_real_words_in_a_column_of_words(stage: Stage) -> None:
    staged = stage(column("NA", "None", "NULL", "nan", "Berlin", ""))
    assert [row[0] for row in rows_of(staged)] == ["NA", "None", "NULL", "nan", "Berlin"]
    assert types_of(staged) == ["string"]


def test_na_among_numbers_is_missing_and_is_counted_in_a_note(stage: Stage) -> None:
    staged = stage("a,b\n1,x\nNA,x\n2.5,x\nNA,x\n  ,x\nnan,x\n")
    assert [row[0] for row in rows_of(staged)] == [1.0, None, 2.5, None, None, None]
    assert staged.notes == (
        "Column 'a': 1 value of spaces alone read as missing, because the other values are numbers.",
        "Column 'a': 2 values 'NA' read as missing, because the other values are numbers.",
        "Column 'a': 1 value 'nan' read as missing, because the other values are numbers.",
    )


def test_a_column_of_nothing_but_na_is_text(stage: Stage) -> None:
    staged = stage("a,b\nNA,1\nNA,2\n")
    assert rows_of(staged) == [("NA", 1), ("NA", 2)]


def test_quoted_empty_and_unquoted_empty_are_both_missing(stage: Stage) -> None:
    assert rows_of(stage('a,b\n"",x\n,y\n')) == [(None, "x"), (None, "y")]


@pytest.mark.parametrize("value", ["01067", "+4930123456", "007", "00"])
def test_leading_zeros_and_phone_numbers_stay_text(stage: Stage, value: str) -> None:
    staged = stage(column("12345", value))
    assert types_of(staged) == ["string"]
    assert rows_of(staged) == [("12345",), (value,)]


def test_whole_numbers_beyond_64_bits_keep_every_digit(stage: Stage) -> None:
    staged = stage(column("9223372036854775807", "9223372036854775808"))
    assert rows_of(staged) == [("9223372036854775807",), ("9223372036854775808",)]
    assert staged.notes[-1] == "Column 'x' holds whole numbers beyond 64 bits; kept as text so no digit is lost."


def test_infinity_is_a_number(stage: Stage) -> None:
    assert [row[0] for row in rows_of(stage(column("1.5", "inf", "-inf")))] == [1.5, float("inf"), float("-inf")]


@pytest.mark.parametrize(
    "values", [("true", "1"), ("2024-01-01", "5"), ("2024-01-01 10:00", "2024-01-01T10:00Z"), ("2024-02-30", "x")]
)
def test_mixed_columns_are_text(stage: Stage, values: tuple[str, str]) -> None:
    staged = stage(column(*values))
    assert types_of(staged) == ["string"]
    assert rows_of(staged) == [(value,) for value in values]


def test_the_row_whose_value_makes_a_column_text_is_named_and_its_value_is_not(stage: Stage) -> None:
    staged = stage(column(*[str(n) for n in range(100)], "12 EUR"))
    assert (
        "Column 'x' is kept as text, because the value of row 101 is not a whole number as nearly all its other values "
        "are." in staged.notes
    )


def test_a_late_row_changes_the_type_of_the_whole_column(stage: Stage) -> None:
    values = [str(n) for n in range(20_000)]
    staged = stage(column(*values, "0.5"), limits=ReadingLimits(block_bytes=4096, cell_bytes_max=1024))
    assert types_of(staged) == ["float"]
    assert [row[0] for row in rows_of(staged)] == [*map(float, range(20_000)), 0.5]


def test_a_table_that_reads_differently_the_second_time_is_refused(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = DelimitedFile.frames
    passes = iter([None, 3])
    monkeypatch.setattr(DelimitedFile, "frames", lambda file: islice(whole(file), next(passes)))
    content = column(*map(str, range(5000)), "abc")
    with pytest.raises(UnreadableTable, match=r"gave 5,001 rows when its columns were looked at and [0-9,]+ when they"):
        stage(content, limits=ReadingLimits(block_bytes=4096, cell_bytes_max=512))


def test_the_order_of_rows_does_not_decide_a_type(stage: Stage, tmp_path: Path) -> None:
    values = ["1", "2.5", "99999999999999999999", "NA", ""] * 300
    small = ReadingLimits(block_bytes=1024, cell_bytes_max=512)
    first = stage(column(*values), limits=small)
    (tmp_path / "staged").rename(tmp_path / "before")
    assert types_of(stage(column(*reversed(values)), limits=small)) == types_of(first) == ["float"]


def test_many_parts_hold_the_rows_in_order(stage: Stage) -> None:
    staged = stage(column(*map(str, range(5000))), limits=ReadingLimits(block_bytes=4096, part_bytes=8192))
    assert len(staged.files) > 3
    assert [row[0] for row in rows_of(staged)] == list(range(5000))


def test_quotes_line_breaks_and_doubled_quotes_inside_a_text(stage: Stage) -> None:
    staged = stage('id,note\n1,"two\nlines"\n2,"say ""hi"", then go"\n')
    assert rows_of(staged) == [(1, "two\nlines"), (2, 'say "hi", then go')]
    assert staged.line_of_first_row is None


def test_backslash_escapes_are_understood(stage: Stage) -> None:
    staged = stage('id,note\n1,"say \\"hi\\", then go"\n2,"plain"\n')
    assert rows_of(staged) == [(1, 'say "hi", then go'), (2, "plain")]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_line_ending_is_read(stage: Stage, ending: str) -> None:
    staged = stage(ending.join(["a,b", "1,x", "2,y"]))
    assert rows_of(staged) == [(1, "x"), (2, "y")]
    assert staged.line_of_first_row == 2


def test_blank_lines_are_passed_over(stage: Stage) -> None:
    staged = stage("\n\na,b\n\n1,x\n\n2,y\n\n")
    assert rows_of(staged) == [(1, "x"), (2, "y")]
    assert staged.line_of_first_row is None


def test_a_byte_order_mark_is_no_part_of_the_first_name(stage: Stage) -> None:
    staged = stage(b"\xef\xbb\xbfname,n\nZo\xc3\xab,1\n")
    assert staged.columns[0].name == "name"
    assert rows_of(staged) == [("Zoë", 1)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_and_32_are_read_with_and_without_mark(stage: Stage, encoding: str) -> None:
    text = "name,city\n" + "Zoë,Zürich\n" * 20
    staged = stage(text.encode(encoding))
    assert rows_of(staged)[0] == ("Zoë", "Zürich")
    assert staged.rows == 20


def test_latin_1_is_read_and_the_person_is_told(stage: Stage) -> None:
    staged = stage("name,price\nJürgen,3 €\n".encode("cp1252"))
    assert rows_of(staged) == [("Jürgen", "3 €")]
    assert staged.encoding == "cp1252"
    assert staged.notes[0] == (
        "The file is not UTF-8; read as Latin-1 (Windows-1252). Name the encoding if letters look wrong."
    )


@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize("width", ["utf-16", "utf-32"])
def test_a_mark_tells_the_order_of_bytes_that_a_named_encoding_leaves_open(
    stage: Stage, width: str, order: str
) -> None:
    staged = stage("\ufeffname,city\nZoë,Zürich\n".encode(f"{width}-{order}"), encoding=width)
    assert staged.columns[0].name == "name"
    assert rows_of(staged) == [("Zoë", "Zürich")]


def test_a_named_encoding_is_used(stage: Stage) -> None:
    staged = stage("имя,n\nЖюли,1\n".encode("cp1251"), encoding="cp1251")
    assert rows_of(staged) == [("Жюли", 1)]
    assert staged.columns[0].name == "имя"


def test_cyrillic_is_told_from_western_text(stage: Stage) -> None:
    line = "Москва является столицей Российской Федерации,1\n"
    staged = stage(("город,n\n" + line * 40).encode("cp1251"))
    assert rows_of(staged)[0] == ("Москва является столицей Российской Федерации", 1)


def test_gzip_is_read_as_what_it_holds(stage: Stage) -> None:
    packed = gzip.compress(b"a,b\n1,x\n")
    staged = stage(packed, name="orders.csv.gz")
    assert rows_of(staged) == [(1, "x")]
    assert staged.source_sha256 == hashlib.sha256(packed).hexdigest()


def test_one_row_is_a_table_and_is_remarked_on(stage: Stage) -> None:
    staged = stage("a,b\n1,x\n")
    assert staged.rows == 1
    assert staged.notes[-1] == "The table has only one row."


def test_a_table_without_header_is_read_when_said(stage: Stage) -> None:
    staged = stage("1,x\n2,y\n", has_header=False)
    assert [column.name for column in staged.columns] == ["column_1", "column_2"]
    assert rows_of(staged) == [(1, "x"), (2, "y")]
    assert staged.line_of_first_row == 1


def test_a_header_of_years_is_taken_with_a_remark(stage: Stage) -> None:
    staged = stage("country,2001,2002\nChad,1.5,2.5\n")
    assert [column.name for column in staged.columns] == ["country", "2001", "2002"]
    assert staged.notes[0].startswith("The column names were taken from line 1, although it holds '2001'")


def test_json_lines_keep_the_kinds_json_has(stage: Stage) -> None:
    staged = stage(
        '{"n": 1, "s": "1", "b": true, "d": "2024-01-01", "t": "2024-01-01T10:00:00Z", "na": "NA", "f": 1}\n'
        '{"n": null, "s": "x", "b": false, "d": null, "t": null, "na": "None", "f": 2.5}\n',
        name="events.jsonl",
    )
    assert staged.format is FileFormat.JSON_LINES
    assert types_of(staged) == ["integer", "string", "boolean", "date", "timestamp_utc", "string", "float"]
    assert rows_of(staged) == [
        (1, "1", True, date(2024, 1, 1), datetime(2024, 1, 1, 10, tzinfo=UTC), "NA", 1.0),
        (None, "x", False, None, None, "None", 2.5),
    ]


def test_json_lines_with_differing_keys_have_all_of_them(stage: Stage) -> None:
    lines = ['{"a": 1}\n'] * 500 + ['{"b": "x"}\n'] * 500
    staged = stage("".join(lines), limits=ReadingLimits(block_bytes=1024, cell_bytes_max=512))
    assert [column.name for column in staged.columns] == ["a", "b"]
    assert rows_of(staged) == [(1, None)] * 500 + [(None, "x")] * 500
    assert staged.line_of_first_row == 1


def test_a_json_column_of_several_kinds_is_text(stage: Stage) -> None:
    staged = stage('{"a": 1}\n{"a": "x"}\n{"a": true}\n{"a": 123456789012345678901}\n')
    assert rows_of(staged) == [("1",), ("x",), ("true",), ("123456789012345678901",)]
    assert staged.notes == ("Column 'a' holds strings and other values; kept as text.",)


def test_parquet_types_are_mapped_to_the_seven_kept_ones(stage: Stage, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "i8": pl.Series([1, None], dtype=pl.Int8),
            "u64": pl.Series([2**64 - 1, 1], dtype=pl.UInt64),
            "f32": pl.Series([0.5, float("nan")], dtype=pl.Float32),
            "money": pl.Series(["1.10", "2.20"]).cast(pl.Decimal(10, 2)),
            "whole": pl.Series(["7", "8"]).cast(pl.Decimal(10, 0)),
            "kind": pl.Series(["a", "b"], dtype=pl.Categorical),
            "at": pl.Series([naive("2024-01-01"), None], dtype=pl.Datetime("ns")),
            "zoned": pl.Series([naive("2024-01-01T10:00"), None]).dt.replace_time_zone("Europe/Berlin"),
            "none": pl.Series([None, None], dtype=pl.Null),
        }
    )
    frame.write_parquet(tmp_path / "in.parquet")
    staged = stage((tmp_path / "in.parquet").read_bytes(), name="in.parquet")
    assert types_of(staged) == (
        ["integer", "string", "float", "float", "integer", "string", "timestamp", "timestamp_utc", "string"]
    )
    first = rows_of(staged)[0]
    assert first[1] == str(2**64 - 1)
    assert first[3:5] == (1.1, 7)
    assert first[7] == datetime(2024, 1, 1, 9, tzinfo=UTC)
    assert len(staged.notes) == 4


def test_repeated_texts_in_parquet_are_staged_in_order_however_they_are_cut(stage: Stage, tmp_path: Path) -> None:
    texts = [None if number % 7 == 0 else f"text {number % 5} " * (number % 5) for number in range(3000)]
    views = pa.array(texts, pa.string_view())
    table = pa.table({"a": texts, "b": pa.array(texts).dictionary_encode(), "c": views, "n": range(3000)})
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=700)
    limits = ReadingLimits(block_bytes=1024, cell_bytes_max=512, part_bytes=1 << 14)
    staged = stage((tmp_path / "in.parquet").read_bytes(), name="in.parquet", limits=limits)
    assert rows_of(staged) == [(text, text, text, number) for number, text in enumerate(texts)]


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "PLAIN"])
@pytest.mark.parametrize("turned", [False, True])
def test_texts_in_parquet_are_staged_in_order_however_they_are_encoded(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, *, turned: bool
) -> None:
    texts = [None if number % 7 == 0 else f"a text {number} " * (number % 30) for number in range(3000)]
    pq.write_table(
        pa.table({"a": texts}), tmp_path / "in.parquet", use_dictionary=False, column_encoding={"a": encoding}
    )
    if turned:
        # as of a writer that began with a dictionary and gave it up
        found = parquet._encodings_of
        monkeypatch.setattr(parquet, "_encodings_of", lambda *column: {*found(*column), "RLE_DICTIONARY"})
    limits = ReadingLimits(block_bytes=1024, cell_bytes_max=512, part_bytes=1 << 14)
    staged = stage((tmp_path / "in.parquet").read_bytes(), name="in.parquet", limits=limits)
    assert [text for (text,) in rows_of(staged)] == texts


def test_the_same_bytes_are_always_read_the_same(tmp_path: Path) -> None:
    source = tmp_path / "orders.csv"
    source.write_text("a,b,c\n" + "".join(f"{n},{n / 7:.3f},word {n % 13}\n" for n in range(30_000)))
    small = ReadingLimits(block_bytes=1 << 16, part_bytes=1 << 18)
    tables = [
        stage_table(source, file_name="orders.csv", target=tmp_path / f"out{run}", limits=small) for run in range(3)
    ]
    contents = [[file.read_bytes() for file in table.files] for table in tables]
    assert contents[0] == contents[1] == contents[2]
