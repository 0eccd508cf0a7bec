"""How long `lyceum up` takes until everything serves: cold (no data yet) and warm, by the wall clock.

    python bench/start.py [--runs 5] [--json]

Cold is the first start after an install: PostgreSQL makes its data folder, the tables are made. The clock starts before
the interpreter does and stops when the control socket says that every part is ready. One start before the clock makes
the bytecode that an install leaves behind. Wants two idle cores.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers import machine

from lyceum.hub.control import ask_hub
from lyceum.hub.errors import HubFailed, HubNotRunning

START_SECONDS_MAX = 120
COLD_SECONDS_GOAL = 15
WARM_SECONDS_GOAL = 4


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    figures: dict[str, list[float]] = {"cold": [], "warm": [], "stop": []}
    with tempfile.TemporaryDirectory(prefix="lyceum-bench-") as folder:
        place = Path(folder)
        # the servers' account has to pass through when this runs as root
        place.chmod(0o711)
        start_and_stop(place / "unmeasured", bytecode=place / "bytecode")
        for run in range(asked.runs):
            for kind in ("cold", "warm"):
                started, stopped = start_and_stop(place / f"home-{run}", bytecode=place / "bytecode")
                figures[kind].append(started)
                figures["stop"].append(stopped)
            shutil.rmtree(place / f"home-{run}")
    print_figures(figures, as_json=asked.json)


def start_and_stop(home: Path, *, bytecode: Path) -> tuple[float, float]:
    """Return the seconds until a hub is ready, and then until it has stopped."""
    began = time.perf_counter()
    with running_hub(home, PYTHONPYCACHEPREFIX=str(bytecode)):
        ready = time.perf_counter()
    return ready - began, time.perf_counter() - ready


@contextmanager
def running_hub(home: Path, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Yield the supervisor of a hub that serves; it is stopped afterwards."""
    ours = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    settings = {"LYCEUM_HOME": str(home), "LYCEUM_PORT": "18600", "LYCEUM_PREDICT_PORT": "18650"}
    hub = subprocess.Popen(
        (sys.executable, "-m", "lyceum.cli", "up"), env={**ours, **settings, **variables}, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + START_SECONDS_MAX
    while not is_ready(home):
        if hub.poll() is not None or time.monotonic() > deadline:
            hub.kill()
            sys.exit(f"the hub did not start (exit code {hub.wait()}); see {home / 'logs'}")
        time.sleep(0.01)
    try:
        yield hub
    finally:
        hub.send_signal(signal.SIGINT)
        hub.wait()


def is_ready(home: Path) -> bool:
    try:
        return bool(ask_hub(home, "status")["ready"])
    except (HubNotRunning, HubFailed):
        return False


def print_figures(figures: dict[str, list[float]], *, as_json: bool) -> None:
    summary = {
        name: {"min_s": round(min(seconds), 2), "median_s": round(statistics.median(seconds), 2), "runs": len(seconds)}
        for name, seconds in figures.items()
    }
    if as_json:
        print(json.dumps({"machine": machine(), "figures": summary}, indent=2))
        return
    print(machine())
    goals = {"cold": f"(goal {COLD_SECONDS_GOAL} s)", "warm": f"(goal {WARM_SECONDS_GOAL} s)", "stop": ""}
    for name, row in summary.items():
        line = f"{name:<5} min {row['min_s']:6.2f} s  median {row['median_s']:6.2f} s  of {row['runs']} {goals[name]}"
        print(line.rstrip())


if __name__ == "__main__":
    main()
