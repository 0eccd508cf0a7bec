"""What a metric of a dataset measures, in words."""

from collections.abc import Mapping

_MEASURES: Mapping[str, str] = {
    "apart": "mismatch with its row",
    "apart_most": "greatest mismatch with its row",
    "apart_rows": "share of mismatched rows",
    "apart_size": "size of mismatches",
    "distinct": "share of distinct values",
    "greatest": "greatest value",
    "least": "least value",
    "length": "mean length",
    "longest": "longest text",
    "mean": "mean",
    "missing": "share missing",
    "negative": "share negative",
    "new": "share of new values",
    "new_shape": "share of new spellings",
    "q05": "5% quantile",
    "q25": "25% quantile",
    "q50": "median",
    "q75": "75% quantile",
    "q95": "95% quantile",
    "rows": "number of rows",
    "shortest": "shortest text",
    "spread": "spread",
    "unlike": "surprise beside another column",
    "zero": "share of zeros",
}


def metric_in_words(metric: str) -> str:
    """Return what a metric such as `delay|q50` measures: `delay (median)`; of the whole table, the measure alone."""
    column, _, kind = metric.rpartition("|")
    measure = _MEASURES.get(kind, kind)
    return f"{column} ({measure})" if column else measure
