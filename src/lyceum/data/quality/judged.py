"""Running the blocking checks on staged rows, in a process that computes and has no database."""

from typing import Any

import msgspec

from lyceum.data.datasets.rows.public import StagedRows
from lyceum.data.quality.errors import ChecksFailed
from lyceum.data.quality.scan import checked_rows
from lyceum.data.quality.work import ChecksToRun

BAD = frozenset({"failed", "errored"})
"""A check that cannot be run, because its column is gone, holds the data back as one that fails does."""


def judge(asked: dict[str, Any], staged: StagedRows) -> dict[str, Any]:
    """Return what came of each check, and the refusal where one of them does not hold."""
    work = msgspec.convert(asked, ChecksToRun)
    found = checked_rows(staged.rows, work, line_of_first_row=staged.line_of_first_row, marks=staged.marks)
    bad = [
        {"check_id": str(check_id), "check": result["check"]["id"], "sentence": result["sentence"]}
        for check_id, result in zip(found.check_ids, found.results, strict=True)
        if result["status"] in BAD
    ]
    refusal = ChecksFailed(bad).body() if bad else None
    return {"refusal": refusal, "found": msgspec.to_builtins(found)}
