"""Words and figures for people; text of others is made harmless for a terminal here."""

from collections.abc import Mapping
from typing import Any

METRICS: Mapping[str, str] = {
    "roc_auc": "ROC AUC",
    "log_loss": "log loss",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "accuracy": "accuracy",
    "average_precision": "average precision",
    "f1_macro": "F1 (macro)",
    "brier": "Brier score",
}


def metric_name(name: str | None) -> str:
    """Return how people write a metric."""
    return METRICS.get(name or "", (name or "score").replace("_", " "))


def clean(text: str) -> str:
    """Return the text with control characters shown instead of obeyed: a column's name could hold any."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def figure(value: Any) -> str:
    """Return a number in at most four significant digits, from 10,000 with thousands set apart; other values as text."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, int | float):
        return "" if value is None else str(value)
    if isinstance(value, int) or float(value).is_integer():
        # a year is not 2,013
        return f"{int(value):,}" if 10_000 <= abs(value) < 1e15 else f"{value:.15g}"
    magnitude = abs(value)
    if magnitude >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if magnitude >= 1e-4 else f"{value:.2g}"


def share(value: float) -> str:
    """Return a share from 0 to 1 as percent, with as many digits as it takes to say something."""
    percent = value * 100
    if 0 < percent < 0.1:
        return "under 0.1 %"
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"


def size(byte_count: int | None) -> str:
    """Return a number of bytes in a unit people read."""
    count = float(byte_count or 0)
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "bytes" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} GB"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return the count with its noun."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def listed(items: list[str], *, most: int = 5) -> str:
    """Return the items with commas, and how many more there are."""
    more = len(items) - most
    return ", ".join(items[:most]) + (f" and {more:,} more" if more > 0 else "")
