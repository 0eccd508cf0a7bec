"""What reports of runs show of rows, with what columns marked as personal hold masked or taken out."""

from typing import Any

from lyceum.data.datasets.rows.public import Marks, mask_of, masked_cells


def masked_report(report: dict[str, Any], marks: Marks) -> dict[str, Any]:
    """Return a report whose sample rows show of marked columns that there is something; classes stay, which it forecasts."""
    target = str(report.get("target", ""))
    if not marks or not report.get("sample_rows"):
        return report
    covered = mask_of(marks[target]) if target in marks else None
    rows = [
        {**one, "row": masked_cells(one["row"], marks), "truth": one["truth"] if covered is None else covered}
        for one in report["sample_rows"]
    ]
    return {**report, "sample_rows": rows}


def report_without(report: dict[str, Any], *, column: str, value: str) -> dict[str, Any]:
    """Return a report without the sample rows of a person, and without those that do not tell whose they are."""
    rows = report.get("sample_rows") or []

    def is_other(one: dict[str, Any]) -> bool:
        found = one["truth"] if report.get("target") == column else one["row"].get(column)
        return found is not None and _text(found) != value

    return {**report, "sample_rows": [one for one in rows if is_other(one)]}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
