"""Checks in a notebook, written in Python or in YAML: `lyceum.check(frame, checks)`."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lyceum.data.quality.ascode.check_files import checks_in
from lyceum.data.quality.engine.public import CheckReport, InvalidCheck
from lyceum.data.quality.engine.public import check as check_with

FILE_BYTES_MAX = 16 * 1024**2
_TEXT = "the checks"
"""How a text that came from no file is called where something is wrong with it."""


def check(
    frame: Any,
    checks: "Iterable[Any] | Mapping[str, Any] | str | os.PathLike[str] | None" = None,
    *,
    sample_rows_max: int = 10,
    previous: Any = None,
    tables: Mapping[str, Any] | None = None,
) -> CheckReport:
    """Check a frame of Polars or pandas or an Arrow table and return the report, with no hub; print it for one line a check.

    `checks` is the path of a YAML file, a YAML text, a list of checks (or of their JSON objects), or a mapping from column
    to what is asked of it. A string of one line without a colon and a space is a path.

        report = lyceum.check(flights, "checks.yaml")
        report = lyceum.check(flights, {
            "flight_id": ["not_null", "unique"],
            "dep_hour": {"range": [0, 23], "at_most_failing": 0.01},
            "origin": {"in_set": ["EWR", "JFK", "LGA"]},
            "tail_number": {"regex": "^N[0-9]{1,5}[A-Z]{0,2}$"},
            "*": [{"row_count": [1000, None]}, {"expression": "arr_time is None or air_time > 0"}],
        })
        assert report.passed, report

    `previous` is an earlier frame, for checks of drift and volume; `tables` holds frames by name, for those that look keys
    up in another table. `report.results` has what came of each check, with the first rows that fail it.

    Without `checks`, those are run that the data itself suggests. A column the frame does not have, or one whose type
    does not fit, is reported as an error of that check. Raises InvalidCheck for a check that says nothing usable, with its
    line in YAML, FileNotFoundError, and TypeError when `frame` is no frame, or one of pandas with a name used twice or a
    column of several kinds.
    """
    asked = _written(checks) if isinstance(checks, str | os.PathLike) else checks
    return check_with(frame, asked, sample_rows_max=sample_rows_max, previous=previous, tables=tables)


def _written(checks: "str | os.PathLike[str]") -> Iterable[Any]:
    if isinstance(checks, str) and ("\n" in checks or ": " in checks):
        return checks_in(checks, file_name=_TEXT)
    path = Path(checks)
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no file {path}; give the path of a YAML file with checks, or YAML with 'checks:' on its first line."
        )
    if path.stat().st_size > FILE_BYTES_MAX:
        raise InvalidCheck(f"{path.name} is larger than {FILE_BYTES_MAX:,} bytes, which no list of checks is.")
    try:
        return checks_in(path.read_text(encoding="utf-8"), file_name=path.name)
    except UnicodeDecodeError:
        raise InvalidCheck(f"{path.name} is no text in UTF-8; write the checks as YAML.") from None
