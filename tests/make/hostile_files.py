"""Files of strangers: what means harm, what is damaged, and what is merely odd."""

import io
import json
import zipfile
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
DOC = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
XML = '<?xml version="1.0"?>'
SHEET = "xl/worksheets/sheet1.xml"
CELL = '<c r="{0}" t="inlineStr"><is><t>{1}</t></is></c>'


def parquet(table: pa.Table, **options: Any) -> bytes:
    """Return a table as a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def arrow(table: pa.Table) -> bytes:
    """Return a table as an Arrow file."""
    buffer = io.BytesIO()
    with pa.ipc.new_file(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def workbook(sheet_rows: str, *, more: dict[str, str | bytes] | None = None, before: str = "") -> bytes:
    """Return a workbook of one sheet, with other entries of the archive; `before` stands before the sheet's XML."""
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": f'{XML}<Types xmlns="{RELS[:-14]}/content-types"><Override PartName="/xl/workbook.xml" '
        f'ContentType="{kind}"/></Types>',
        "_rels/.rels": f'{XML}<Relationships xmlns="{RELS}"><Relationship Id="r" Type="{DOC}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{XML}<workbook xmlns="{MAIN}" xmlns:r="{DOC}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{XML}<Relationships xmlns="{RELS}"><Relationship Id="r1" '
        f'Type="{DOC}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        SHEET: f'{XML}{before}<worksheet xmlns="{MAIN}"><sheetData>{sheet_rows}</sheetData></worksheet>',
        **(more or {}),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def row(number: int, *texts: str) -> str:
    """Return a row of a sheet, its texts in the columns from A on."""
    cells = "".join(CELL.format(f"{chr(65 + place)}{number}", text) for place, text in enumerate(texts))
    return f'<row r="{number}">{cells}</row>'


def with_bytes(whole: bytes, at: int, new: bytes) -> bytes:
    """Return the bytes with some of them overwritten."""
    return whole[:at] + new + whole[at + len(new) :]


def numbers(rows: int = 1000) -> pa.Table:
    """Return a table of whole numbers and texts that do not repeat."""
    return pa.table({"n": list(range(rows)), "s": [f"text {n * 7919 % 10007}" for n in range(rows)]})


def _thrift_varint(value: int) -> bytes:
    value = (value << 1) ^ (value >> 63)
    parts = bytearray()
    while True:
        parts.append((value & 0x7F) | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(parts)


def lying_parquet(says: int) -> bytes:
    """Return a Parquet file of 1,000 rows whose footer gives every count of rows as `says`."""
    whole = parquet(pa.table({"n": pa.array(range(1000), pa.int64())}), compression="none", use_dictionary=False)
    size = int.from_bytes(whole[-8:-4], "little")
    footer = whole[-8 - size : -8].replace(_thrift_varint(1000), _thrift_varint(says))
    return whole[: -8 - size] + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def lying_page(says: int) -> bytes:
    """Return a Parquet file whose page says that it unpacks to `says` bytes."""
    schema = pa.schema([pa.field("n", pa.int64(), nullable=False)])
    whole = parquet(pa.table({"n": range(1000)}, schema=schema), compression="zstd", use_dictionary=False)
    return whole.replace(_thrift_varint(8000), _thrift_varint(says), 1)


def bad_offsets() -> bytes:
    """Return an Arrow file whose texts begin and end outside of it."""
    whole = arrow(pa.table({"s": ["hello", "you", "there"]}))
    there = np.array([0, 5, 8, 13], np.int32).tobytes()
    assert there in whole
    return whole.replace(there, np.array([0, 5, 2_000_000_000, 13], np.int32).tobytes())


def bad_indices() -> bytes:
    """Return an Arrow file of categories that point beyond their dictionary."""
    indices = pa.array([0, 7, 1_000_000], pa.int32())
    return arrow(pa.table({"s": pa.DictionaryArray.from_arrays(indices, pa.array(["a"]), safe=False)}))


def deep_json(depth: int) -> bytes:
    """Return one line of JSON Lines, nested so deep."""
    return b'{"a":1}\n{"a":' + b"[" * depth + b"]" * depth + b"}\n"


def wide(columns: int, rows: int = 2) -> bytes:
    """Return a CSV of so many columns."""
    header = ",".join(f"c{n}" for n in range(columns))
    return "\n".join([header, *[",".join(["1"] * columns)] * rows]).encode() + b"\n"


def billion_laughs() -> str:
    """Return a document type whose entity unfolds to 10⁹ letters."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE x [<!ENTITY e0 "ha">{entities}]>'


FORMULAS = ["=cmd|'/c calc'!A1", "@SUM(1+1)*cmd", "+1+1", "-2+3", '=HYPERLINK("http://x.example","y")']
LONG = "é" * 200


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def keys(count: int) -> bytes:
    return "".join(f'{{"k{n}":1}}\n' for n in range(count)).encode()


def one_object(keys: int) -> bytes:
    return json.dumps({f"k{n}": 1 for n in range(keys)}).encode() + b"\n"


def footer(content: bytes) -> bytes:
    return b"PAR1" + content + len(content).to_bytes(4, "little") + b"PAR1"


def year_10000() -> bytes:
    return parquet(pa.table({"at": pa.array([0, 253_402_300_800_000_000], pa.int64()).view(pa.timestamp("us", "UTC"))}))


def decimals() -> bytes:
    wide = pa.array([Decimal("12345678901234567890.123456789"), None], pa.decimal128(38, 9))
    return parquet(pa.table({"d": wide, "w": pa.array([Decimal(123), Decimal(-5)], pa.decimal128(18, 0))}))


def zones() -> bytes:
    return parquet(pa.table({"t": pa.array([0], pa.timestamp("us", "Mars/Olympus"))}))


def dictionary_bomb(rows: int) -> bytes:
    """A file of some kilobytes whose rows all point at one text of a megabyte."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * 1_000_000]))
    return parquet(pa.table({"s": texts}))


def formulas() -> bytes:
    rows = "".join('"' + text.replace('"', '""') + f'",{place}\n' for place, text in enumerate(FORMULAS, start=1))
    return f"a,b\n{rows}".encode()


def sheet_bomb(size: int) -> bytes:
    buffer = io.BytesIO(workbook(row(1, "a")))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open("xl/worksheets/sheet2.xml", "w") as entry:  # fmt: skip
        for _ in range(size >> 20):
            entry.write(b" " * (1 << 20))
    return buffer.getvalue()


def shared_texts() -> bytes:
    """A workbook of some kilobytes whose 2,000 cells all point at one text of 2 MB."""
    texts = f'{XML}<sst xmlns="{MAIN}" count="1" uniqueCount="1"><si><t>{"x" * 2_000_000}</t></si></sst>'
    cells = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(2, 2000))
    return workbook(row(1, "a") + cells, more={"xl/sharedStrings.xml": texts, "xl/_rels/workbook.xml.rels": f'{XML}<Relationships xmlns="{RELS}"><Relationship Id="r1" Type="{DOC}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{DOC}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'})  # fmt: skip
