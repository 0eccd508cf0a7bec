"""Twenty checks and the drift of five columns beside Great Expectations and Evidently, in one run on one table.

    python -m venv gx && gx/bin/pip install great-expectations
    python -m venv ev && ev/bin/pip install evidently
    python bench/check_peers.py --great-expectations gx/bin/python --evidently ev/bin/python [--rows 5000000]

Each tool has an environment of its own and runs three times in fresh processes, of which the one with the least CPU is told; reading the table counts, importing the tool does not.
Lyceum's steps are those of `checks.py`.
"""

import argparse
import os
import platform
import tempfile
from pathlib import Path

from checks import least_of, make_table, run_step

HERE = Path(__file__).parent


def main() -> None:
    """Make the table, run the steps of each tool, print one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--great-expectations", help="Python of the environment that has it.")
    parser.add_argument("--evidently", help="Python of the environment that has it.")
    options = parser.parse_args()
    print(f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        make_table(folder, options.rows)
        print(f"{options.rows:,} rows, 20 columns")
        print(f"{'step':<28}{'seconds':>9}{'CPU s':>8}{'peak MB':>9}{'CPU/ours':>10}")
        tell("decode floor", run_step("decode floor", folder))
        ours = run_step("20 checks, Polars", folder)
        tell("20 checks, Lyceum", ours)
        if options.great_expectations:
            peer = run_peer(options.great_expectations, "peer_great_expectations.py", folder)
            tell("20 checks, Great Expectations", peer, peer["cpu"] / ours["cpu"])
        ours = run_step("drift, 5 columns", folder)
        tell("drift, 5 columns, Lyceum", ours)
        if options.evidently:
            peer = run_peer(options.evidently, "peer_evidently.py", folder)
            tell("drift, 5 columns, Evidently", peer, peer["cpu"] / ours["cpu"])


def run_peer(python: str, program: str, folder: Path) -> dict[str, float]:
    """Run a peer's program and return its figures."""
    return least_of([python, str(HERE / program), str(folder)])


def tell(step: str, found: dict[str, float], ratio: float | None = None) -> None:
    """Print a step's line."""
    times = f"{ratio:>10.1f}" if ratio is not None else ""
    print(f"{step:<28}{found['seconds']:>9.2f}{found['cpu']:>8.2f}{found['peak_mb']:>9.0f}{times}", flush=True)


if __name__ == "__main__":
    main()
