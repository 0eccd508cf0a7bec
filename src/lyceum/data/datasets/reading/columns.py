"""The seven types a column may have, and the names it may carry."""

import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from lyceum.data.datasets.reading.errors import UnreadableTable

NAME_CHARS_MAX = 255


class ColumnType(StrEnum):
    """What a column holds. A time of day without a zone is `timestamp`; with one it is kept as `timestamp_utc`."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    STRING = "string"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMP_UTC = "timestamp_utc"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a staged table."""

    name: str
    type: ColumnType


POLARS_TYPES: dict[ColumnType, pl.DataType] = {
    ColumnType.BOOLEAN: pl.Boolean(),
    ColumnType.INTEGER: pl.Int64(),
    ColumnType.FLOAT: pl.Float64(),
    ColumnType.STRING: pl.String(),
    ColumnType.DATE: pl.Date(),
    ColumnType.TIMESTAMP: pl.Datetime("us"),
    ColumnType.TIMESTAMP_UTC: pl.Datetime("us", "UTC"),
}
_SIMPLE_TYPES: dict[type[pl.DataType], ColumnType] = {
    pl.Boolean: ColumnType.BOOLEAN,
    **dict.fromkeys((pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32), ColumnType.INTEGER),
    **dict.fromkeys((pl.Float16, pl.Float32, pl.Float64), ColumnType.FLOAT),
    pl.String: ColumnType.STRING,
    pl.Null: ColumnType.STRING,
    pl.Date: ColumnType.DATE,
}


def column_type_of(dtype: pl.DataType) -> ColumnType | None:
    """Return the column type a Polars type maps to without loss of meaning, or None when there is none.

    Unsigned 64-bit integers and decimals are not exact in any of the types and return None.
    """
    if isinstance(dtype, pl.Datetime):
        return ColumnType.TIMESTAMP if dtype.time_zone is None else ColumnType.TIMESTAMP_UTC
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return ColumnType.STRING
    return _SIMPLE_TYPES.get(dtype.base_type())


def require_usable_names(names: Sequence[str], *, file_name: str, columns_max: int) -> None:
    """Raise UnreadableTable when there are too many columns, or a name is empty, too long or used twice.

    Names that differ only in case count as the same: Delta Lake, and so Spark and DuckDB, cannot tell them apart. So do
    those that differ only in how their accents are encoded: no person can.
    """
    if len(names) > columns_max:
        raise UnreadableTable(
            "too_many_columns",
            f"{file_name} has {len(names):,} columns and at most {columns_max:,} are read; drop those not needed.",
        )
    nameless = [str(place) for place, name in enumerate(names, start=1) if not name.strip()]
    if nameless:
        hint = " (pandas writes its index so: use to_csv(index=False))" if nameless == ["1"] else ""
        raise UnreadableTable(
            "column_names",
            f"{file_name} has no name for {_columns(nameless)}{hint}; give every column a name in the first line.",
        )
    for place, name in enumerate(names, start=1):
        if len(name) > NAME_CHARS_MAX or not name.isprintable():
            raise UnreadableTable(
                "column_names",
                f"{file_name} names column {place} with {len(name):,} characters, line breaks or control characters "
                f"({shown(name)}); use a printable name of at most {NAME_CHARS_MAX} characters.",
            )
    _require_distinct(names, file_name=file_name)


def _require_distinct(names: Sequence[str], *, file_name: str) -> None:
    folded_names = [unicodedata.normalize("NFC", name).casefold() for name in names]
    counts = Counter(folded_names)
    twice = [folded for folded, count in counts.items() if count > 1]
    if not twice:
        return
    same = [(str(place), name) for place, name in enumerate(names, start=1) if folded_names[place - 1] == twice[0]]
    others = f" ({len(twice) - 1:,} more names are also used twice)" if len(twice) > 1 else ""
    in_form = len({name for _, name in same}) > len({unicodedata.normalize("NFC", name) for _, name in same})
    apart = "how accents are encoded" if in_form else "upper and lower case"
    in_case = f" apart from {apart}" if len({name for _, name in same}) > 1 else ""
    raise UnreadableTable(
        "column_names",
        f"{file_name} gives {_columns([place for place, _ in same])} the same name{in_case}, "
        f"{shown(same[0][1])}{others}; rename all but one.",
    )


def _columns(places: list[str]) -> str:
    if len(places) == 1:
        return f"column {places[0]}"
    listed = places[:10]
    more = f" and {len(places) - 10:,} more" if len(places) > 10 else ""
    return f"columns {', '.join(listed[:-1])} and {listed[-1]}" if not more else f"columns {', '.join(listed)}{more}"


def shown(text: str, *, chars_max: int = 40) -> str:
    """Return `text` quoted for a sentence, shortened, with control characters escaped."""
    short = text if len(text) <= chars_max else text[: chars_max - 1] + "…"
    return "'" + "".join(char if char.isprintable() else repr(char)[1:-1] for char in short) + "'"


def free_name(names: Collection[str], wanted: str) -> str:
    """Return the wanted name of a column, with `_` behind it where the table has that."""
    while wanted in names:
        wanted += "_"
    return wanted
