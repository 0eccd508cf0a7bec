"""The twenty checks of `checks.py` by Great Expectations over pandas; run by `check_peers.py` in an environment of its own."""

import json
import sys
import time
from pathlib import Path

import great_expectations as gx
import pandas as pd
from great_expectations import expectations as gxe

COUNTRIES, STATES, CHANNELS = ["DE", "FR", "US", "GB", "JP", "NL"], ["new", "paid", "shipped"], ["web", "app", "shop"]
EXPECTATIONS = [
    gxe.ExpectTableRowCountToBeBetween(min_value=1),
    gxe.ExpectColumnValuesToBeUnique(column="order_id"),
    gxe.ExpectColumnValuesToNotBeNull(column="order_id"),
    gxe.ExpectColumnValuesToNotBeNull(column="customer_id"),
    gxe.ExpectColumnValuesToNotBeNull(column="email", mostly=0.9),
    gxe.ExpectColumnValuesToNotBeNull(column="discount", mostly=0.9),
    gxe.ExpectColumnValuesToBeBetween(column="amount", min_value=0, max_value=100_000),
    gxe.ExpectColumnValuesToBeBetween(column="quantity", min_value=1, max_value=50),
    gxe.ExpectColumnValuesToBeBetween(column="discount", min_value=0, max_value=1),
    gxe.ExpectColumnValuesToBeBetween(column="lat", min_value=-90, max_value=90),
    gxe.ExpectColumnValuesToBeBetween(column="lon", min_value=-180, max_value=180),
    gxe.ExpectColumnValuesToBeInSet(column="country", value_set=COUNTRIES),
    gxe.ExpectColumnValuesToBeInSet(column="status", value_set=STATES),
    gxe.ExpectColumnValuesToBeInSet(column="channel", value_set=CHANNELS),
    gxe.ExpectColumnValuesToMatchRegex(column="email", regex=r"^[^@\s]+@[^@\s]+\.[a-z]+$"),
    gxe.ExpectColumnValuesToMatchRegex(column="sku", regex=r"^SKU-[0-9]{6}$"),
    gxe.ExpectColumnValuesToMatchRegex(column="phone", regex=r"^\+[0-9]{8,12}$"),
    gxe.ExpectColumnMinToBeBetween(column="ordered_at", min_value=pd.Timestamp("2024-01-01")),
    gxe.ExpectColumnMeanToBeBetween(column="tax", min_value=0, max_value=99),
    gxe.ExpectColumnMaxToBeBetween(column="amount", min_value=0, max_value=1e6),
]
READ = sorted({name for one in EXPECTATIONS if (name := getattr(one, "column", None)) is not None})


def main() -> None:
    """Read and check the table, and print CPU seconds and peak memory as JSON; imports are not counted."""
    folder = Path(sys.argv[1])
    wall, cpu = time.perf_counter(), time.process_time()
    context = gx.get_context(mode="ephemeral")
    table = pd.concat([pd.read_parquet(part, columns=READ) for part in sorted(folder.glob("*.parquet"))])
    table = table.reset_index(drop=True)
    batch = context.data_sources.add_pandas("p").add_dataframe_asset("t").add_batch_definition_whole_dataframe("b")
    suite = context.suites.add(gx.ExpectationSuite(name="s", expectations=EXPECTATIONS))
    definition = gx.ValidationDefinition(name="v", data=batch, suite=suite)
    result = definition.run(batch_parameters={"dataframe": table})
    if not result.success or len(result.results) != len(EXPECTATIONS):
        raise SystemExit(f"the expectations did not run as meant: {result}")
    status = Path("/proc/self/status").read_text()
    peak_mb = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps({"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "peak_mb": peak_mb}))


main()
