"""What a hub holds and uses while nobody asks anything of it: `python bench/footprint.py [--seconds 60]`.

Memory is counted in proportion (PSS): what processes share is split among them, so that the sum is what the machine lacks.
CPU time is that of each part with all it has started, in percent of one core.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from processes import cpu_seconds
from servers import machine
from start import running_hub

from lyceum.hub.control import ask_hub

SETTLE_SECONDS = 10


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--seconds", type=int, default=60, help="how long the hub is watched")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="lyceum-bench-") as folder:
        # the servers' account has to pass through when this runs as root
        Path(folder).chmod(0o711)
        home = Path(folder) / "home"
        with running_hub(home) as hub:
            _print_figures(hub.pid, ask_hub(home, "status"), seconds=asked.seconds)
            print(f"{'on disk':<12} {_bytes_below(home) / 1024**2:8,.0f} MiB")


def _print_figures(supervisor: int, status: dict[str, Any], *, seconds: int) -> None:
    time.sleep(SETTLE_SECONDS)
    roots = {child["name"]: child["pid"] for child in status["children"]}
    parts = {name: list(_tree(root)) for name, root in roots.items()} | {"supervisor": [supervisor]}
    before = {name: sum(map(cpu_seconds, processes)) for name, processes in parts.items()}
    time.sleep(seconds)
    print(machine())
    total_bytes = total_percent = 0.0
    for name, processes in parts.items():
        held = sum(map(_proportional_bytes, processes))
        percent = (sum(map(cpu_seconds, processes)) - before[name]) / seconds * 100
        total_bytes, total_percent = total_bytes + held, total_percent + percent
        print(f"{name:<12} {held / 1024**2:8,.0f} MiB in {len(processes):3} processes, {percent:5.2f} % of a core")
    print(f"{'together':<12} {total_bytes / 1024**2:8,.0f} MiB, {total_percent:5.2f} % of a core")


def _tree(process_id: int) -> Iterator[int]:
    yield process_id
    for task in Path(f"/proc/{process_id}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            yield from _tree(int(child))


def _proportional_bytes(process_id: int) -> int:
    lines = Path(f"/proc/{process_id}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _bytes_below(folder: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


if __name__ == "__main__":
    main()
