"""What came of the walkthrough: the short report for the terminal, and the JSON object."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lyceum.walkthrough.steps import Checked, Served, Trained, Uploaded, failures, median, missing_sentence
from lyceum.walkthrough.table import TableToTry
from lyceum.walkthrough.watching import Watched, incident_url, score_sentence
from lyceum.walkthrough.wording import figure, listed, metric_name, plural

IMPORTANT_SHOWN = 5
FAILED_SHOWN = 3
LABEL_COLUMNS = 16


@dataclass(frozen=True, slots=True)
class Findings:
    """All that the steps found; `watched` is None for a table without later rows."""

    table: TableToTry
    uploaded: Uploaded
    checked: Checked
    trained: Trained
    served: Served
    watched: Watched | None


@dataclass(frozen=True, slots=True)
class Results:
    """Where the results lie; `curl` is a command to paste into a shell."""

    html: Path
    notebook: Path
    web: str
    curl: str


def short_report(found: Findings, results: Results) -> list[str]:
    """Return the report as lines: a label and what there is to say about it."""
    run, report = found.trained.run, found.trained.report
    version, profile = found.uploaded.version, found.uploaded.profile
    rows = [
        (
            "The data",
            (
                f"{plural(version.row_count or 0, 'row')}, {plural(len(profile['columns']), 'column')}; "
                f"{missing_sentence(profile)}"
            ),
        ),
        *(("Failed" if place == 0 else "", text) for place, text in enumerate(_failures(found))),
        (
            "Score",
            (
                f"{metric_name(run.metric)} {figure(run.score)} on {plural(report['holdout_rows'], 'row')} it had "
                f"never seen; guessing gives {figure(run.baseline)}"
            ),
        ),
        *(("Left out", why) for why in run.columns_left_out.values()),
        *(("Mind", warning.sentence) for warning in run.leakage_warnings),
        ("Matters most", listed(important_columns(report), most=IMPORTANT_SHOWN) or "no column on its own"),
        (
            "Latency",
            (
                f"{median(found.served.latencies_ms):.1f} ms for one row over HTTP "
                f"(median of {len(found.served.latencies_ms)})"
            ),
        ),
        *_watched_lines(found, results.web),
        ("Report", str(results.html)),
        ("Notebook", str(results.notebook)),
        ("Web", results.web),
    ]
    return [f"{label:<{LABEL_COLUMNS}}{text}" for label, text in rows]


def json_object(found: Findings, results: Results) -> dict[str, Any]:
    """Return the one object that `--json` prints."""
    uploaded, run = found.uploaded, found.trained.run
    check_results = found.checked.run.results
    version = found.served.version
    return {
        "dataset": {
            "address": uploaded.dataset.address,
            "version": uploaded.version.number,
            "file": str(found.table.path),
            "rows": uploaded.version.row_count,
            "bytes": uploaded.version.byte_count,
            "source": uploaded.version.source,
        },
        "schema": [asdict(column) for column in uploaded.version.table_schema.columns]
        if uploaded.version.table_schema
        else [],
        "checks": {
            "state": found.checked.run.state,
            "passed": sum(result.status == "passed" for result in check_results),
            "failed": sum(result.status == "failed" for result in check_results),
            "errored": sum(result.status == "errored" for result in check_results),
            "results": [
                {
                    "definition": result.definition,
                    "status": result.status,
                    "failing_count": result.failing_count,
                    "sentence": result.sentence,
                }
                for result in check_results
            ],
        },
        "run": {
            "id": run.id,
            "target": run.target,
            "task": run.task,
            "metric": run.metric,
            "greater_is_better": run.greater_is_better,
            "score": run.score,
            "baseline": run.baseline,
            "leaderboard": [asdict(row) for row in run.leaderboard],
            "fit_seconds": run.fit_seconds,
            "columns_left_out": run.columns_left_out,
            "leakage_warnings": [asdict(warning) for warning in run.leakage_warnings],
        },
        "model": {
            "name": version.model,
            "version": version.number,
            "format": version.format,
            "endpoint": found.served.endpoint,
            "parity": asdict(version.parity) if version.parity else None,
            "p50_ms": round(median(found.served.latencies_ms), 3),
        },
        "watch": _watched_object(found.watched),
        "report": {"html": str(results.html), "notebook": str(results.notebook), "web": results.web},
    }


def _watched_lines(found: Findings, base_url: str) -> list[tuple[str, str]]:
    watched = found.watched
    if watched is None:
        return []
    told = [finding.title for finding in watched.verdict.findings if finding.status == "failed"]
    lines = [("Later", score_sentence(found.trained, watched))]
    lines += [("Incident", incident_url(base_url, watched.incident))] if watched.incident is not None else []
    lines += [("Moved" if place == 0 else "", title) for place, title in enumerate(told)]
    return lines


def _watched_object(watched: Watched | None) -> dict[str, Any] | None:
    if watched is None:
        return None
    return {
        "rows": watched.rows,
        "score": watched.score,
        "dataset": watched.dataset,
        "findings": [asdict(finding) for finding in watched.verdict.findings],
        "incident": watched.incident.id if watched.incident is not None else None,
    }


def important_columns(report: dict[str, Any]) -> list[str]:
    """Return the columns without which the score drops, the most important first."""
    ranked = sorted(report.get("importances") or [], key=lambda entry: -entry["importance"])
    return [entry["column"] for entry in ranked if entry["importance"] > 0]


def _failures(found: Findings) -> list[str]:
    failed = [result.sentence for result in failures(found.checked.run)]
    if not failed:
        return ["nothing: every check passed"]
    more = len(failed) - FAILED_SHOWN
    return failed[:FAILED_SHOWN] + ([f"and {more} more, see the report"] if more > 0 else [])
