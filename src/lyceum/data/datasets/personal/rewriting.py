"""Erasing a person's rows from every file of a Delta table, with the numbers of all versions as they are.

In the order things happen:

1. Each data file that has such rows, of whatever version, is written anew without them, beside the old one: a name
   made of the old one and the erasure.
2. Checkpoints go: they are made of the log, and repeat its statistics.
3. The log's entries are written anew, each whole and at once. First what removes an old file removes its successor as
   well; then what adds an old file adds its successor, with no statistics but the number of its rows; then what
   removes an old file does no more. At each moment every version has one of the two.
4. The old files are deleted, and the log summed up again.

Killed anywhere, it does the rest when it is run again. Nobody may commit to the table meanwhile.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import obstore
import polars as pl
from deltalake import DeltaTable

from lyceum.data.datasets.table_store import TableStore
from lyceum.data.datasets.tables import PUT_PART_BYTES

_SUCCESSOR = re.compile(r"(.*?)(?:-[0-9a-f]{16})?\.parquet")
_ENTRY = re.compile(r".*/_delta_log/\d{20}\.json")


@dataclass(frozen=True, slots=True)
class _Written:
    name: str
    size: int
    rows: int


def erase_rows(
    store: TableStore,
    table: str,
    erasure_id: UUID,
    *,
    column: str,
    value: str,
    folder: Path,
    stop_if_asked: Callable[[], None] = lambda: None,
) -> None:
    """Remove the rows whose `column` is `value`, as text, from every version; running it again changes nothing more."""
    names = [meta["path"].rpartition("/")[2] for meta in store.listed(table) if _is_data(table, meta["path"])]
    written: dict[str, _Written] = {}
    for name in sorted(names):
        stop_if_asked()
        new = _without_rows(store, table, name, column=column, value=value, erasure_id=erasure_id, folder=folder)
        if new is not None:
            written[name] = new
    # a run before this one may have deleted some old files and been killed: what it wrote, the log names already
    if not written:
        return
    entries = sorted(meta["path"] for meta in store.listed(f"{table}/_delta_log") if _ENTRY.fullmatch(meta["path"]))
    if not entries or not entries[0].endswith(f"{0:020}.json"):
        raise RuntimeError(f"the log of {table} does not go back to its beginning, so that it cannot be written anew")
    for meta in list(store.listed(f"{table}/_delta_log")):
        if not _ENTRY.fullmatch(meta["path"]):
            store.delete(meta["path"])
    for change in (_removing_both, _adding_new, _removing_new):
        for path in entries:
            _rewrite(store, path, written, change)
    for name in written:
        store.delete(f"{table}/{name}")
    DeltaTable(store.uri(table), storage_options=dict(store.options)).create_checkpoint()


def is_written_by(name: str, erasure_id: UUID) -> bool:
    """Say whether a file of the table took the place of one that had the person, by its name."""
    found = _SUCCESSOR.fullmatch(name)
    return found is not None and name == _successor(name, erasure_id)


def _is_data(table: str, path: str) -> bool:
    return path.endswith(".parquet") and not path.startswith(f"{table}/_delta_log/")


def _successor(name: str, erasure_id: UUID) -> str:
    found = _SUCCESSOR.fullmatch(name)
    stem = found[1] if found else name
    return f"{stem}-{hashlib.sha256(f'{stem} {erasure_id}'.encode()).hexdigest()[:16]}.parquet"


def _without_rows(
    store: TableStore, table: str, name: str, *, column: str, value: str, erasure_id: UUID, folder: Path
) -> _Written | None:
    rows = store.scan([f"{table}/{name}"])
    schema = rows.collect_schema()
    if column not in schema or schema[column].is_nested() or schema[column] == pl.Binary:
        return None
    is_them = (pl.col(column).cast(pl.String, strict=False) == value).fill_null(value=False)
    if not rows.select(is_them.any()).collect(engine="streaming").item():
        return None
    path, new = folder / "kept.parquet", _successor(name, erasure_id)
    rows.filter(~is_them).sink_parquet(path, compression="zstd", compression_level=3)
    kept = int(pl.scan_parquet(path).select(pl.len()).collect().item())
    obstore.put(store.objects, f"{table}/{new}", path, chunk_size=PUT_PART_BYTES)
    return _Written(new, path.stat().st_size, kept)


_Change = Callable[[dict[str, Any], Mapping[str, _Written]], list[dict[str, Any]]]


def _rewrite(store: TableStore, path: str, written: Mapping[str, _Written], change: _Change) -> None:
    before = bytes(obstore.get(store.objects, path).bytes())
    actions = [json.loads(line) for line in before.splitlines() if line.strip()]
    # an attempt that was killed may have made some of the changes
    after = list({json.dumps(changed): changed for action in actions for changed in change(action, written)}.values())
    if after != actions:
        obstore.put(store.objects, path, "\n".join(json.dumps(action) for action in after).encode())


def _removing_both(action: dict[str, Any], written: Mapping[str, _Written]) -> list[dict[str, Any]]:
    new = written.get(action.get("remove", {}).get("path", ""))
    return [action] if new is None else [action, {"remove": _of_new(action["remove"], new)}]


def _adding_new(action: dict[str, Any], written: Mapping[str, _Written]) -> list[dict[str, Any]]:
    path = action.get("add", {}).get("path", "")
    # one that a killed attempt put there is written anew, and may be of another size
    new = written.get(path) or next((one for one in written.values() if one.name == path), None)
    if new is None:
        return [action]
    return [{"add": _of_new(action["add"], new) | {"stats": json.dumps({"numRecords": new.rows})}}]


def _removing_new(action: dict[str, Any], written: Mapping[str, _Written]) -> list[dict[str, Any]]:
    return [] if action.get("remove", {}).get("path") in written else [action]


def _of_new(described: dict[str, Any], new: _Written) -> dict[str, Any]:
    """Return what the log says of a file as it is of its successor, without the statistics."""
    size = {"size": new.size} if "size" in described else {}
    return {name: value for name, value in described.items() if name != "stats"} | {"path": new.name} | size
