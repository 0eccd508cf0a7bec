"""The one place where the files of a table leave the hub: at signed addresses, short-lived, in ranges.

Whatever reads a table file by file comes through `hand_out`: programs that open `lyceum://` addresses, and clients of
Delta Sharing. Files are handed out as they lie, so a reader who may not see every value gets none of them.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from lyceum.data.datasets.addresses import VersionTable, table_key
from lyceum.data.datasets.handing.errors import ColumnsMasked, FileAddressInvalid
from lyceum.data.datasets.rows.public import content_of_version
from lyceum.kernel.http.downloads import Download
from lyceum.kernel.resources import Resources

_KNOWN_AS_SIGNED = "sp=r"
"""What Delta's own readers know a signed address by, of those that no cloud's store has given."""


@dataclass(frozen=True, slots=True)
class HandedFile:
    """A file and where it can be read; an address that is a path is the hub's own."""

    name: str
    byte_count: int
    row_count: int
    url: str


@dataclass(frozen=True, slots=True)
class HandedTable:
    """The files of a version in the order of their rows, its Delta schema as JSON, and when the addresses run out."""

    files: tuple[HandedFile, ...]
    schema: str
    expires_at: datetime


async def hand_out(
    resources: Resources, table: VersionTable, *, masked: Collection[str], base_url: str = ""
) -> HandedTable:
    """Return where the files of a version can be read; call it with no transaction open.

    The hub's own addresses begin with `base_url`, and are paths without one.

    `masked` are the columns whose values this reader may not see. Raises `ColumnsMasked` where there are any: their
    values lie in the files. The rows, masked, can be downloaded all the same.
    """
    if masked:
        named = ", ".join(sorted(masked)[:5])
        raise ColumnsMasked(
            f"{table.address} has columns that hold personal data ({named}), so its files are not given out as they lie; "
            "download the version instead, which masks them, or as a member who may change the dataset with unmasked=true."
        )
    content = await asyncio.to_thread(content_of_version, resources.storage, table.table_key, table.delta_version)
    lifetime_seconds = resources.settings.file_url_seconds
    # told a little earlier than it is, for whoever asks with the last second of an address
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=lifetime_seconds - 1)
    keys = [f"{table.table_key}/{file.name}" for file in content.files]
    urls = await resources.storage.presigned_gets(keys, lifetime_seconds=lifetime_seconds)
    if urls is None:
        urls = [
            base_url + _own_address(resources, table, file.name, file.size, lifetime_seconds=lifetime_seconds)
            for file in content.files
        ]
    files = (HandedFile(file.name, file.size, file.rows, url) for file, url in zip(content.files, urls, strict=True))
    return HandedTable(tuple(files), content.schema, expires_at)


def file_at(
    resources: Resources, *, org_id: UUID, dataset_id: UUID, name: str, byte_count: int, signature: str
) -> Download:
    """Return the file that a signed address names; raises `FileAddressInvalid`."""
    key = f"{table_key(org_id, dataset_id)}/{name}"
    if not resources.signer.vouches(signature, _statement(key, byte_count)):
        raise FileAddressInvalid("This address of a file was changed or has run out; ask for the files again.")
    return Download(key=key, byte_count=byte_count, sha256=None, version=name, file_name=name)


def _own_address(
    resources: Resources, table: VersionTable, name: str, byte_count: int, *, lifetime_seconds: int
) -> str:
    statement = _statement(f"{table.table_key}/{name}", byte_count)
    signature = resources.signer.sign(statement, lifetime_seconds=lifetime_seconds)
    place = f"/api/v1/dataset-files/{table.org_id}/{table.dataset_id}/{name}"
    return f"{place}?byte_count={byte_count}&{_KNOWN_AS_SIGNED}&signature={signature}"


def _statement(key: str, byte_count: int) -> str:
    return f"file of a table {key} {byte_count}"
