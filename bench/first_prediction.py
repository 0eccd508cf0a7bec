"""How long `lyceum try` takes from nothing to the first answered prediction, step by step, by the wall clock.

    python bench/first_prediction.py [FILE --target COLUMN] [--time-limit 20] [--runs 3] [--json]

No hub runs and there is no data folder before each run. Training takes the time it is given, so the time beside it is
the figure to watch; its floor in the same run is the cold start of the hub. Wants two idle cores.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from servers import machine

STEPS = {"1": "upload", "2": "check", "3": "train", "4": "serve"}
"""The number with which a step's first line of plain output begins, and what the figures call it."""


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("file", nargs="?")
    options.add_argument("--target")
    options.add_argument("--time-limit", type=float, default=20)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    table = [asked.file, "--target", asked.target] if asked.file else []
    with tempfile.TemporaryDirectory(prefix="lyceum-bench-") as folder:
        place = Path(folder)
        # the servers' account has to pass through when this runs as root
        place.chmod(0o711)
        walk(place / "unmeasured", table, time_limit_seconds=1, bytecode=place / "bytecode")
        runs = [
            walk(place / f"home-{run}", table, time_limit_seconds=asked.time_limit, bytecode=place / "bytecode")
            for run in range(asked.runs)
        ]
    figures = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    if asked.json:
        print(json.dumps({"machine": machine(), "median_seconds": figures, "runs": runs}, indent=2))
        return
    print(machine())
    for name, seconds in figures.items():
        print(f"{name:28} {seconds:7.2f} s")


def walk(home: Path, table: list[str], *, time_limit_seconds: float, bytecode: Path) -> dict[str, float]:
    """Return the seconds of each step of one walkthrough on a new hub, and of all before the first prediction."""
    ours = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    settings = {"LYCEUM_HOME": str(home), "LYCEUM_PORT": "18600", "LYCEUM_PREDICT_PORT": "18650"}
    command = (sys.executable, "-m", "lyceum.cli", "try", *table, "--time-limit", f"{time_limit_seconds:g}s")
    began = time.perf_counter()
    process = subprocess.Popen(
        (*command, "--exit", "--json", "--output", str(home.with_suffix(".results"))),
        env={**ours, **settings, "PYTHONPYCACHEPREFIX": str(bytecode)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    said: list[str] = []
    seen: dict[str, float] = {}
    for line in process.stderr:
        said.append(line)
        # the first line of the last step comes when the sample rows have been answered
        name = "answered" if "serve" in seen else STEPS.get(line.split(" ")[0])
        if name:
            seen.setdefault(name, time.perf_counter() - began)
    result = process.stdout.read()
    if process.wait() != 0:
        sys.exit("".join(said))
    whole = time.perf_counter() - began
    fit_seconds = json.loads(result)["run"]["fit_seconds"]
    return {
        "hub started": seen["upload"],
        "upload": seen["check"] - seen["upload"],
        "check": seen["train"] - seen["check"],
        "train": seen["serve"] - seen["train"],
        "of that, fitting": fit_seconds,
        "serve": seen["answered"] - seen["serve"],
        "to the first predictions": seen["answered"],
        "the same without fitting": seen["answered"] - fit_seconds,
        "whole command": whole,
    }


if __name__ == "__main__":
    main()
