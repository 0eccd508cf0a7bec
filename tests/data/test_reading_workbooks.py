"""Excel workbooks and Arrow files become tables, and what is wrong with one is told in a sentence."""

import io
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import polars as pl
import pyarrow as pa
import pytest

from fixtures.staged_tables import Stage, naive, rows_of, types_of
from lyceum.data.datasets.reading.public import FileFormat, ReadingLimits, UnreadableTable

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
DOC = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STYLES = '<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/></cellXfs>'
_NUMBER, _DATE, _TIME = "0", "1", "2"


def workbook(*sheets: str, hidden: int = 0) -> bytes:
    """Return a workbook of sheets' rows, of which the first `hidden` are not shown."""
    listed = "".join(
        f'<sheet name="S{n}" sheetId="{n}" r:id="r{n}" state="{"hidden" if n <= hidden else "visible"}"/>'
        for n in range(1, len(sheets) + 1)
    )
    targets = "".join(
        f'<Relationship Id="r{n}" Type="{DOC}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{RELS[:-14]}/content-types"><Override PartName="/xl/workbook.xml" '
        f'ContentType="{types}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{RELS}"><Relationship Id="r" Type="{DOC}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{DOC}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{RELS}">{targets}</Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">{STYLES}</styleSheet>',
        "xl/media/picture.png": "x" * 1000,
    } | {
        f"xl/worksheets/sheet{n}.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
        for n, rows in enumerate(sheets, start=1)
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, f'<?xml version="1.0"?>{content}')
    return buffer.getvalue()


def row(number: int, *cells: str) -> str:
    """Return a row of cells, each `kind:value` in the columns from B on."""
    made = []
    for place, cell in enumerate(cells):
        kind, _, value = cell.partition(":")
        at = f'r="{"BCDEFGH"[place]}{number}"'
        if kind == "text":
            made.append(f'<c {at} t="inlineStr"><is><t>{value}</t></is></c>')
        elif kind in {"b", "e"}:
            made.append(f'<c {at} t="{kind}"><v>{value}</v></c>')
        elif kind:
            made.append(f'<c {at} s="{kind}"><v>{value}</v></c>')
    return f'<row r="{number}">{"".join(made)}</row>'


TABLE = (
    row(3, "text:name", "text:n", "text:day", "text:at", "text:ok", "text:code")
    + row(4, "text:a", "0:3", "1:45000", "2:45000.25", "b:1", "text:007")
    + row(6, "text:b", "0:1.5", "1:45001", "2:45001.5", "b:0", "e:#DIV/0!")
)


def test_the_first_sheet_that_is_shown_becomes_a_table(stage: Stage) -> None:
    staged = stage(workbook("", TABLE, TABLE, hidden=1), "book.xlsx")
    assert staged.format is FileFormat.EXCEL
    assert types_of(staged) == ["string", "float", "date", "timestamp", "boolean", "string"]
    assert rows_of(staged) == [
        ("a", 3.0, date(2023, 3, 15), naive("2023-03-15T06:00"), True, "007"),
        ("b", 1.5, date(2023, 3, 16), naive("2023-03-16T12:00"), False, None),
    ]
    assert "The workbook has 2 sheets; read was 'S2'." in staged.notes


def test_whole_numbers_stay_whole(stage: Stage) -> None:
    rows = row(1, "text:n") + "".join(row(n, f"0:{n}") for n in range(2, 50))
    staged = stage(workbook(rows), "book.xlsx")
    assert types_of(staged) == ["integer"]
    assert len(rows_of(staged)) == 48


@pytest.mark.parametrize(
    "content, code, says",
    [
        (workbook(""), "no_rows", "nothing in its sheet 'S1'"),
        (workbook(row(1, "text:a")), "no_rows", "column names and no rows"),
        (workbook(row(1, "text:a", "text:A") + row(2, "0:1")), "column_names", "the same name"),
        (workbook(row(1, "text:a") + row(2, "0:1", "0:2")), "column_names", "no name for column 2"),
        (workbook(row(1, "text:a") + '<row><c r="XFD1048576"><v>1</v></c></row>'), "too_many_cells", "16,384 columns"),
        (workbook(row(1, "text:a") + "<row><c r = 'ZZ900000'><v>1</v></c></row>"), "too_many_cells", "900,000 rows"),
        (workbook(TABLE, hidden=1), "no_rows", "no sheet that is shown"),
        (workbook(TABLE)[:-100], "damaged_file", "save it again"),
    ],
)
def test_a_workbook_without_a_table_is_told_of(stage: Stage, content: bytes, code: str, says: str) -> None:
    with pytest.raises(UnreadableTable, match=rf"^book\.xlsx .*{says}") as refused:
        stage(content, "book.xlsx")
    assert refused.value.code == code


def test_a_workbook_that_unpacks_to_too_much_is_stopped(stage: Stage) -> None:
    bomb = workbook(TABLE + " " * 5_000_000)
    assert len(bomb) < 20_000
    limits = ReadingLimits(unpacked_freely_bytes=1 << 20, unpacked_growth_max=10)
    with pytest.raises(UnreadableTable) as refused:
        stage(bomb, "book.xlsx", limits=limits)
    assert refused.value.code == "too_large_unpacked"


ARROW = pa.table(
    {
        "n": pa.array([1, None, 3], pa.int32()),
        "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
        "at": pa.array([datetime(2024, 1, 1, tzinfo=UTC)] * 3, pa.timestamp("ms", "Europe/Berlin")),
    }
)


def arrow(table: pa.Table, *, is_stream: bool = False, compression: Literal["lz4", "zstd"] | None = None) -> bytes:
    """Return a table as an Arrow file, or as a stream."""
    buffer = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    new = pa.ipc.new_stream if is_stream else pa.ipc.new_file
    with new(buffer, table.schema, options=options) as writer:
        writer.write_table(table)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content, name",
    [
        (arrow(ARROW), "t.arrow"),
        (arrow(ARROW, compression="zstd"), "t.feather"),
        (arrow(ARROW), "t.csv"),
        (arrow(ARROW, is_stream=True), "t.arrows"),
    ],
)
def test_an_arrow_file_becomes_a_table_whatever_it_is_called(stage: Stage, content: bytes, name: str) -> None:
    staged = stage(content, name)
    assert staged.format is FileFormat.ARROW
    assert types_of(staged) == ["integer", "string", "timestamp_utc"]
    assert [found[:2] for found in rows_of(staged)] == [(1, "a"), (None, "b"), (3, "a")]


def test_a_long_batch_is_read_in_parts(stage: Stage) -> None:
    numbers = pa.table({"n": pa.array(range(200_000))})
    staged = stage(arrow(numbers), "t.arrow")
    assert pl.scan_parquet(list(staged.files)).select(pl.col("n").sum()).collect().item() == sum(range(200_000))


@pytest.mark.parametrize(
    "content, code",
    [
        (arrow(ARROW)[:-30], "damaged_file"),
        (arrow(ARROW)[:200], "damaged_file"),
        (b"ARROW1" + b"\0" * 50, "damaged_file"),
        (arrow(pa.table({"a": [[1, 2]]})), "nested_column"),
        (arrow(pa.table({"a": pa.array([b"x"])})), "unsupported_type"),
        (arrow(pa.table({"a": pa.array([], pa.int64())})), "no_rows"),
        (arrow(pa.table({})), "no_columns"),
    ],
)
def test_a_damaged_or_unkept_arrow_file_is_told_of(stage: Stage, content: bytes, code: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableTable, match=r"^t\.arrow") as refused:
        stage(content, "t.arrow")
    assert refused.value.code == code
    assert not (tmp_path / "staged").exists()
