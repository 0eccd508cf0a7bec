"""The audit log as a file: read page by page, each in a short transaction of its own, and sent as it is read."""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.audit.schemas import AuditEntry, ExportFormat
from lyceum.kernel.db import Database, Scope
from lyceum.kernel.tx import aside

PAGE_ENTRIES = 500
MEDIA_TYPES: dict[ExportFormat, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

ListPage = Callable[[AsyncSession, UUID | None], Awaitable[list[AuditEntry]]]


async def exported(database: Database, scope: Scope, list_page: ListPage, form: ExportFormat) -> AsyncIterator[bytes]:
    """Yield the entries of all pages, newest first; what is added meanwhile is not among them."""
    if form == "csv":
        yield _csv_line(list(AuditEntry.model_fields))
    before: UUID | None = None
    while True:
        async with aside(database, scope, writes=False) as tx:
            page = await list_page(tx, before)
        if page:
            yield b"".join(_csv_of(entry) if form == "csv" else _json_line(entry) for entry in page)
        if len(page) < PAGE_ENTRIES:
            return
        before = page[-1].id


def escaped_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula, whoever wrote what is in it."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _csv_of(entry: AuditEntry) -> bytes:
    values = entry.model_dump(mode="json").values()
    return _csv_line(["" if value is None else escaped_cell(str(value)) for value in values])


def _csv_line(cells: list[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()


def _json_line(entry: AuditEntry) -> bytes:
    return entry.model_dump_json().encode() + b"\n"
