"""Queries of people over one table, in a process that can reach nothing else.

The table is written to one Parquet file in a folder of its own. A child process opens DuckDB in memory, makes the table
`data` from that file, then shuts out files, network, extensions and other databases (`enable_external_access`), and
locks the settings, so that no statement opens them again. The query must be a single SELECT and is wrapped in another,
so that it cannot write either. Time is bounded by killing the child, memory by DuckDB's own limit and, for what DuckDB does
not count, by the address space and the size of files that the operating system gives the child.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from lyceum.data.quality.engine.frames import as_plain
from lyceum.data.quality.engine.surroundings import SqlLimits

SAMPLE_ROWS = 10
CELL_CHARS_MAX = 200
COLUMNS_MAX = 40
SAID_CHARS_MAX = 500


class QueryRefused(ValueError):
    """The query cannot be run; the text says why, to follow a colon."""


@dataclass(frozen=True, slots=True)
class RowsFound:
    """How many rows a query found, and the first of them as JSON has them."""

    count: int
    sample: tuple[dict[str, Any], ...]


def rows_found(table: pl.LazyFrame, query: str, *, limits: SqlLimits) -> RowsFound:
    """Return the rows that the query finds in `data`; raises QueryRefused for one that is wrong, too slow or too large."""
    plain, types = as_plain(table)
    readable = [name for name, kind in types.items() if kind is not None]
    with tempfile.TemporaryDirectory(prefix="lyceum-sql-") as name:
        folder = Path(name)
        plain.select(readable).sink_parquet(folder / "data.parquet", compression="lz4")
        asked = {
            "folder": name,
            "query": query,
            "memory_mb": limits.memory_mb_max,
            "threads": limits.threads_max,
            "seconds": limits.seconds_max,
            "sample_rows": SAMPLE_ROWS,
            "cell_chars": CELL_CHARS_MAX,
            "columns": COLUMNS_MAX,
        }
        answer = _answer(asked, seconds=limits.seconds_max)
    if "refused" in answer:
        raise QueryRefused(str(answer["refused"])[:SAID_CHARS_MAX])
    return RowsFound(int(answer["count"]), tuple(answer["sample"]))


def _answer(asked: dict[str, Any], *, seconds: float) -> dict[str, Any]:
    # -I: no site of the user, no environment; the child is a file that imports DuckDB and nothing of the product
    command = [sys.executable, "-I", str(Path(__file__).with_name("sql_child.py"))]
    try:
        run = subprocess.run(
            command,
            input=json.dumps(asked).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "HOME": asked["folder"]},
            cwd=asked["folder"],
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise QueryRefused(f"it took longer than {seconds:g} seconds") from None
    try:
        answer: dict[str, Any] = json.loads(run.stdout)
    except ValueError:
        raise QueryRefused(
            f"it needs more than {asked['memory_mb']:,} MB of memory, or other means it may not use"
        ) from None
    return answer
