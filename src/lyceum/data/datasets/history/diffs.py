"""What two versions say of themselves, compared: their columns, and the figures of their profiles."""

from typing import Any

FIGURES = ("missing", "missing_fraction", "distinct", "min", "max", "mean", "std")


def columns_compared(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that were added, removed, or have another type now."""
    types = [{column["name"]: column["type"] for column in schema["columns"]} for schema in (before, after)]
    return {
        "added": [name for name in types[1] if name not in types[0]],
        "removed": [name for name in types[0] if name not in types[1]],
        "changed": [
            {"name": name, "before": kind, "after": types[1][name]}
            for name, kind in types[0].items()
            if types[1].get(name, kind) != kind
        ],
    }


def profiles_compared(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the figures that differ of columns that both have."""
    of_after = {column["name"]: column for column in after["columns"]}
    return [
        {"column": column["name"], "figure": figure, "before": column.get(figure), "after": other.get(figure)}
        for column in before["columns"]
        if (other := of_after.get(column["name"])) is not None
        for figure in FIGURES
        if column.get(figure) != other.get(figure)
    ]


def diff_without_rows(result: dict[str, Any]) -> dict[str, Any]:
    """Return what differs between two versions with nothing that rows showed: counts and columns stay."""
    return {**result, "rows": {**result["rows"], "samples": {}}, "profile": []}
