"""The drift of five columns by Evidently; run by `check_peers.py` in an environment of its own."""

import json
import sys
import time
from pathlib import Path

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift

DRIFTING = ["amount", "tax", "discount", "country", "status"]


def main() -> None:
    """Read both tables and compare them, and print CPU seconds and peak memory as JSON; imports are not counted."""
    folder = Path(sys.argv[1])
    wall, cpu = time.perf_counter(), time.process_time()
    now = pd.concat([pd.read_parquet(part, columns=DRIFTING) for part in sorted(folder.glob("*.parquet"))])
    then = pd.read_parquet(folder / "earlier" / "0.parquet", columns=DRIFTING)
    kinds = DataDefinition(numerical_columns=DRIFTING[:3], categorical_columns=DRIFTING[3:])
    report = Report([ValueDrift(column=name, method="psi") for name in DRIFTING])
    found = report.run(
        Dataset.from_pandas(now.reset_index(drop=True), data_definition=kinds),
        Dataset.from_pandas(then, data_definition=kinds),
    )
    figures = [float(metric["value"]) for metric in found.dict()["metrics"]]
    if len(figures) != len(DRIFTING) or max(figures) > 0.1:
        raise SystemExit(f"the columns were not compared as meant: {figures}")
    status = Path("/proc/self/status").read_text()
    peak_mb = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps({"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "peak_mb": peak_mb}))


main()
