"""Making a backup of a hub that goes on working; docs/decisions/0014 says why it is one point."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lyceum.backup.destination import Destination
from lyceum.backup.errors import BackupRefused
from lyceum.backup.files import copy_files, list_files, load_seen, save_seen
from lyceum.backup.keys import BackupKeys
from lyceum.backup.lock import destination_lock
from lyceum.backup.manifest import Manifest
from lyceum.backup.pieces import PieceWriter
from lyceum.backup.snapshot import snapshot_of
from lyceum.backup.tables import copy_table, list_sequences, list_tables
from lyceum.kernel.storage import Storage


@dataclass(frozen=True, slots=True)
class Source:
    """The hub to copy. `seen_file` keeps what was read of its files; `private` is kept in encrypted backups only."""

    owner_url: str = field(repr=False)
    storage: Storage
    secret_key: str = field(repr=False)
    product_version: str
    seen_file: Path
    private: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made; `missing` names the files that rows need and the hub's storage had lost before."""

    manifest: Manifest
    encrypted: bool
    objects_written: int
    bytes_written: int
    seconds: float
    missing: tuple[str, ...]


def create_backup(source: Source, destination: Destination, keys: BackupKeys) -> Made:
    """Copy the hub as it is at one moment; it becomes a backup with the last object written, its manifest.

    Raises `BackupRefused` while somebody else writes there or the hub is migrated, `BackupFailed`.
    """
    _refuse_inside(source.storage, destination)
    started = time.monotonic()
    with (
        destination_lock(destination) as still_held,
        snapshot_of(source.owner_url) as snapshot,
        PieceWriter(destination, keys, keys.name_key(source.secret_key)) as writer,
    ):
        made_at = datetime.now(UTC)
        connection = snapshot.connection
        listed = list_files(source.storage, snapshot.contents.keeps)
        tables = [copy_table(connection, table, writer.put) for table in list_tables(connection)]
        files = copy_files(source.storage, listed, load_seen(source.seen_file), writer)
        manifest = Manifest(
            id=f"{made_at:%Y%m%dT%H%M%S}.{made_at.microsecond // 1000:03}Z",
            made_at=made_at.isoformat(),
            product_version=source.product_version,
            revision=snapshot.revision,
            postgres_version=connection.info.parameter_status("server_version") or "",
            tables=tuple(table() for table in tables),
            sequences=list_sequences(connection),
            files=files.facts,
            private=dict(source.private) if keys.encrypts else {},
        )
        still_held()
        destination.keep(manifest, keys)
        save_seen(source.seen_file, files.seen)
        return Made(
            manifest=manifest,
            encrypted=keys.encrypts,
            objects_written=writer.objects_written,
            bytes_written=writer.bytes_written,
            seconds=time.monotonic() - started,
            missing=tuple(snapshot.contents.missing(file.key for file in files.facts)),
        )


def _refuse_inside(storage: Storage, destination: Destination) -> None:
    if storage.folder is None or destination.folder is None:
        return
    if destination.folder.resolve().is_relative_to(storage.folder.resolve()):
        raise BackupRefused(
            f"{destination.folder} lies inside the hub's files, which are what is copied: name another folder."
        )
