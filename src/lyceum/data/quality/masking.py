"""Results of checks without what columns marked as personal hold.

Both when a result is made and whenever it is read: a column may have been marked after the run.
"""

from typing import Any

from lyceum.data.datasets.rows.public import MASKED, Marks, mask_of, masked_cells

COVERED = "What was found is covered, since the column is."
ERASED = "What rows showed is gone, since somebody was erased from this version."
_NO_COLUMNS = frozenset({"id", "kind", "severity", "owner", "tags"})
COVERED_REASON = "Suggested of a column that is masked."
ASK_NO_VALUE = frozenset({"not_null", "completeness"})
"""Kinds that ask of a column what is missing, which masked rows tell as well."""
SUGGESTED = "suggested"
"""The origin of checks that say what a profile has shown, not what a person wrote."""
_LEARNED = ("values", "min", "max", "pattern", "when", "then", "expression")
"""What a suggested check says that the values of its columns have taught."""


def masked_result(result: dict[str, Any], marks: Marks, *, origin: str = "") -> dict[str, Any]:
    """Return a result as the engine writes it, with no value of a marked column in it; `origin` is that of its check."""
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
    if (masked := masked_check(check, marks, origin=origin)) != check:
        shown |= {"check": masked, "sentence": COVERED}
    elif check.get("values"):
        shown |= {"check": {**check, "values": [MASKED]}, "sentence": COVERED}
    if check.get("partition_by") in marks and result.get("partitions"):
        mask = mask_of(marks[check["partition_by"]])
        shown["partitions"] = [{**part, "value": mask} for part in result["partitions"]]
        shown["sentence"] = COVERED
    if result["observed"]:
        shown |= {"observed": None, "sentence": COVERED, "metrics": None}
    return shown


def masked_check(check: dict[str, Any], marks: Marks, *, origin: str) -> dict[str, Any]:
    """Return a check without what marked columns have taught where it was suggested; what a person wrote stays."""
    if not is_learned(check, marks, origin=origin):
        return check
    learned = {field: MASKED for field in _LEARNED if check.get(field) is not None}
    return {**check, **learned, **({"values": [MASKED]} if check.get("values") else {})}


def is_learned(check: dict[str, Any], marks: Marks, *, origin: str) -> bool:
    """Say whether a check, or why it is there, may tell what a marked column holds: it was suggested of one."""
    return origin == SUGGESTED and reads_any(check, marks)


def without_rows(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result as the engine writes it with nothing that rows showed: counts and verdict stay."""
    cut = {**result, "sample": [], "observed": None, "partitions": [], "sentence": ERASED}
    return {**cut, "metrics": None} if result.get("observed") else cut


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
