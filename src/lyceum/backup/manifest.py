"""What one backup consists of: the tables, the files, and the pieces both are cut into, with a hash of every one."""

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from lyceum.backup.errors import BackupDamaged, BackupRefused

FORMAT = 1


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """At most some megabytes of content: its SHA-256 and size, and the object it is kept in."""

    sha256: str
    size: int
    stored_as: str
    stored_size: int


class TableFacts(msgspec.Struct, frozen=True):
    """A table: its rows as PostgreSQL's COPY text, and a digest of them that does not depend on their order."""

    name: str
    columns: tuple[str, ...]
    row_count: int
    digest: str
    pieces: tuple[Piece, ...] = ()


class SequenceFacts(msgspec.Struct, frozen=True):
    """How far a sequence has counted."""

    name: str
    last_value: int
    is_called: bool


class FileFacts(msgspec.Struct, frozen=True):
    """A file of the hub's storage."""

    key: str
    size: int
    sha256: str
    pieces: tuple[Piece, ...]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One backup. `private` holds the hub's secret key and settings, in encrypted backups only."""

    id: str
    made_at: str
    product_version: str
    revision: str
    postgres_version: str
    tables: tuple[TableFacts, ...]
    sequences: tuple[SequenceFacts, ...]
    files: tuple[FileFacts, ...]
    private: dict[str, str] = {}

    @property
    def row_count(self) -> int:
        return sum(table.row_count for table in self.tables)

    @property
    def file_bytes(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def table_bytes(self) -> int:
        return sum(piece.size for table in self.tables for piece in table.pieces)

    def object_names(self) -> set[str]:
        """Return the objects the backup needs."""
        return {piece.stored_as for piece in self.pieces()}

    def pieces(self) -> Iterator[Piece]:
        """Yield every piece, those of the tables first."""
        yield from (piece for table in self.tables for piece in table.pieces)
        yield from (piece for file in self.files for piece in file.pieces)


class _Sealed(msgspec.Struct, frozen=True):
    """Content with a hash of itself; what `content` is depends on the format."""

    format: int
    sha256: str
    content: msgspec.Raw


def sealed(content: Any) -> bytes:
    """Return content as JSON with a hash of itself."""
    raw = msgspec.json.encode(content)
    return msgspec.json.encode(_Sealed(FORMAT, hashlib.sha256(raw).hexdigest(), msgspec.Raw(raw)))


def unsealed_manifest(text: bytes, *, name: str) -> Manifest:
    """Return the manifest in the object `name`; raises `BackupDamaged`, `BackupRefused` for one of a later release."""
    try:
        return msgspec.json.decode(_unsealed(text, name=name), type=Manifest)
    except msgspec.MsgspecError:
        raise _damaged(name) from None


def unsealed_names(text: bytes, *, name: str) -> list[str]:
    """Return the names of objects in the object `name`; raises what `unsealed_manifest` raises."""
    try:
        return msgspec.json.decode(_unsealed(text, name=name), type=list[str])
    except msgspec.MsgspecError:
        raise _damaged(name) from None


def _unsealed(text: bytes, *, name: str) -> msgspec.Raw:
    try:
        found = msgspec.json.decode(text, type=_Sealed)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _damaged(name) from None
    if found.format > FORMAT:
        raise BackupRefused(
            f"{name} is of a later form (number {found.format}) than this release of Lyceum reads ({FORMAT}): "
            f"install the release that made the backup."
        )
    if hashlib.sha256(found.content).hexdigest() != found.sha256 or msgspec.json.encode(found) != text:
        raise _damaged(name)
    return found.content


def _damaged(name: str) -> BackupDamaged:
    return BackupDamaged(f"The object {name} is damaged: it is not what it was when the backup was made.")
