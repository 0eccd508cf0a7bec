"""What cannot be read is refused in one sentence, and nothing half-made stays."""

import gzip
import io
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lyceum.data.datasets.reading.public import FileFormat, ReadingLimits, UnreadableTable, stage_table


def refusal(tmp_path: Path, content: str | bytes, name: str = "orders.csv", **options: object) -> UnreadableTable:
    source = tmp_path / "upload"
    source.write_bytes(content.encode() if isinstance(content, str) else content)
    target = tmp_path / "staging" / "table"
    with pytest.raises(UnreadableTable) as refused:
        stage_table(source, file_name=name, target=target, **options)  # type: ignore[arg-type]
    assert list(target.parent.iterdir()) == [], "something half-made stays"
    text = str(refused.value)
    assert text.startswith(name)
    assert "\n" not in text
    assert text.endswith(".")
    return refused.value


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content,code,says",
    [
        ("", "empty_file", "orders.csv is empty; upload a file with a header and rows."),
        ("\n\n \n", "empty_file", "orders.csv holds only blank lines; upload a file with a header and rows."),
        ("a,b\n", "no_rows", "orders.csv has column names and no rows; upload a file with rows."),
        ("a,b\n1,2\n3\n", "ragged_rows", "orders.csv, line 3 has 1 field where the header has 2"),
        (
            "a,b\n1,2,3\n4,5\n6,7,8\n",
            "ragged_rows",
            "line 2 has 3 fields where the header has 2, and line 4 does not fit",
        ),
        ('a,b\n"x\ny",1\n2\n', "ragged_rows", "orders.csv, line 4 has 1 field where the header has 2"),
        ('a,b\n1,2\n"x,2\n3,4\n', "unclosed_quote", "orders.csv, line 3 opens a quote that is never closed"),
        ("a^b^c\n1^2^3\n4^5^6\n", "wrong_delimiter", "3 when split at '^'; name the delimiter '^'."),
        (
            "name, first\tborn, where\nSmith, Ann\tRome, Italy\n",
            "wrong_delimiter",
            "into 2 columns and at commas into 3; name the delimiter.",
        ),
        (
            "name, first\tcity\nSmith, Ann\tRome\nWebb, Bob\tBern\n",
            "wrong_delimiter",
            "at tabs into 2 columns and at commas into 2; name the delimiter.",
        ),
        ("1,5;2,5;3,5\n2,5;3,5;4,5\n", "no_header", "line 1 holds values ('1,5', '2,5', '3,5')"),
        (b"a,b\n1,2\nx\0y,3\n", "nul_byte", "orders.csv, line 3 holds a NUL byte"),
        ("a,b,a\n1,2,3\n", "column_names", "gives columns 1 and 3 the same name, 'a'; rename all but one."),
        ("Price,price\n1,2\n", "column_names", "the same name apart from upper and lower case, 'Price'"),
        (",b\n1,2\n", "column_names", "has no name for column 1 (pandas writes its index so"),
        ("a,,c,\n1,2,3,4\n", "column_names", "has no name for columns 2 and 4;"),
        ("1,2.5\n3,4.5\n", "no_header", "orders.csv has no header: line 1 holds values ('1', '2.5'); put a line with"),
        (
            "Zoë,1\nx,y\n".encode() + b"caf\xe9,2\n",
            "broken_encoding",
            "orders.csv, line 3 holds bytes that are not UTF-8",
        ),
    ],
)
def test_a_broken_delimited_file_is_refused_in_one_sentence(
    tmp_path: Path, content: str | bytes, code: str, says: str
) -> None:
    found = refusal(tmp_path, content)
    assert found.code == code
    assert says in str(found)


@pytest.mark.parametrize("delimiter", ["", ",,", "§", "\n", "\0"])
def test_what_cannot_be_a_delimiter_is_refused(tmp_path: Path, delimiter: str) -> None:
    assert refusal(tmp_path, "a,b\n1,2\n", delimiter=delimiter).code == "wrong_delimiter"


@pytest.mark.parametrize("encoding", ["klingon", "rot13", "base64", "a\0b", "é"])
def test_an_encoding_nobody_knows_is_refused(tmp_path: Path, encoding: str) -> None:
    assert refusal(tmp_path, "a,b\n1,2\n", encoding=encoding).code == "unknown_encoding"


def test_a_reading_that_is_called_off_stops_between_its_blocks_and_leaves_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "upload", tmp_path / "staging" / "table"
    source.write_text("a,b\n" + "1,2\n" * 20_000)
    blocks = 0

    def stop_at_the_fifth() -> None:
        nonlocal blocks
        blocks += 1
        if blocks == 5:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        stage_table(
            source,
            file_name="orders.csv",
            target=target,
            limits=ReadingLimits(block_bytes=4096, cell_bytes_max=512),
            stop_if_asked=stop_at_the_fifth,
        )
    assert blocks == 5
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_ragged_lines_are_counted_as_an_editor_counts_them(tmp_path: Path, ending: str) -> None:
    lines = ["a,b", "1,2", "", '"x' + ending + 'y",2', *["3,4"] * 100, "5"]
    found = refusal(tmp_path, ending.join(lines))
    assert found.line == 106
    assert found.extra == {"line": 106}


def test_many_ragged_lines_are_named_up_to_five(tmp_path: Path) -> None:
    text = str(refusal(tmp_path, "a,b\n1,2\n" + "1,2,3\n" * 50))
    assert "line 3 has 3 fields where the header has 2, and so do not fit lines 4, 5, 6, 7 and more;" in text


def test_a_ten_megabyte_cell_is_named_by_line_and_column(tmp_path: Path) -> None:
    found = refusal(tmp_path, "id,note\n1,x\n2," + "y" * 10_000_000 + "\n3,z\n")
    assert found.line == 3
    assert found.code in {"large_cell", "long_line"}


def test_a_two_megabyte_cell_names_its_column(tmp_path: Path) -> None:
    found = refusal(tmp_path, "id,note\n1,x\n2," + "y" * 2_000_000 + "\n3,z\n")
    assert str(found).startswith(
        "orders.csv, line 3, column 'note' holds 2.0 MB in one cell and at most 1.0 MB are read"
    )


def test_a_quote_left_open_in_a_large_file_is_named(tmp_path: Path) -> None:
    rows = "".join(f"{n},word\n" for n in range(200_000))
    found = refusal(tmp_path, 'id,note\n1,"open\n' + rows, limits=ReadingLimits(block_bytes=1 << 20))
    assert (found.code, found.line) == ("unclosed_quote", 2)


def test_an_endless_first_line_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "x" * 3_000_000).code == "long_line"


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    header = ",".join(f"c{n}" for n in range(5000))
    text = str(refusal(tmp_path, header + "\n" + ",".join("1" * 5000) + "\n"))
    assert text == "orders.csv has 5,000 columns and at most 4,096 are read; drop those not needed."


@pytest.mark.parametrize(
    "content,says",
    [
        (zipped("orders.csv"), "is a zip archive; unpack it first."),
        (b"%PDF-1.7 ...", "is a PDF document"),
        (b"SQLite format 3\0....", "is an SQLite database"),
        (b"\x80\x04\x95....", "is a Python pickle, which is code and not a table"),
        (b"<!doctype html><html>", "is a web page"),
    ],
)
def test_other_kinds_of_file_are_named(tmp_path: Path, content: bytes, says: str) -> None:
    found = refusal(tmp_path, content)
    assert found.code == "foreign_format"
    assert says in str(found)


def test_a_declared_format_hides_no_other_kind_of_file(tmp_path: Path) -> None:
    assert refusal(tmp_path, zipped("orders.csv"), format=FileFormat.CSV).code == "foreign_format"
    assert refusal(tmp_path, zipped("xl/workbook.xml"), format=FileFormat.CSV).code == "damaged_file"


def test_a_cut_gzip_is_damaged(tmp_path: Path) -> None:
    packed = gzip.compress(b"a,b\n" + b"1,2\n" * 1000)
    assert refusal(tmp_path, packed[:-20], "orders.csv.gz").code == "damaged_file"


def test_a_gzip_that_grows_without_end_is_stopped(tmp_path: Path) -> None:
    bomb = gzip.compress(b"a" * 50_000_000)
    found = refusal(tmp_path, bomb, "orders.csv.gz", limits=ReadingLimits(unpacked_bytes_max=1 << 20))
    assert found.code == "too_large_unpacked"


def test_a_gzip_becomes_only_so_many_times_as_large(tmp_path: Path) -> None:
    # members one behind the other: 2 MB that would unpack to 2 GB
    bomb = gzip.compress(b"a,b\n" * 2**18) * 2000
    assert len(bomb) < 3e6
    limits = ReadingLimits(unpacked_freely_bytes=1 << 20, unpacked_growth_max=20)
    found = refusal(tmp_path, bomb, "orders.csv.gz", limits=limits)
    assert found.code == "too_large_unpacked"
    assert "GB; unpack it" in str(found)


def test_a_gzip_of_plain_rows_is_no_bomb(tmp_path: Path) -> None:
    rows = b"a,b\n" + b"1,2\n" * 500_000
    source = tmp_path / "upload"
    source.write_bytes(gzip.compress(rows))
    assert len(rows) > 500 * source.stat().st_size
    assert stage_table(source, file_name="orders.csv.gz", target=tmp_path / "out").rows == 500_000


def test_a_small_parquet_that_claims_millions_of_rows_is_refused_unread(tmp_path: Path) -> None:
    source = tmp_path / "bomb.parquet"
    group = pa.table({f"c{number}": pa.array([True] * 100).take(pa.array([0] * 1_000_000)) for number in range(4)})
    with pq.ParquetWriter(source, group.schema, compression="zstd") as writer:
        for _ in range(30):
            writer.write_table(group)
    assert source.stat().st_size < 500_000
    began = time.process_time()
    found = refusal(tmp_path, source.read_bytes(), "bomb.parquet", limits=ReadingLimits(cells_max=100_000_000))
    assert found.code == "too_many_cells"
    assert "30,000,000 rows of 4 columns" in str(found)
    assert time.process_time() - began < 1


def test_json_lines_that_each_bring_a_key_become_no_table_without_end(tmp_path: Path) -> None:
    lines = "".join(f'{{"k{number % 1000}":1}}\n' for number in range(20_000))
    found = refusal(tmp_path, lines, "events.jsonl", limits=ReadingLimits(cells_max=2_000_000))
    assert found.code == "too_many_cells"


@pytest.mark.parametrize("kept", [0.3, 0.7, 0.99])
def test_a_truncated_parquet_is_damaged(tmp_path: Path, kept: float) -> None:
    whole = parquet(pa.table({"a": list(range(10_000))}))
    assert refusal(tmp_path, whole[: int(len(whole) * kept)], "orders.parquet").code == "damaged_file"


def test_a_parquet_with_scrambled_pages_is_damaged(tmp_path: Path) -> None:
    whole = bytearray(parquet(pa.table({"a": [f"text {n * 7919 % 10007}" for n in range(50_000)]})))
    whole[1000:9000] = b"\xff" * 8000
    assert refusal(tmp_path, bytes(whole), "orders.parquet").code == "damaged_file"


def test_nested_parquet_columns_are_named(tmp_path: Path) -> None:
    found = refusal(tmp_path, parquet(pa.table({"a": [1], "tags": [["x", "y"]]})), "orders.parquet")
    assert str(found).startswith("orders.parquet, column 'tags' is nested (list<")


def test_raw_bytes_in_parquet_are_refused(tmp_path: Path) -> None:
    found = refusal(tmp_path, parquet(pa.table({"blob": [b"\x00\x01"]})), "orders.parquet")
    assert found.code == "unsupported_type"


@pytest.mark.parametrize(
    "values",
    [
        pa.array([0, 2_932_897], pa.int32()).view(pa.date32()),
        pa.array([0, -62_135_596_801], pa.int64()).view(pa.timestamp("s")),
        pa.array([0, 253_402_300_800_000_000], pa.int64()).view(pa.timestamp("us", "UTC")),
        pa.array([0, 2**62], pa.int64()).view(pa.timestamp("ms")),
    ],
)
def test_a_moment_in_parquet_that_no_calendar_of_four_digits_holds_is_named(
    tmp_path: Path, values: "pa.Array[Any]"
) -> None:
    found = refusal(tmp_path, parquet(pa.table({"at": values})), "orders.parquet")
    assert str(found) == (
        "orders.parquet, row 2, column 'at' holds a moment outside the years 1 to 9999; leave it empty, or write the "
        "column as text."
    )


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_a_two_megabyte_cell_in_parquet_names_its_column(tmp_path: Path, kind: pa.DataType) -> None:
    table = pa.table({"note": pa.array(["x", None, "y" * 2_000_000]).cast(kind)})
    found = refusal(tmp_path, parquet(table), "orders.parquet")
    assert str(found).startswith("orders.parquet, column 'note' holds more than 1.0 MB in one cell")


def test_a_parquet_without_rows_is_refused(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([], pa.int64())})
    assert refusal(tmp_path, parquet(table), "orders.parquet").code == "no_rows"


@pytest.mark.parametrize(
    "content,code,line,says",
    [
        ('{"a": 1}\n{"a": 2\n', "broken_line", 2, "is not valid JSON"),
        ('{"a": 1}\n\n[1, 2]\n', "broken_line", 3, "holds a list where an object is needed"),
        ('{"a": 1}\n5\n', "broken_line", 2, "holds a number where an object is needed"),
        ('{"a": 1}\n{"a": {"b": 1}}\n', "nested_column", 2, "holds an object or a list in 'a'"),
        ('[\n{"a": 1}\n]\n', "not_json_lines", 1, "starts one JSON document"),
        ('[{"a": 1}, {"a": 2}]', "not_json_lines", 1, "starts one JSON document"),
        ('{"a": NaN}\n', "broken_line", 1, "is not valid JSON"),
        ("[" * 100_000 + "\n", "broken_line", 1, "is not valid JSON"),
        (json.dumps({"a": "y" * 2_000_000}), "large_cell", 1, "holds more than 1.0 MB in 'a'"),
    ],
)
def test_a_broken_json_line_is_named(tmp_path: Path, content: str, code: str, line: int, says: str) -> None:
    found = refusal(tmp_path, content, "events.jsonl")
    assert (found.code, found.line) == (code, line)
    assert says in str(found)


def test_objects_without_any_key_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "{}\n{}\n", "events.jsonl").code == "no_columns"


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "orders.csv"
    pl.DataFrame({"a": range(300_000)}).with_columns(b=pl.col("a") * 7919 % 1_000_003).write_csv(source)
    code = (
        "import sys, signal, resource\nfrom pathlib import Path\n"
        "from lyceum.data.datasets.reading.public import DiskFull, stage_table\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "try:\n    stage_table(Path(sys.argv[1]), file_name='orders.csv', target=Path(sys.argv[2]))\n"
        "except DiskFull as full:\n    print(full)\n"
    )
    target = tmp_path / "staging" / "table"
    run = subprocess.run([sys.executable, "-c", code, source, target], capture_output=True, text=True, check=True)
    assert run.stdout == (
        "orders.csv could not be staged because the disk is full; free some space and upload it again.\n"
    )
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(
    "kind",
    [
        "sparse JSON lines",
        *(
            pytest.param(kind, marks=pytest.mark.deep)
            for kind in ("repeated texts in Parquet", "texts in Parquet with a shared beginning")
        ),
    ],
)
def test_a_small_file_that_unfolds_is_read_within_bounded_memory(tmp_path: Path, kind: str) -> None:
    if kind == "sparse JSON lines":
        source, rows = tmp_path / "events.jsonl", 60_000
        source.write_text("".join(f'{{"k{number % 300}":1}}\n' for number in range(rows)))
    elif "shared" in kind:
        source, rows = tmp_path / "events.parquet", 6_000
        table = pa.table({"a": ["x" * 100_000] * rows})
        pq.write_table(table, source, use_dictionary=False, column_encoding={"a": "DELTA_BYTE_ARRAY"})
    else:
        source, rows = tmp_path / "events.parquet", 60_000
        texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * 40_000]))
        pq.write_table(pa.table({"a": texts.cast(pa.dictionary(pa.int32(), pa.string()))}), source)
    assert grown_bytes(source, tmp_path / "out", rows=rows) < 300e6


@pytest.mark.deep
def test_a_large_file_is_read_within_bounded_memory(tmp_path: Path) -> None:
    source = tmp_path / "orders.csv"
    with source.open("w") as file:
        file.write("a,b,c\n")
        for start in range(0, 3_000_000, 100_000):
            file.writelines(f"{n},{n * 7919 % 1_000_003},word number {n}\n" for n in range(start, start + 100_000))
    assert grown_bytes(source, tmp_path / "out", rows=3_000_000) < 300e6


def grown_bytes(source: Path, target: Path, *, rows: int) -> int:
    """Return by how much a process of its own grows that stages the file."""
    code = (
        "import sys, resource\nfrom pathlib import Path\n"
        "from lyceum.data.datasets.reading.public import ReadingLimits, stage_table\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "small = ReadingLimits(block_bytes=1 << 20, part_bytes=16 << 20)\n"
        "table = stage_table(Path(sys.argv[1]), file_name=Path(sys.argv[1]).name, target=Path(sys.argv[2]), limits=small)\n"
        "print(table.rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, source, target], capture_output=True, text=True, check=True)
    staged_rows, grown_kib = map(int, run.stdout.split())
    assert staged_rows == rows
    return grown_kib * 1024
