"""Tables on their way to a hub: files as they are, data frames of pandas or Polars, rows for predictions.

Neither library is needed: a data frame is known by what it can do.
"""

import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol


class Uploadable(Protocol):
    """A data frame: pandas has `to_parquet`, Polars has `write_parquet`."""

    def __len__(self) -> int: ...


@contextmanager
def table_file(table: "str | os.PathLike[str] | Uploadable", *, name: str) -> Iterator[Path]:
    """Yield a file that holds the table; that of a data frame is Parquet and gone afterwards.

    Raises FileNotFoundError, IsADirectoryError, and TypeError for what is neither a path nor a data frame.
    """
    if isinstance(table, str | os.PathLike):
        yield _existing(Path(table))
        return
    with tempfile.TemporaryDirectory(prefix="lyceum-upload-") as folder:
        path = Path(folder) / f"{name}.parquet"
        _write_parquet(table, path)
        yield path


def rows_of(rows: Any) -> list[Mapping[str, Any]]:
    """Return the rows of a list of mappings, of a single mapping, or of a data frame."""
    if isinstance(rows, Mapping):
        return [rows]
    if hasattr(rows, "to_dicts"):
        return list(rows.to_dicts())
    if hasattr(rows, "to_dict"):
        return list(rows.to_dict(orient="records"))
    if not isinstance(rows, Iterable):
        raise TypeError(f"rows is {type(rows).__name__}; give a list of mappings from column to value, or a data frame")
    return list(rows)


def as_json(body: Mapping[str, Any] | list[Mapping[str, Any]]) -> bytes:
    """Return JSON; NaN becomes null, dates ISO texts, NumPy's scalars Python's."""
    return json.dumps(_plain(body), ensure_ascii=False, allow_nan=False).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    # pandas' missing time and missing value are neither None nor equal to themselves
    if type(value).__name__ in {"NaTType", "NAType"}:
        return None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if hasattr(value, "item"):
        return _plain(value.item())
    raise TypeError(f"{value!r} ({type(value).__name__}) cannot be sent; use numbers, texts, dates, booleans or None")


def _existing(path: Path) -> Path:
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the file with the table.")
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    return path


def _write_parquet(table: Any, path: Path) -> None:
    if hasattr(table, "write_parquet"):
        table.write_parquet(path)
    elif hasattr(table, "to_parquet"):
        table.to_parquet(path, index=False)
    else:
        raise TypeError(f"{type(table).__name__} is neither a path nor a data frame of pandas or Polars")
