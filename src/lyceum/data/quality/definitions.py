"""What people write as a check, made ready to be kept beside a dataset's others."""

from collections.abc import Iterable
from typing import Any

import msgspec
import orjson

CHECKS_PER_DATASET_MAX = 1_000
SET_VALUES_MAX = 20
"""Of a set, in its result; the check itself has them all."""
TEXT_CHARS_MAX = 200


def usable(definition: dict[str, Any], table_schema: dict[str, Any] | None) -> dict[str, Any]:
    """Return a definition with all it leaves open; imports Polars, so call it in a thread.

    Its columns are looked up in `table_schema`, where there is one. Raises `InvalidCheck`.
    """
    from lyceum.data.quality.engine.public import InvalidCheck, TableSchema, checks_from_plain

    schema = msgspec.convert(table_schema, TableSchema) if table_schema is not None else None
    [check] = checks_from_plain([definition], schema=schema)
    try:
        # as it comes back from where it is kept, so that two of them can be compared
        found: dict[str, Any] = orjson.loads(orjson.dumps(msgspec.to_builtins(check)))
    except TypeError:
        raise InvalidCheck(f"The check {check.id} holds a number beyond 64 bits; use one within.") from None
    return found


def says(definition: dict[str, Any]) -> dict[str, Any]:
    """Return what a check asks, whatever it is called and whoever answers for it; what is left open is left out."""
    return {
        field: value
        for field, value in definition.items()
        if field not in {"id", "owner", "tags"} and value not in (None, "", [])
    }


def free_id(own: str, *, taken: Iterable[str]) -> str:
    """Return an id for a check among others: its own, with a number where that is taken."""
    used, number, free = set(taken), 1, own
    while free in used:
        number += 1
        free = f"{own}-{number}"
    return free


def shortened(definition: dict[str, Any]) -> dict[str, Any]:
    """Return a check's definition as its results show it: of a set the first values, and how many are left out."""
    values = definition.get("values")
    if values is None:
        return definition
    short = {**definition, "values": [_cut(value) for value in values[:SET_VALUES_MAX]]}
    omitted = len(values) - SET_VALUES_MAX
    return {**short, "values_omitted": omitted} if omitted > 0 else short


def _cut(value: Any) -> Any:
    long = isinstance(value, str) and len(value) > TEXT_CHARS_MAX
    return f"{value[: TEXT_CHARS_MAX - 1]}…" if long else value
