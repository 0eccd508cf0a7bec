"""Files: a local folder or an object store behind one door. Keys are paths with `/`, made by the hub, never by a user."""

import asyncio
import hashlib
import re
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import HTTPStore, LocalStore, MemoryStore, ObjectStore

from lyceum.kernel.config import Settings
from lyceum.kernel.disk import Disk, disk_of
from lyceum.kernel.objects import folder_of, open_objects
from lyceum.kernel.problems import NoSpace, NotFound, Problem, TooLarge, is_full

PART_BYTES = 8 * 1024**2
COPY_BYTES = 1024**2
JOINS_AT_ONCE = 2
REMOVED_AT_ONCE = 1000
"""What an object store removes in one request."""
_ARRIVING = ".arriving-"
_UNFINISHED = re.compile(rf"#\d+$|{re.escape(_ARRIVING)}[0-9a-f]+$")
"""Names of files that a process was writing: `#1` is how the object store library calls them."""


class FileMissing(NotFound):
    """The hub knows of a file that is no longer where it was put."""

    code = "file_missing"


class FileDamaged(Problem):
    """What lies in the storage is not what was put there."""

    title = "A stored file is damaged"
    code = "file_damaged"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What was stored: its size and the SHA-256 of its content, in hexadecimal."""

    byte_count: int
    sha256: str


@dataclass(frozen=True, slots=True)
class JoinedFile:
    """A file made of parts, and the SHA-256 of each of these."""

    byte_count: int
    sha256: str
    part_sha256: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Storage:
    """The hub's files. `folder` is set when they lie on this machine."""

    store: ObjectStore
    url: str
    options: dict[str, str] = field(repr=False)
    folder: Path | None
    disk: Disk
    joins: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(JOINS_AT_ONCE), repr=False)
    """Taken by whoever joins parts, since each takes a file's worth of disk and a core."""

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes], *, bytes_max: int) -> StoredFile:
        """Store what `chunks` yields; the file appears whole or not at all.

        Raises `TooLarge` past `bytes_max`, `NoSpace` when the disk is or gets (nearly) full, and what `chunks` raises.
        """
        self.refuse_when_full()
        digest = hashlib.sha256()
        received = 0
        looked_at = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal received, looked_at
            async for chunk in chunks:
                received += len(chunk)
                if received - looked_at >= PART_BYTES:
                    looked_at = received
                    self.refuse_when_full()
                if received > bytes_max:
                    raise TooLarge(f"The file is larger than the {bytes_max:,} bytes this hub takes.")
                digest.update(chunk)
                yield chunk

        with _telling_full():
            await obstore.put_async(self.store, key, counted(), chunk_size=PART_BYTES)
        return StoredFile(byte_count=received, sha256=digest.hexdigest())

    async def put_file(self, key: str, path: Path) -> StoredFile:
        """Store a copy of a local file; raises `NoSpace` when the disk is (nearly) full."""
        byte_count = (await asyncio.to_thread(path.stat)).st_size
        self.refuse_when_full(wanted_bytes=byte_count)
        digest = await self.digest(path)
        with _telling_full():
            await obstore.put_async(self.store, key, path, chunk_size=PART_BYTES)
        return StoredFile(byte_count=byte_count, sha256=digest)

    async def digest(self, path: Path) -> str:
        """Return the SHA-256 of a local file, in hexadecimal."""
        return await asyncio.to_thread(_sha256_of, path)

    async def digest_slowly(self, key: str, *, bytes_a_second: int) -> str:
        """Return the SHA-256 of a stored file, in hexadecimal, read no faster than that; raises `FileMissing`."""
        digest = hashlib.sha256()
        async for chunk in await self.read_stream(key):
            await asyncio.to_thread(digest.update, chunk)
            await asyncio.sleep(len(chunk) / bytes_a_second)
        return digest.hexdigest()

    async def read(self, key: str) -> bytes:
        """Return the content of a small file; raises `FileMissing`."""
        try:
            reply = await obstore.get_async(self.store, key)
            return bytes(await reply.bytes_async())
        except FileNotFoundError:
            raise _missing(key) from None

    async def read_stream(self, key: str) -> AsyncIterator[bytes]:
        """Return the content of a file in parts; raises `FileMissing` before the first of them."""
        try:
            reply = await obstore.get_async(self.store, key)
        except FileNotFoundError:
            raise _missing(key) from None
        return (bytes(part) async for part in reply.stream(min_chunk_size=PART_BYTES))

    async def read_range(self, key: str, start: int, end: int, *, byte_count: int) -> AsyncIterator[bytes]:
        """Return the bytes from `start` up to `end`, in parts, of a file that was stored with `byte_count` bytes.

        Raises `FileMissing`, and `FileDamaged` when it has another size, before the first of them.
        """
        await self.require_size(key, byte_count)
        if start >= end:
            return _nothing()
        try:
            reply = await obstore.get_async(self.store, key, options={"range": (start, end)})
        except FileNotFoundError:
            raise _missing(key) from None
        return (bytes(part) async for part in reply.stream(min_chunk_size=COPY_BYTES))

    async def require_size(self, key: str, byte_count: int) -> None:
        """Raise `FileMissing` or `FileDamaged` unless a file lies there with so many bytes."""
        found = await self.byte_count(key)
        if found is None:
            raise _missing(key)
        if found != byte_count:
            raise FileDamaged(
                f"The file {key} in the hub's storage has {found:,} bytes and was stored with {byte_count:,}; restore "
                "it from a backup."
            )

    @asynccontextmanager
    async def as_local_file(self, key: str, *, folder: Path) -> AsyncIterator[Path]:
        """Yield a path to read the file at: the file itself when it lies here, else a copy in `folder` that goes after.

        Raises `FileMissing`.
        """
        if self.folder is not None:
            path = self.folder / key
            if not path.is_file():
                raise _missing(key)
            yield path
            return
        with tempfile.TemporaryDirectory(prefix="copy-", dir=folder, ignore_cleanup_errors=True) as copies:
            path = Path(copies) / "copy"
            await self._download(key, path)
            yield path

    async def _download(self, key: str, path: Path) -> None:
        try:
            reply = await obstore.get_async(self.store, key)
        except FileNotFoundError:
            raise _missing(key) from None
        with path.open("wb") as file:
            async for part in reply.stream(min_chunk_size=PART_BYTES):
                await asyncio.to_thread(file.write, part)

    async def delete(self, key: str) -> None:
        """Remove a file; one that is not there is fine."""
        try:
            await obstore.delete_async(self.store, key)
        except FileNotFoundError:
            return

    async def delete_below(self, folder: str) -> None:
        """Remove every file below a folder of keys; there may be none."""
        async for batch in obstore.list(self.store, f"{folder}/", chunk_size=REMOVED_AT_ONCE):
            keys = [meta["path"] for meta in batch]
            try:
                await obstore.delete_async(self.store, keys)
            except FileNotFoundError:
                # somebody else removes them too, and whether the others of the batch are gone was not told
                for key in keys:
                    await self.delete(key)

    async def copy(self, key: str, to: str) -> None:
        """Copy a file inside the storage, in place of what may lie there; raises `FileMissing`."""
        try:
            await obstore.copy_async(self.store, key, to)
        except FileNotFoundError:
            raise _missing(key) from None

    async def join(self, keys: Sequence[str], to: str) -> JoinedFile:
        """Put files together as one at `to`, in order, and leave them where they are.

        Raises `FileMissing`, and `NoSpace` when the disk is or gets (nearly) full; nothing stays of either.
        """
        if self.folder is None:
            return await self._join_objects(keys, to)
        stop = Event()
        paths = [self.folder / key for key in keys]
        joining = asyncio.ensure_future(asyncio.to_thread(self._join_files, paths, self.folder / to, stop))
        try:
            return await asyncio.shield(joining)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([joining])
            raise
        except FileNotFoundError as error:
            raise _missing(Path(error.filename).relative_to(self.folder).as_posix()) from None

    def _join_files(self, paths: Sequence[Path], target: Path, stop: Event) -> JoinedFile:
        self.refuse_when_full(wanted_bytes=sum(path.stat().st_size for path in paths))
        target.parent.mkdir(parents=True, exist_ok=True)
        digests = _Digests()
        try:
            with _telling_full(), target.open("xb") as whole:
                for path in paths:
                    digests.next_part()
                    with path.open("rb") as part:
                        while (chunk := part.read(COPY_BYTES)) and not stop.is_set():
                            digests.update(chunk)
                            whole.write(chunk)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        if stop.is_set():
            target.unlink(missing_ok=True)
        return digests.joined()

    async def _join_objects(self, keys: Sequence[str], to: str) -> JoinedFile:
        digests = _Digests()

        async def content() -> AsyncIterator[bytes]:
            for key in keys:
                digests.next_part()
                async for chunk in await self.read_stream(key):
                    await asyncio.to_thread(digests.update, chunk)
                    yield chunk

        await obstore.put_async(self.store, to, content(), chunk_size=PART_BYTES)
        return digests.joined()

    async def sizes_below(self, folder: str, *, after: str = "", up_to: str | None = None) -> dict[str, int]:
        """Return the size of every file right below a folder of keys, by its name; of those between two names alone."""
        sizes: dict[str, int] = {}
        async for batch in obstore.list(self.store, f"{folder}/", offset=f"{folder}/{after}" if after else None):
            found = {meta["path"].rpartition("/")[2]: int(meta["size"]) for meta in batch}
            sizes |= {name: size for name, size in found.items() if up_to is None or name <= up_to}
            # an object store lists names in their order, a local folder as they lie there
            if self.folder is None and up_to is not None and max(found, default="") > up_to:
                break
        return sizes

    async def rename(self, key: str, to: str) -> None:
        """Give a file another key, in place of what may lie there; raises `FileMissing`."""
        try:
            await obstore.rename_async(self.store, key, to)
        except FileNotFoundError:
            raise _missing(key) from None

    async def remove_abandoned(self, prefix: str, *, older_than_seconds: float) -> int:
        """Remove what a killed process was writing below `prefix` of a local folder; return how many files.

        An object store forgets unfinished parts by a rule of its own bucket.
        """
        if self.folder is None:
            return 0
        return await asyncio.to_thread(_remove_abandoned, self.folder / prefix, time.time() - older_than_seconds)

    @property
    def takes_signed(self) -> bool:
        """Whether clients may send files to the storage itself, at signed addresses."""
        return not isinstance(self.store, LocalStore | MemoryStore | HTTPStore)

    async def presigned_put(self, key: str, *, lifetime_seconds: int) -> str | None:
        """Return an address a client may PUT the file to; None when the hub itself must take it (a local folder)."""
        # told to the type checker as well, so not asked as `takes_signed`
        if isinstance(self.store, LocalStore | MemoryStore | HTTPStore):
            return None
        return await obstore.sign_async(self.store, "PUT", key, timedelta(seconds=lifetime_seconds))

    async def presigned_gets(self, keys: Sequence[str], *, lifetime_seconds: int) -> Sequence[str] | None:
        """Return the addresses a client may GET these files at; None when the hub itself must send them (a local folder)."""
        if isinstance(self.store, LocalStore | MemoryStore | HTTPStore):
            return None
        return await obstore.sign_async(self.store, "GET", keys, timedelta(seconds=lifetime_seconds))

    async def byte_count(self, key: str) -> int | None:
        """Return the size of a stored file, None when there is none."""
        try:
            return int((await obstore.head_async(self.store, key))["size"])
        except FileNotFoundError:
            return None

    def refuse_when_full(self, *, wanted_bytes: int = 0) -> None:
        """Raise `NoSpace` when a local disk would hold less free space after `wanted_bytes` than keeps the hub well."""
        self.disk.refuse_when_low(wanted_bytes=wanted_bytes if self.folder is not None else 0)


async def _nothing() -> AsyncIterator[bytes]:
    empty: tuple[bytes, ...] = ()
    for chunk in empty:
        yield chunk


def _missing(key: str) -> FileMissing:
    return FileMissing(f"The file {key} is missing from the hub's storage.")


def arriving_key(key: str) -> str:
    """Return a place of its own for a file on its way to `key`; what stays there is removed as abandoned."""
    return f"{key}{_ARRIVING}{secrets.token_hex(8)}"


def is_unfinished(key: str) -> bool:
    """Say of a key, by its name, whether it is of a file that somebody is still writing or never finished."""
    return _UNFINISHED.search(key) is not None


def open_storage(settings: Settings) -> Storage:
    """Return the storage the settings name; a local folder is made when it is missing."""
    options = {name: value.get_secret_value() for name, value in settings.storage_options.items()}
    url = settings.storage_url or (settings.home / "files").as_uri()
    return Storage(open_objects(url, options), url, options, folder_of(url), disk_of(settings))


class _Digests:
    """The SHA-256 of a file and of each of its parts, as it is put together."""

    def __init__(self) -> None:
        self._byte_count = 0
        self._whole = hashlib.sha256()
        self._parts: list[Any] = []

    def next_part(self) -> None:
        self._parts.append(hashlib.sha256())

    def update(self, chunk: bytes) -> None:
        self._byte_count += len(chunk)
        self._whole.update(chunk)
        self._parts[-1].update(chunk)

    def joined(self) -> JoinedFile:
        return JoinedFile(self._byte_count, self._whole.hexdigest(), tuple(part.hexdigest() for part in self._parts))


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove_abandoned(folder: Path, before: float) -> int:
    removed = 0
    for path in folder.rglob("*"):
        if _UNFINISHED.search(path.name) and path.is_file() and path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


@contextmanager
def _telling_full() -> Iterator[None]:
    try:
        yield
    except (OSError, BaseError) as error:
        if is_full(error):
            raise NoSpace("The disk is full; free some space and send the file again.") from error
        raise
