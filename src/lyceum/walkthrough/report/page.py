"""What the report shows, made ready for its template; the template escapes every text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lyceum.version import VERSION
from lyceum.walkthrough.report import charts
from lyceum.walkthrough.steps import failures, median, missing_sentence
from lyceum.walkthrough.summary import Findings
from lyceum.walkthrough.voice import best_first
from lyceum.walkthrough.wording import figure, metric_name, plural, share, size
from lyceum_client import CheckResult, Prediction

HERE = Path(__file__).parent
TOP_VALUES = 12
IMPORTANCES = 12
FAILING_ROWS = 5
LATENCY_BINS = 30
LATENCY_SHARE_SHOWN = 0.99

_templates = Environment(
    loader=FileSystemLoader(HERE),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters |= {
    "figure": figure,
    # a figure may be a year, which has no comma; a count is never one
    "counted": "{:,}".format,
    "share": share,
    "cell": lambda value: "missing" if value is None else figure(value),
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart with its title and the sentence that explains it."""

    title: str
    explained: str
    svg: Markup


def report_page(found: Findings, *, curl: str, web: str) -> str:
    """Return the report as one HTML document."""
    run, report = found.trained.run, found.trained.report
    return _templates.get_template("report.html").render(
        style=Markup((HERE / "report.css").read_text(encoding="utf-8")),  # noqa: S704 our own file
        found=found,
        run=run,
        report=report,
        version=found.uploaded.version,
        served=found.served,
        columns=_columns(found),
        missing=missing_sentence(found.uploaded.profile),
        failed=failures(found.checked.run),
        passed=[result for result in found.checked.run.results if result.status == "passed"],
        failing_rows=_failing_rows,
        metric=metric_name(run.metric),
        leaderboard=best_first(run),
        has_notes=any(row.note for row in run.leaderboard),
        importances=_importances(report),
        drawings=_drawings(report),
        more_metrics={metric_name(name): value for name, value in (report.get("metrics") or {}).items()},
        confusion=report.get("confusion"),
        confusion_depth=_confusion_depth(report.get("confusion")),
        answer=_answer,
        is_right=_is_right,
        latency=_latency(found.served.latencies_ms),
        p50_ms=median(found.served.latencies_ms),
        size=size,
        plural=plural,
        curl=curl,
        web=web,
        release=VERSION,
        made_at=datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"),
    )


def _columns(found: Findings) -> list[dict[str, Any]]:
    notes, left_out = found.table.column_notes, found.trained.run.columns_left_out
    return [
        {
            **column,
            "note": notes.get(column["name"], ""),
            "left_out": left_out.get(column["name"]),
            "is_target": column["name"] == found.table.target,
            "shape": _shape(column),
            "span": _span(column),
        }
        for column in found.uploaded.profile["columns"]
    ]


def _shape(column: Mapping[str, Any]) -> Markup:
    histogram, top = column.get("histogram"), column.get("top_values") or []
    if histogram:
        return charts.mini_histogram(histogram["counts"], says=f"distribution of {column['name']}")
    return charts.mini_histogram(
        [each["count"] for each in top[:TOP_VALUES]], says=f"frequent values of {column['name']}"
    )


def _span(column: Mapping[str, Any]) -> str:
    if column["type"] in {"string", "boolean"}:
        shown = [f"{figure(each['value'])} ({each['count']:,})" for each in (column.get("top_values") or [])[:3]]
        return ", ".join(shown) or plural(column["distinct"], "different value")
    if column["min"] is None:
        return ""
    return f"{_end(column['min'])} to {_end(column['max'])}"


def _end(value: Any) -> str:
    return value.removesuffix("T00:00:00").replace("T", " ")[:16] if isinstance(value, str) else figure(value)


def _failing_rows(result: CheckResult) -> list[dict[str, Any]]:
    """Return the first failing rows: where they are, what was checked in them, and the rest of each."""
    asked = result.definition.get("columns") or [result.definition.get("column")]
    return [
        {
            "place": f"line {row.line:,}" if row.line else f"row {row.row:,}",
            "checked": {name: value for name, value in row.values.items() if name in asked},
            "rest": {name: value for name, value in row.values.items() if name not in asked},
        }
        for row in result.failing_rows[:FAILING_ROWS]
    ]


def _importances(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    ranked = sorted(report.get("importances") or [], key=lambda entry: -entry["importance"])[:IMPORTANCES]
    most = max((entry["importance"] for entry in ranked), default=0.0)
    return [{**entry, "width": max(entry["importance"], 0.0) / most * 100 if most > 0 else 0.0} for entry in ranked]


def _drawings(report: Mapping[str, Any]) -> list[Drawing]:
    made = (_roc(report), _precision_recall(report), _calibration(report), _predicted(report), _residuals(report))
    return [drawing for drawing in made if drawing is not None]


def _roc(report: Mapping[str, Any]) -> Drawing | None:
    roc = report.get("roc")
    if not roc:
        return None
    area = (report.get("metrics") or {}).get("roc_auc")
    svg = charts.curve(
        roc["fpr"],
        roc["tpr"],
        x=charts.Axis("false alarms among the rest", 0, 1),
        y=charts.Axis("found", 0, 1),
        says=f"ROC curve, area {figure(area)}",
        diagonal=True,
    )
    return Drawing("ROC curve", f"Area {figure(area)}; guessing is the dashed line.", svg)


def _precision_recall(report: Mapping[str, Any]) -> Drawing | None:
    found = report.get("precision_recall")
    if not found:
        return None
    average = (report.get("metrics") or {}).get("average_precision")
    svg = charts.curve(
        found["recall"],
        found["precision"],
        x=charts.Axis("found", 0, 1),
        y=charts.Axis("right among those named", 0, 1),
        says=f"precision and recall, average precision {figure(average)}",
    )
    return Drawing("Precision and recall", f"Average precision {figure(average)}.", svg)


def _calibration(report: Mapping[str, Any]) -> Drawing | None:
    found = report.get("calibration")
    if not found:
        return None
    svg = charts.curve(
        found["predicted"],
        found["observed"],
        x=charts.Axis("predicted probability", 0, 1),
        y=charts.Axis("happened", 0, 1),
        says="calibration: how often it happened at each predicted probability",
        diagonal=True,
        dots=True,
    )
    return Drawing("Calibration", "On the dashed line, 30 % means three times out of ten.", svg)


def _predicted(report: Mapping[str, Any]) -> Drawing | None:
    found = report.get("predicted_vs_true")
    if not found or not found["true"]:
        return None
    both = [*found["true"], *found["predicted"]]
    low, high = min(both), max(both)
    svg = charts.scatter(
        found["true"],
        found["predicted"],
        x=charts.Axis("true", low, high),
        y=charts.Axis("predicted", low, high),
        says="predicted against true values of held-out rows",
    )
    return Drawing("Predicted and true", "Each dot is a held-out row; on the dashed line both agree.", svg)


def _residuals(report: Mapping[str, Any]) -> Drawing | None:
    found = report.get("residuals")
    if not found:
        return None
    svg = charts.histogram(
        found["edges"], found["counts"], label="predicted minus true", says="errors of held-out rows"
    )
    return Drawing("Errors", "How far off the predictions are; left of zero is too low.", svg)


def _confusion_depth(confusion: Mapping[str, Any] | None) -> list[list[float]]:
    """Return each cell's share of its row, in percent: how strongly to colour it."""
    counts: Sequence[Sequence[int]] = confusion["counts"] if confusion else []
    return [[count / max(sum(row), 1) * 100 for count in row] for row in counts]


def _latency(taken_ms: tuple[float, ...]) -> Drawing:
    ordered = sorted(taken_ms)
    # one slow request out of hundreds would leave all the others in one bar
    shown = ordered[: max(1, round(len(ordered) * LATENCY_SHARE_SHOWN))]
    counts, edges = np.histogram(shown, bins=LATENCY_BINS)
    p50, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99) - 1]
    svg = charts.histogram(
        edges.tolist(), counts.tolist(), label="milliseconds", says=f"latency, median {p50:.1f} milliseconds"
    )
    return Drawing("Latency", f"Median {p50:.2f} ms, 99 % within {p99:.2f} ms; one row a request, one connection.", svg)


def _answer(prediction: Prediction) -> str:
    if prediction.value is not None:
        return figure(prediction.value)
    chance = prediction.probabilities.get(_text(prediction.label))
    return _text(prediction.label) + (f" ({share(chance)})" if chance is not None else "")


def _is_right(prediction: Prediction, truth: Any) -> bool:
    return prediction.value is None and _text(prediction.label) == _text(truth)


def _text(value: Any) -> str:
    return figure(value) if isinstance(value, bool) else str(value)
