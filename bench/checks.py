"""Twenty checks of a Parquet table against the floor of decoding it, and of small batches, in one run.

    python bench/checks.py [--rows 5000000]

Makes a table of 20 columns in a temporary folder. Every step runs in processes of its own, of which the one
with the least CPU is told. The floor is PyArrow decoding the columns that the checks read. Small batches are timed in CPU microseconds of one
call, the median of many; their rows are taken in already, as a request has them.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from lyceum.data.datasets.reading.public import ColumnType, scan_local_files
from lyceum.data.quality.engine.frames import as_plain
from lyceum.data.quality.engine.public import (
    Check,
    CheckReport,
    Drift,
    InSet,
    NotNull,
    Range,
    Reference,
    Regex,
    RowCount,
    Statistic,
    Surroundings,
    Unique,
    counts_in_duckdb,
    measure,
    reference_from_bytes,
    reference_of,
    run_checks,
    small_checks,
    state_from_bytes,
)
from lyceum.data.quality.growing import Sampling, grows, report_by

ROWS_A_PART = 500_000
ROWS_NEW = 1_000
RUNS = 3
COUNTRIES, STATES, CHANNELS = ("DE", "FR", "US", "GB", "JP", "NL"), ("new", "paid", "shipped"), ("web", "app", "shop")
CHECKS: tuple[Check, ...] = (
    RowCount(min=1),
    Unique(columns=("order_id",)),
    *(NotNull(column=name) for name in ("order_id", "customer_id")),
    *(NotNull(column=name, at_most_failing=0.1) for name in ("email", "discount")),
    Range(column="amount", min=0, max=100_000),
    Range(column="quantity", min=1, max=50),
    Range(column="discount", min=0, max=1),
    Range(column="lat", min=-90, max=90),
    Range(column="lon", min=-180, max=180),
    InSet(column="country", values=COUNTRIES),
    InSet(column="status", values=STATES),
    InSet(column="channel", values=CHANNELS),
    Regex(column="email", pattern=r"^[^@\s]+@[^@\s]+\.[a-z]+$"),
    Regex(column="sku", pattern=r"^SKU-[0-9]{6}$"),
    Regex(column="phone", pattern=r"^\+[0-9]{8,12}$"),
    Range(column="ordered_at", min="2024-01-01"),
    Statistic(column="tax", statistic="mean", min=0, max=99),
    Statistic(column="amount", statistic="max", max=1e6),
)
READ = list(dict.fromkeys(name for check in CHECKS for name in check.subjects()))
GROWING = tuple(check for check in CHECKS if grows(check, ()))
NONE_FAILING = tuple(check for check in GROWING if not getattr(check, "at_most_failing", 0))
DRIFTING = ("amount", "tax", "discount", "country", "status")


def main() -> None:
    """Make the table, run every step, print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--step", choices=sorted(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        run_here(STEPS[options.step], options.folder)
        return
    print(f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        make_table(folder, options.rows)
        print(f"{options.rows:,} rows, 20 columns, {len(CHECKS)} checks that read {len(READ)} of them")
        print(f"{'step':<20}{'seconds':>9}{'CPU s':>8}{'peak MB':>9}{'CPU/floor':>11}")
        floor = 0.0
        for step in STEPS:
            found = run_step(step, folder)
            floor = floor or found["cpu"]
            ratio = found["cpu"] / floor
            print(f"{step:<20}{found['seconds']:>9.2f}{found['cpu']:>8.2f}{found['peak_mb']:>9.0f}{ratio:>11.2f}")
        small_batches(folder)


def make_table(folder: Path, rows: int) -> None:
    """Write the parts of the table and, in a folder of its own, an earlier one, and its reference."""
    random = np.random.default_rng(1)
    for first in range(0, rows, ROWS_A_PART):
        part = orders(random, first, min(ROWS_A_PART, rows - first))
        part.write_parquet(folder / f"{first:012}.parquet", compression="zstd", row_group_size=100_000)
    (folder / "new").mkdir()
    orders(random, rows, ROWS_NEW).write_parquet(folder / "new" / "0.parquet")
    (folder / "state").write_bytes(measure(scan_local_files(parts(folder)), GROWING).to_bytes())
    earlier = orders(random, 0, min(rows, ROWS_A_PART))
    (folder / "earlier").mkdir()
    earlier.write_parquet(folder / "earlier" / "0.parquet")
    (folder / "reference").write_bytes(reference_of(earlier.lazy(), DRIFTING).to_bytes())


def orders(random: np.random.Generator, first: int, count: int) -> pl.DataFrame:
    """Return the next orders."""
    second = np.datetime64("2024-01-01", "us") + random.integers(0, 3 * 10**13, count).astype("timedelta64[us]")
    number = pl.Series(random.integers(0, 10**6, count))
    text = number.cast(pl.String)
    gaps = pl.Series(random.random(count) < 0.05)
    return pl.DataFrame(
        {
            "order_id": np.arange(first, first + count),
            "customer_id": random.integers(1, 200_000, count),
            "amount": random.gamma(2, 50, count).round(2),
            "quantity": random.integers(1, 50, count),
            "lat": random.uniform(-90, 90, count),
            "lon": random.uniform(-180, 180, count),
            "country": random.choice(COUNTRIES, count),
            "status": random.choice(STATES, count),
            "channel": random.choice(CHANNELS, count),
            "sku": "SKU-" + text.str.zfill(6),
            "phone": "+49" + text.str.zfill(9),
            "ordered_at": second,
            "tax": random.gamma(2, 5, count).round(2),
            "discount": random.uniform(0, 1, count).round(3),
            "email": "user" + text + "@example.org",
            "note": "text " + text,
            "gift": random.integers(0, 2, count).astype(bool),
            "postcode": text.str.zfill(5),
            "weight": random.normal(5, 1, count),
            "shipped_on": pl.Series(second).cast(pl.Date),
        }
    ).with_columns(pl.when(~gaps).then(pl.col(name)) for name in ("discount", "email"))


def run_step(step: str, folder: Path) -> dict[str, float]:
    """Run one step in fresh processes and return its figures."""
    return least_of([sys.executable, __file__, "--step", step, "--folder", str(folder)])


def least_of(command: list[str]) -> dict[str, float]:
    """Run a program that prints its figures as JSON, several times, and return those of the run with the least CPU.

    What else the machine does only ever adds to it.
    """
    runs = []
    for _ in range(RUNS):
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        runs.append(json.loads(run.stdout.splitlines()[-1]))
    return min(runs, key=lambda found: float(found["cpu"]))


def run_here(step: Callable[[Path], None], folder: Path) -> None:
    """Print the seconds, CPU seconds and peak memory of a step as JSON; imports are not counted."""
    import scipy.stats  # noqa: F401  # drift imports it when it is first asked for

    wall, cpu = time.perf_counter(), time.process_time()
    step(folder)
    figures = {
        "seconds": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak_mb": peak_mb(),
    }
    print(json.dumps(figures))


def peak_mb() -> float:
    """Return the most memory this program has held; `getrusage` would count what its parent held before it began."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def decode_floor(folder: Path) -> None:
    """Decode the columns that the checks read, file after file."""
    for part in parts(folder):
        pq.read_table(part, columns=READ)


def with_polars(folder: Path) -> None:
    """Run the checks as a job does."""
    report = run_checks(scan_local_files(parts(folder)), CHECKS)
    if not report.passed or report.count("passed") != len(CHECKS):
        raise SystemExit(f"the checks did not run as meant:\n{report}")


def with_duckdb(folder: Path) -> None:
    """Count in little memory."""
    counted = counts_in_duckdb(parts(folder), CHECKS)
    if any(found.fails for found in counted):
        raise SystemExit(f"the checks did not run as meant: {counted}")


def as_states(folder: Path) -> None:
    """Measure each file by itself and merge what it says."""
    first, *others = [measure(scan_local_files([part]), CHECKS) for part in parts(folder)]
    first.merged(*others).to_bytes()


def drift(folder: Path) -> None:
    """Compare five columns with a stored reference."""
    reference: Reference = reference_from_bytes((folder / "reference").read_bytes())
    around = Surroundings(references={"previous": reference})
    report = run_checks(scan_local_files(parts(folder)), [Drift(columns=DRIFTING)], around=around)
    if not report.passed:
        raise SystemExit(f"there is no drift in this table:\n{report}")


def grown_read_whole(folder: Path) -> None:
    """Check a version of some more rows, all of it."""
    require_passed(run_checks(scan_local_files([*parts(folder), folder / "new" / "0.parquet"]), CHECKS))


def grown(folder: Path, checks: Sequence[Check]) -> None:
    """Check a version of some more rows from what was counted on the one before."""
    new = folder / "new" / "0.parquet"
    state = state_from_bytes((folder / "state").read_bytes()).merged(measure(scan_local_files([new]), GROWING))
    rows = scan_local_files([*parts(folder), new])
    sampling = Sampling(sample_rows_max=10, line_of_first_row=None, masked={})
    require_passed(report_by(state, rows, checks, growing=GROWING, around=Surroundings(), sampling=sampling))


def require_passed(report: CheckReport) -> None:
    """End the program where a check did not hold."""
    if not report.passed:
        raise SystemExit(f"the checks did not run as meant:\n{report}")


def parts(folder: Path) -> list[Path]:
    """Return the table's files in order."""
    return sorted(folder.glob("*.parquet"))


def small_batches(folder: Path) -> None:
    """Print the CPU time of the checks on 1, 10, 100 and 1,000 rows, beside that of the same through a frame."""
    rows: list[dict[str, Any]] = pl.read_parquet(parts(folder)[0]).head(1_000).to_dicts()
    types = {name: kind for name, kind in as_plain(scan_local_files(parts(folder)[:1]))[1].items() if kind is not None}
    ready = small_checks(CHECKS, types)
    print(f"small batches, {len(ready.counted)} of the {len(CHECKS)} checks, CPU microseconds a call (median)")
    print(f"{'rows':>6}{'generated':>11}{'looked up':>11}{'frame':>11}")
    for many in (1, 10, 100, 1_000):
        batch = rows[:many]
        held = median_us(partial(ready.failing, batch))
        found = median_us(partial(looked_up, types, batch))
        frame = median_us(partial(through_frame, ready.counted, batch), times=30)
        print(f"{many:>6,}{held:>11.1f}{found:>11.1f}{frame:>11.1f}")


def looked_up(types: dict[str, ColumnType], batch: list[dict[str, Any]]) -> None:
    """Count by a function that is looked up among those made before."""
    small_checks(CHECKS, types).failing(batch)


def through_frame(checks: Sequence[Check], batch: list[dict[str, Any]]) -> None:
    """Run the checks as on a table."""
    run_checks(pl.LazyFrame(batch), checks)


def median_us(call: Callable[[], object], *, times: int = 300) -> float:
    """Return the median CPU time of a call in microseconds."""
    taken = []
    for _ in range(times):
        began = time.process_time_ns()
        call()
        taken.append(time.process_time_ns() - began)
    return sorted(taken)[times // 2] / 1_000


STEPS: dict[str, Callable[[Path], None]] = {
    "decode floor": decode_floor,
    "20 checks, Polars": with_polars,
    "18 checks, DuckDB": with_duckdb,
    "20 checks, states": as_states,
    "drift, 5 columns": drift,
    "grown, read whole": grown_read_whole,
    "grown, new rows": partial(grown, checks=CHECKS),
    "so, no unique": partial(grown, checks=GROWING),
    "so, none failing": partial(grown, checks=NONE_FAILING),
}

if __name__ == "__main__":
    main()
