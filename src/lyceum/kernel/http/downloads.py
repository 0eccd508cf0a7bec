"""Stored files given back: whole, in ranges, or only told of; nothing in a name or a content is believed by a browser."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from lyceum.kernel.http.problems import problem_response
from lyceum.kernel.http.protection import DATA_POLICY
from lyceum.kernel.problems import Problem
from lyceum.kernel.security import repr_digest
from lyceum.kernel.storage import Storage

_RANGE = re.compile(r"bytes=(\d{1,18})?-(\d{1,18})?", re.ASCII)
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._ -]")
NAME_CHARACTERS_MAX = 150
"""Of the plain form of a name; its whole form follows in UTF-8."""


class RangeUnsatisfiable(Problem):
    """A range that begins behind the end of the file."""

    status = 416
    title = "The file has no such range"
    code = "range_unsatisfiable"


_CONTENT: dict[str, Any] = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
SHOWS_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", **_CONTENT},
    206: {"description": "The range of it that was asked for", **_CONTENT},
    304: {"description": "It is the one whose `ETag` was sent"},
    RangeUnsatisfiable.status: {"description": RangeUnsatisfiable.title},
}
"""What the API's document says of a route that answers with a download, for its `responses`."""


@dataclass(frozen=True, slots=True)
class Download:
    """A stored file that never changes under its key, and what it is called; `version` tells it from every other one."""

    key: str
    byte_count: int
    sha256: str | None
    version: str
    file_name: str

    @property
    def etag(self) -> str:
        """The strong validator: its SHA-256 where that is known."""
        return f'"{self.sha256 or self.version}"'


async def answer_download(request: Request, storage: Storage, download: Download) -> Response:
    """Return the reply to a GET or HEAD for a file: 200, 206, 304 or 416; call it with no transaction open.

    Raises `FileMissing`, and `FileDamaged` when what lies there has another size. Of several ranges none is served: the
    whole file is, as RFC 9110 allows.
    """
    headers = _headers(download)
    if _names(request.headers.get("if-none-match", ""), download.etag):
        return Response(status_code=304, headers=_without_content(headers))
    try:
        wanted = _wanted(request, download)
    except RangeUnsatisfiable as problem:
        return problem_response(problem, {"content-range": f"bytes */{download.byte_count}"})
    start, end = wanted or (0, download.byte_count)
    status = 200 if wanted is None else 206
    headers["content-length"] = str(end - start)
    if wanted is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{download.byte_count}"
    if request.method == "HEAD":
        await storage.require_size(download.key, download.byte_count)
        return Response(status_code=status, headers=headers, media_type=_OPAQUE)
    chunks = await storage.read_range(download.key, start, end, byte_count=download.byte_count)
    return StreamingResponse(chunks, status_code=status, headers=headers, media_type=_OPAQUE)


_OPAQUE = "application/octet-stream"


def _headers(download: Download) -> dict[str, str]:
    headers = {
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache, no-transform",
        "content-disposition": content_disposition(download.file_name),
        "content-security-policy": DATA_POLICY,
        "etag": download.etag,
        "x-content-type-options": "nosniff",
    }
    if download.sha256 is not None:
        headers["repr-digest"] = repr_digest(download.sha256)
    return headers


def _without_content(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in ("etag", "cache-control")}


def content_disposition(file_name: str) -> str:
    """Return the header that saves a file under a name which may hold anything (RFC 6266)."""
    plain = _NOT_PLAIN.sub("_", file_name)[:NAME_CHARACTERS_MAX].strip(" .") or "file"
    if plain == file_name:
        return f'attachment; filename="{plain}"'
    whole = quote(file_name.encode("utf-8", errors="replace"), safe="")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}"


def _wanted(request: Request, download: Download) -> tuple[int, int] | None:
    """Return the range asked for, end excluded; None for the whole file. Raises `RangeUnsatisfiable`."""
    found = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if found is None or found.group(1, 2) == (None, None):
        return None
    condition = request.headers.get("if-range")
    if condition is not None and condition.strip() != download.etag:
        return None
    first, last = (int(text) if text is not None else None for text in found.group(1, 2))
    size = download.byte_count
    if first is None:
        start, end = max(0, size - (last or 0)), size
    elif last is not None and last < first:
        return None
    else:
        start, end = first, min(size, (last if last is not None else size) + 1)
    if start >= end:
        raise RangeUnsatisfiable(f"{download.file_name} has {size:,} bytes, so it has no such range.")
    return start, end


def _names(header: str, etag: str) -> bool:
    return header.strip() == "*" or etag in {one.strip().removeprefix("W/") for one in header.split(",")}
