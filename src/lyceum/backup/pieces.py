"""Content in pieces: each is an object named by what it holds, written once, packed, and encrypted when keys are there."""

import hashlib
import hmac
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

from lyceum.backup.destination import Destination
from lyceum.backup.errors import BackupDamaged
from lyceum.backup.keys import BackupKeys
from lyceum.backup.manifest import Piece

PIECE_BYTES = 8 * 1024**2
AT_ONCE = 4
"""Pieces that are packed or sent at the same time; with what waits beside them, what a backup needs of memory."""
PACKED, ENCRYPTED = ".zst", ".age"
PACKING_LEVEL = 3
SAMPLE_BYTES = 128 * 1024
WORTH_PACKING = 0.95


@dataclass(slots=True)
class PieceWriter:
    """Writes pieces that the destination does not hold yet, several at once; counts what it wrote."""

    destination: Destination
    keys: BackupKeys
    name_key: bytes
    held: dict[str, int] = field(init=False)
    objects_written: int = 0
    bytes_written: int = 0
    _pool: ThreadPoolExecutor = field(init=False)
    _turns: threading.Semaphore = field(init=False)
    _counting: threading.Lock = field(init=False)
    _failure: BaseException | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.held = self.destination.object_sizes()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="piece")
        self._turns = threading.Semaphore(AT_ONCE * 2)
        self._counting = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def put(self, content: bytes) -> "Future[Piece]":
        """Have a piece written; waits while too many are under way. Raises what writing one before has raised."""
        self._turns.acquire()
        if self._failure is not None:
            raise self._failure
        written = self._pool.submit(self._write, content)
        written.add_done_callback(self._done)
        return written

    def holds(self, pieces: Iterable[Piece]) -> bool:
        """Say whether the destination has each of these as a backup with our keys would write it."""
        return all(
            self.held.get(piece.stored_as) == piece.stored_size and self._name(piece.sha256) == _stem(piece.stored_as)
            for piece in pieces
        )

    def _done(self, written: "Future[Piece]") -> None:
        if not written.cancelled() and (failure := written.exception()) is not None:
            self._failure = failure
        self._turns.release()

    def _write(self, content: bytes) -> Piece:
        sha256 = hashlib.sha256(content).hexdigest()
        name = self._name(sha256)
        for ending in self._endings():
            if (size := self.held.get(f"{name}{ending}")) is not None:
                return Piece(sha256, len(content), f"{name}{ending}", size)
        stored, packed = _packed(content)
        ending = PACKED if packed else ""
        if self.keys.encrypts:
            stored, ending = self.keys.encrypted(stored), f"{ending}{ENCRYPTED}"
        stored_as = f"{name}{ending}"
        self.destination.put_object(stored_as, stored)
        with self._counting:
            self.held[stored_as] = len(stored)
            self.objects_written += 1
            self.bytes_written += len(stored)
        return Piece(sha256, len(content), stored_as, len(stored))

    def _name(self, sha256: str) -> str:
        if not self.keys.encrypts:
            return sha256
        return hmac.digest(self.name_key, bytes.fromhex(sha256), "sha256").hex()

    def _endings(self) -> tuple[str, str]:
        return (f"{PACKED}{ENCRYPTED}", ENCRYPTED) if self.keys.encrypts else (PACKED, "")


@dataclass(frozen=True, slots=True)
class PieceReader:
    """Reads pieces, and checks each."""

    destination: Destination
    keys: BackupKeys

    def read(self, piece: Piece) -> bytes:
        """Return what a piece holds; raises `BackupDamaged` with the object's name when that is not what was put there."""
        stored = self.destination.object_or_none(piece.stored_as)
        if stored is None:
            raise BackupDamaged(f"The object {piece.stored_as} is missing from {self.destination.name}.")
        if len(stored) != piece.stored_size:
            raise BackupDamaged(
                f"The object {piece.stored_as} in {self.destination.name} is damaged: "
                f"it has {len(stored):,} bytes and had {piece.stored_size:,}."
            )
        content = self._opened(piece, stored)
        if content is None or len(content) != piece.size or hashlib.sha256(content).hexdigest() != piece.sha256:
            raise BackupDamaged(
                f"The object {piece.stored_as} in {self.destination.name} is damaged: "
                f"it does not hold what was put there."
            )
        return content

    def stream(self, pieces: Iterable[Piece]) -> Iterator[bytes]:
        """Yield the content of pieces in order; raises what `read` raises."""
        return (self.read(piece) for piece in pieces)

    def _opened(self, piece: Piece, stored: bytes) -> bytes | None:
        opened: bytes | None = stored
        if piece.stored_as.endswith(ENCRYPTED):
            opened = self.keys.decrypted(stored)
        if opened is None or PACKED not in piece.stored_as:
            return opened
        try:
            unpacked: bytes = _codec().decompress(opened, decompressed_size=piece.size, asbytes=True)
        except OSError:
            return None
        return unpacked


def in_pieces(chunks: Iterable[Any]) -> Iterator[bytes]:
    """Cut a stream of bytes into pieces of one size, the last one shorter; nothing comes of an empty stream."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= PIECE_BYTES:
            yield bytes(waiting[:PIECE_BYTES])
            del waiting[:PIECE_BYTES]
    if waiting:
        yield bytes(waiting)


def _packed(content: bytes) -> tuple[bytes, bool]:
    """Return the content packed where that saves something, which a sample tells of what is packed already."""
    sample = content[:SAMPLE_BYTES]
    if len(_codec().compress(sample, asbytes=True)) > len(sample) * WORTH_PACKING:
        return content, False
    return _codec().compress(content, asbytes=True), True


def _codec() -> Any:
    import pyarrow as pa

    return pa.Codec("zstd", compression_level=PACKING_LEVEL)


def _stem(stored_as: str) -> str:
    return stored_as.partition(".")[0]
