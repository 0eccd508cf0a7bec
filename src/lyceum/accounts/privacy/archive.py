"""The archive of a person's data: a zip with a file for each kind of things, and a page that says what they are."""

import asyncio
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO
from uuid import UUID

import orjson

from lyceum.accounts.privacy.providers import Exporter
from lyceum.kernel.resources import Resources
from lyceum.kernel.storage import StoredFile

ROWS_AT_ONCE = 500
README = "README.txt"


def folder_of(user_id: UUID) -> str:
    """Return where the archives of a person lie in the storage."""
    return f"exports/{user_id}"


async def make_archive(resources: Resources, user_id: UUID, exporters: Iterable[Exporter], *, key: str) -> StoredFile:
    """Write a person's archive and store it under a key; return what was stored."""
    with tempfile.TemporaryDirectory(prefix="lyceum-export-") as folder:
        path = Path(folder) / "export.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            told = []
            for exporter in exporters:
                count = await _write(archive, exporter, resources, user_id)
                told.append(f"{exporter.name:28} {count:>9,}  {exporter.says}")
            archive.writestr(README, _readme(told))
        return await resources.storage.put_file(key, path)


async def _write(archive: zipfile.ZipFile, exporter: Exporter, resources: Resources, user_id: UUID) -> int:
    count = 0
    with archive.open(exporter.name, "w", force_zip64=True) as file:
        batch: list[bytes] = []
        async for row in exporter.rows(resources, user_id):
            batch.append(orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE))
            count += 1
            if len(batch) >= ROWS_AT_ONCE:
                await asyncio.to_thread(_put, file, batch)
                batch = []
        await asyncio.to_thread(_put, file, batch)
    return count


def _put(file: IO[bytes], batch: list[bytes]) -> None:
    file.write(b"".join(batch))


def _readme(told: list[str]) -> str:
    return "\n".join(
        (
            "What this hub keeps of you.",
            "",
            "Each file has one JSON object a line, in UTF-8; the number is that of its lines.",
            "",
            *told,
            "",
            "The rows of your organisations' datasets and their model files are not in here: download them from",
            "the pages of the datasets and models.",
            "",
        )
    )
