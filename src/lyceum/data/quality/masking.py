"""Results of checks without what columns marked as personal hold.

Both when a result is made and whenever it is read: a column may have been marked after the run.
"""

from typing import Any

from lyceum.data.datasets.rows.public import MASKED, Marks, mask_of, masked_cells

COVERED = "What was found is covered, since the column is."
_NO_COLUMNS = frozenset({"id", "kind", "severity", "owner", "tags"})


def masked_result(result: dict[str, Any], marks: Marks) -> dict[str, Any]:
    """Return a result as the engine writes it, with no value of a marked column in it."""
    if not marks:
        return result
    check = result["check"]
    is_query = check.get("kind") == "sql"
    rows = [{**row, "values": _masked_row(row["values"], marks, is_query=is_query)} for row in result["sample"]]
    shown = {**result, "sample": rows}
    if is_query and result["status"] == "errored":
        # the database's own words may quote a value
        return {**shown, "sentence": "The query could not be run; its error is covered, since columns are."}
    covered = [name for name in marks if _reads(check, name)]
    if not covered:
        return shown
    if check.get("values"):
        shown |= {"check": {**check, "values": [MASKED]}, "sentence": COVERED}
    if check.get("partition_by") in marks and result.get("partitions"):
        mask = mask_of(marks[check["partition_by"]])
        shown["partitions"] = [{**part, "value": mask} for part in result["partitions"]]
        shown["sentence"] = COVERED
    if result["observed"]:
        shown |= {"observed": None, "sentence": COVERED, "metrics": None}
    return shown


def reads_any(check: dict[str, Any], marks: Marks) -> bool:
    """Say whether a check, as it is defined, may read a marked column."""
    return any(_reads(check, name) for name in marks)


def _masked_row(values: dict[str, Any], marks: Marks, *, is_query: bool) -> dict[str, Any]:
    # a query's columns are not told apart by what they were made of
    return dict.fromkeys(values, MASKED) if is_query else masked_cells(values, marks)


def _reads(check: dict[str, Any], name: str) -> bool:
    """Say whether a check may read the column; an expression does where the name stands anywhere in it."""
    return any(_names(value, name) for field, value in check.items() if field not in _NO_COLUMNS)


def _names(value: Any, name: str) -> bool:
    if isinstance(value, str):
        return name in value
    return isinstance(value, list | tuple) and any(name == one for one in value)
