"""The files of a hub: listed, cut into pieces, put back; those that did not change since the last backup are not read."""

import hashlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import obstore
from obstore.store import ObjectStore

from lyceum.backup.errors import BackupDamaged, BackupFailed
from lyceum.backup.manifest import FileFacts, Piece
from lyceum.backup.pieces import AT_ONCE, PIECE_BYTES, PieceReader, PieceWriter, in_pieces
from lyceum.kernel.storage import Storage, is_unfinished

GIVEN_UP_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file as the storage lists it; `mark` changes when its content does, empty where the storage does not say."""

    key: str
    size: int
    mark: str


class SeenFile(msgspec.Struct, frozen=True, array_like=True):
    """What was read of a file at an earlier backup."""

    size: int
    mark: str
    sha256: str
    pieces: tuple[Piece, ...]


class SeenFiles(msgspec.Struct, frozen=True):
    """The files that earlier backups read, by key, of one storage; losing it costs time alone."""

    storage_url: str
    files: dict[str, SeenFile]


@dataclass(frozen=True, slots=True)
class CopiedFiles:
    """What was copied, and what has to be known to skip it the next time."""

    facts: tuple[FileFacts, ...]
    seen: SeenFiles


def list_files(storage: Storage, keeps: Callable[[str], bool]) -> list[ListedFile]:
    """Return the finished files of a storage that `keeps` wants, by key."""
    found = (
        ListedFile(meta["path"], meta["size"], f"{meta.get('e_tag') or ''} {meta['last_modified'].isoformat()}".strip())
        for batch in obstore.list(storage.store)
        for meta in batch
        if not is_unfinished(meta["path"]) and keeps(meta["path"])
    )
    return sorted(found, key=lambda file: file.key)


def copy_files(storage: Storage, listed: Iterable[ListedFile], seen: SeenFiles, writer: PieceWriter) -> CopiedFiles:
    """Have every listed file put away; one that is gone by now is left out. Raises `BackupFailed` for one that changes."""
    usable = seen.files if seen.storage_url == storage.url else {}
    under_way: list[tuple[ListedFile, str, list[Future[Piece]]]] = []
    done: dict[str, SeenFile] = {}
    for file in listed:
        before = usable.get(file.key)
        if before and (before.size, before.mark) == (file.size, file.mark) and writer.holds(before.pieces):
            done[file.key] = before
            continue
        digest = hashlib.sha256()
        pieces = []
        read = 0
        try:
            for piece in in_pieces(content_of(storage.store, file.key)):
                digest.update(piece)
                read += len(piece)
                pieces.append(writer.put(piece))
        except FileNotFoundError:
            # no row of the snapshot needs it: who would remove such a file asks first
            continue
        if read != file.size:
            raise BackupFailed(
                f"The file {file.key} changed while it was copied: it had {file.size:,} bytes, then {read:,}."
            )
        under_way.append((file, digest.hexdigest(), pieces))
    for file, sha256, pieces in under_way:
        done[file.key] = SeenFile(file.size, file.mark, sha256, tuple(piece.result() for piece in pieces))
    facts = tuple(FileFacts(key, one.size, one.sha256, one.pieces) for key, one in sorted(done.items()))
    return CopiedFiles(facts, SeenFiles(storage.url, done))


def put_back_files(store: ObjectStore, files: Iterable[FileFacts], reader: PieceReader) -> None:
    """Write files as they were; raises `BackupDamaged` for one that does not come out so, which is then not there."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="file") as pool:
        writing = [pool.submit(_put_back, store, file, reader) for file in files]
        try:
            for written in writing:
                written.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def checked(file: FileFacts, reader: PieceReader) -> Iterator[bytes]:
    """Yield a file's content; raises `BackupDamaged` before the end when it is not what was copied."""
    digest = hashlib.sha256()
    size = 0
    for piece in reader.stream(file.pieces):
        digest.update(piece)
        size += len(piece)
        yield piece
    if size != file.size or digest.hexdigest() != file.sha256:
        raise BackupDamaged(f"The file {file.key} does not come out as it was: its pieces belong to something else.")


def content_of(store: ObjectStore, key: str) -> Iterator[Any]:
    """Yield a file's content in parts, as something bytes can be made of; raises `FileNotFoundError`."""
    yield from obstore.get(store, key).stream(min_chunk_size=PIECE_BYTES)


def put_stream(store: ObjectStore, key: str, chunks: Iterator[Any]) -> None:
    """Write what `chunks` yields as one file, in place of what lies there; raises what `chunks` raises."""
    obstore.put(store, key, _read_apart(chunks), chunk_size=PIECE_BYTES, max_concurrency=2)


def _read_apart(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks as they come, read by a thread beside: an object store that is written to pulls them from a thread
    in which nothing of an object store may be waited for. What reading raises is raised.
    """
    waiting: queue.Queue[bytes | BaseException | None] = queue.Queue(maxsize=1)
    given_up = threading.Event()

    def put(item: bytes | BaseException | None) -> bool:
        while not given_up.is_set():
            with suppress(queue.Full):
                waiting.put(item, timeout=GIVEN_UP_LOOK_SECONDS)
                return True
        return False

    def read() -> None:
        try:
            if all(put(chunk) for chunk in chunks):
                put(None)
        except BaseException as error:  # noqa: BLE001 told to who reads
            put(error)

    reading = threading.Thread(target=read, name="read-apart")
    reading.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        given_up.set()
        reading.join()


def load_seen(file: Path) -> SeenFiles:
    """Return what earlier backups read; nothing when that cannot be told."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=SeenFiles)
    except (OSError, msgspec.MsgspecError):
        return SeenFiles("", {})


def save_seen(file: Path, seen: SeenFiles) -> None:
    """Keep what was read for the next backup."""
    write_private(file, msgspec.json.encode(seen))


def write_private(file: Path, content: bytes) -> None:
    """Write a file whole, for its owner alone."""
    partial = file.with_name(f"{file.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_bytes(content)
    partial.rename(file)


def _put_back(store: ObjectStore, file: FileFacts, reader: PieceReader) -> None:
    if len(file.pieces) <= 1:
        # an object store gets it in one request
        obstore.put(store, file.key, b"".join(checked(file, reader)))
        return
    put_stream(store, file.key, checked(file, reader))
