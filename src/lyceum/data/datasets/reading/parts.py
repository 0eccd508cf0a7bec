"""Typed frames written as a row of Parquet files of bounded size."""

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl

ROW_GROUP_ROWS = 262_144


class PartWriter:
    """Writes frames into `part-00000.parquet` and on, in order, each from about `part_bytes` of memory.

    Files of this size let readers share a table out among threads, and bound what is held here.
    """

    def __init__(self, folder: Path, *, part_bytes: int, before_each: Callable[[], None] = lambda: None) -> None:
        self._folder = folder
        self._part_bytes = part_bytes
        self._before_each = before_each
        self._frames: list[pl.DataFrame] = []
        self._held_bytes = 0
        self._parts: list[Path] = []
        self.rows = 0
        folder.mkdir()

    def write(self, frame: pl.DataFrame) -> None:
        """Take the next rows; write out when enough are held. Raises what `before_each` raises."""
        self._before_each()
        self._frames.append(frame)
        self._held_bytes += int(frame.estimated_size())
        self.rows += frame.height
        if self._held_bytes >= self._part_bytes:
            self._write_out()

    def discard(self) -> None:
        """Forget every row taken so far. Raises what `before_each` raises."""
        self._before_each()
        if not self.rows:
            return
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        self._frames, self._held_bytes, self._parts, self.rows = [], 0, [], 0

    def finish(self) -> tuple[Path, ...]:
        """Write what is still held and return the files in row order."""
        if self._frames:
            self._write_out()
        return tuple(self._parts)

    def _write_out(self) -> None:
        part = self._folder / f"part-{len(self._parts):05}.parquet"
        table = pl.concat(self._frames)
        table.write_parquet(part, compression="zstd", compression_level=3, row_group_size=ROW_GROUP_ROWS)
        self._parts.append(part)
        self._frames, self._held_bytes = [], 0
