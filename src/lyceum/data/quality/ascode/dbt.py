"""What dbt's tests found (`run_results.json`), with its messages."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from lyceum.data.quality.engine.public import InvalidCheck

RESULTS_CHARS_MAX = 50_000_000
MESSAGE_CHARS_MAX = 2_000
_STATUS: dict[str, Literal["passed", "failed", "errored"]] = {
    "pass": "passed",
    "fail": "failed",
    "warn": "failed",
    "error": "errored",
    "runtime error": "errored",
}


@dataclass(frozen=True, slots=True)
class OutsideResult:
    """What another tool says of one of its checks."""

    name: str
    status: Literal["passed", "failed", "errored"]
    severity: Literal["error", "warning"]
    failing: int | None
    """Failing rows, where they were counted."""
    message: str
    """What the tool says, in its words; empty where it says nothing."""


def from_dbt(text: str) -> tuple[OutsideResult, ...]:
    """Return the results of tests, in their order; models, seeds and what was skipped are left out.

    Raises `InvalidCheck` for what is no `run_results.json`, and where it holds no test.
    """
    if len(text) > RESULTS_CHARS_MAX:
        raise InvalidCheck(f"run_results.json holds more than {RESULTS_CHARS_MAX:,} characters.")
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as unreadable:
        raise InvalidCheck(f"run_results.json is no JSON ({unreadable}); run dbt again.") from unreadable
    results = told.get("results") if isinstance(told, dict) else None
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise InvalidCheck("The file is no run_results.json of dbt: it has no list of results.")
    found = tuple(_result(each) for each in results if _is_test(each) and str(each.get("status")) in _STATUS)
    if not found:
        raise InvalidCheck("run_results.json holds no test that ran; make it by 'dbt test' or 'dbt build'.")
    return found


def _is_test(result: dict[str, Any]) -> bool:
    return str(result.get("unique_id", "")).partition(".")[0] in {"test", "unit_test"}


def _result(result: dict[str, Any]) -> OutsideResult:
    kind, _, rest = str(result["unique_id"]).partition(".")
    _, _, name = rest.partition(".")
    failures = result.get("failures")
    return OutsideResult(
        # a data test's name ends in a hash that tells it from others of its name
        name=name.rpartition(".")[0] if kind == "test" and "." in name else name,
        status=_STATUS[result["status"]],
        severity="warning" if result["status"] == "warn" else "error",
        failing=failures if isinstance(failures, int) and not isinstance(failures, bool) else None,
        message=str(result.get("message") or "")[:MESSAGE_CHARS_MAX],
    )
