"""Figures of the prediction path; no label names a model or a key, so their number stays bounded."""

from typing import Literal

from prometheus_client import Counter, Gauge, Histogram

from lyceum.kernel.telemetry import registry

NotLogged = Literal["buffer_full", "row_too_large", "refused", "failed", "shutdown", "no_space"]
"""Why predicted rows are not in the log."""

requests_total = Counter("lyceum_predict_requests_total", "Prediction requests answered", ["status"], registry=registry)
request_seconds = Histogram(
    "lyceum_predict_request_seconds",
    "Time from a prediction request to its answer",
    buckets=(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=registry,
)
rows_total = Counter("lyceum_predict_rows_total", "Rows predicted", registry=registry)
batch_rows = Histogram(
    "lyceum_predict_batch_rows",
    "Rows of concurrent small requests computed in one call",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
    registry=registry,
)
models_loaded_total = Counter(
    "lyceum_predict_models_loaded_total", "Models loaded into memory, by outcome", ["outcome"], registry=registry
)
models_bytes = Gauge("lyceum_predict_models_bytes", "Estimated memory of the loaded models", registry=registry)
log_rows_total = Counter("lyceum_predict_log_rows_total", "Rows written to the prediction log", registry=registry)
log_dropped_total = Counter(
    "lyceum_predict_log_dropped_total", "Predicted rows that were not logged, by reason", ["reason"], registry=registry
)
