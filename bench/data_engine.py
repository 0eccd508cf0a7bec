"""Reading, profiling and checking one large CSV, with the machine and a floor measured in the same run.

    python bench/data_engine.py [--megabytes 300]

Makes a CSV of 18 columns in a temporary folder. Every step runs in a process of its own, so that its peak memory is its
own. The floor of reading is PyArrow splitting the same file into text columns; that of profile and checks is PyArrow
decoding the staged Parquet files.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from lyceum.data.datasets.reading.public import stage_table
from lyceum.data.quality.engine.public import (
    Check,
    InSet,
    NotNull,
    Range,
    RowCount,
    Unique,
    profile_table,
    run_checks,
)

ROWS_A_STEP = 100_000


def main() -> None:
    """Make the file, run every step, print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--step", choices=sorted(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        measure(STEPS[options.step], options.folder)
        return
    print(f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        rows = make_csv(folder / "orders.csv", options.megabytes * 10**6)
        megabytes = (folder / "orders.csv").stat().st_size / 1e6
        print(f"orders.csv: {megabytes:,.0f} MB, {rows:,} rows, 18 columns")
        print(f"{'step':<14}{'seconds':>9}{'CPU s':>8}{'MB/s':>8}{'peak MB':>9}{'CPU/floor':>11}")
        floor = 0.0
        for step in STEPS:
            found = run_step(step, folder)
            floor = found["cpu"] if step in FLOORS else floor
            speed = megabytes / found["seconds"]
            print(
                f"{step:<14}{found['seconds']:>9.2f}{found['cpu']:>8.2f}{speed:>8.0f}{found['peak_mb']:>9.0f}"
                f"{found['cpu'] / floor:>11.1f}"
            )


def make_csv(path: Path, bytes_wanted: int) -> int:
    """Write orders until the file has `bytes_wanted`; return the number of rows."""
    random = np.random.default_rng(1)
    rows = 0
    with path.open("wb") as file:
        while file.tell() < bytes_wanted:
            orders(random, rows).write_csv(file, include_header=rows == 0)
            rows += ROWS_A_STEP
    return rows


def orders(random: np.random.Generator, first: int) -> pl.DataFrame:
    """Return the next orders: numbers, categories, free text with quotes, times, gaps."""
    count = ROWS_A_STEP
    quantity = random.integers(1, 50, count)
    second = np.datetime64("2024-01-01", "ms") + random.integers(0, 3 * 10**10, count).astype("timedelta64[ms]")
    return pl.DataFrame(
        {
            "order_id": np.arange(first, first + count),
            "customer_id": random.integers(1, 200_000, count),
            "amount": random.gamma(2, 50, count).round(2),
            "quantity": quantity,
            "lat": random.uniform(-90, 90, count).round(5),
            "lon": random.uniform(-180, 180, count).round(5),
            "country": random.choice(["DE", "FR", "US", "GB", "JP", "NL"], count),
            "status": random.choice(["new", "paid", "shipped", "returned"], count),
            "channel": random.choice(["web", "app", "shop"], count),
            "sku": [f"SKU-{number:06}" for number in random.integers(0, 99_999, count)],
            "note": [
                'said "hi", twice' if number % 50 == 0 else f"text {number}"
                for number in random.integers(0, 10**6, count)
            ],
            "ordered_at": second,
            "shipped_on": pl.Series(second).cast(pl.Date),
            "gift": random.integers(0, 2, count).astype(bool),
            "tax": random.gamma(2, 5, count).round(2),
            "discount": [
                None if many == 7 else share
                for many, share in zip(quantity, random.uniform(0, 1, count).round(3), strict=True)
            ],
            "postcode": [f"{number:05}" for number in random.integers(0, 99_999, count)],
            "email": [f"user{number}@example.org" for number in random.integers(0, 10**6, count)],
        }
    )


def run_step(step: str, folder: Path) -> dict[str, float]:
    """Run one step in a fresh process and return its figures."""
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return found


def measure(step: Callable[[Path], None], folder: Path) -> None:
    """Print the seconds, CPU seconds and peak memory of a step as JSON."""
    wall, cpu = time.perf_counter(), time.process_time()
    step(folder)
    figures = {
        "seconds": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(figures))


def split_floor(folder: Path) -> None:
    """Split the CSV into text columns and keep nothing."""
    source = folder / "orders.csv"
    with source.open() as file:
        names = file.readline().strip().split(",")
    reader = arrow_csv.open_csv(
        source,
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
    )
    for _ in reader:
        pass


def read(folder: Path) -> None:
    """Stage the CSV as typed Parquet."""
    stage_table(folder / "orders.csv", file_name="orders.csv", target=folder / "staged")


def decode_floor(folder: Path) -> None:
    """Decode every staged column, file after file."""
    for part in sorted((folder / "staged").iterdir()):
        pq.read_table(part)


def profile(folder: Path) -> None:
    """Profile the staged table."""
    profile_table(pl.scan_parquet(folder / "staged" / "*.parquet"))


def check(folder: Path) -> None:
    """Run 20 checks of all kinds, three of which fail."""
    filled = ("order_id", "customer_id", "amount", "email", "discount", "note", "postcode")
    checks: list[Check] = [
        *(NotNull(column=name) for name in filled),
        Unique(columns=("order_id",)),
        Unique(columns=("customer_id", "ordered_at")),
        *(Range(column=name, min=0) for name in ("amount", "tax")),
        Range(column="quantity", min=1, max=40),
        Range(column="lat", min=-90, max=90),
        Range(column="lon", min=-180, max=180),
        Range(column="discount", min=0, max=1),
        Range(column="ordered_at", min="2024-01-01"),
        InSet(column="country", values=("DE", "FR", "US", "GB", "JP", "NL")),
        InSet(column="status", values=("new", "paid", "shipped", "returned")),
        InSet(column="channel", values=("web", "app")),
        RowCount(min=1000),
    ]
    report = run_checks(pl.scan_parquet(folder / "staged" / "*.parquet"), checks)
    if len(report.results) != 20 or report.count("errored"):
        raise SystemExit(f"the checks did not run as meant:\n{report}")


STEPS: dict[str, Callable[[Path], None]] = {
    "split floor": split_floor,
    "read": read,
    "decode floor": decode_floor,
    "profile": profile,
    "20 checks": check,
}
FLOORS = {"split floor", "decode floor"}

if __name__ == "__main__":
    main()
