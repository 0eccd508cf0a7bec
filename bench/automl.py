"""Scores, times and served sizes of `lyceum.fit` on the CSVs of a folder, beside another engine in the same run.

    python bench/automl.py --data FOLDER --seeds 0,1,2 --time-limit 20 [--prototype FILE] [--only a,b] [--json OUT]

Every `<name>.csv` has a `<name>.json` with `target` and `task`. The split is 80/20 by seed. The file given with
`--prototype` is loaded as it lies; it must have `Own(task, budget=..., threads=...)` with `fit` and `predict_proba`.
Ratios are ours / theirs for AUC and theirs / ours for RMSE and log-loss, so that more than 1 is better.
"""

import argparse
import importlib.util
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import msgspec
import numpy as np
import polars as pl

from lyceum.serve.runtime.public import OnnxModel
from lyceum.train.engine.metrics import metric_for, score
from lyceum.train.engine.public import fit
from lyceum.train.engine.target import read_target

_THREADS = len(os.sched_getaffinity(0))


def main() -> None:
    """Run every table and seed, print a line each, then the geometric means."""
    options = _options()
    names = sorted(path.stem for path in options.data.glob("*.csv"))
    if options.only:
        names = [name for name in names if name in options.only.split(",")]
    results = []
    for name in names:
        for seed in map(int, options.seeds.split(",")):
            result = _one(options, name, seed)
            results.append(result)
            print(_line(result), flush=True)
    for kind in ("bag", "refit"):
        ratios = [r["ratio_" + kind] for r in results if "ratio_" + kind in r]
        if ratios:
            print(f"geometric mean of score ratios, ours to the prototype's {kind}: {_geometric(ratios):.4f}")
    for name in names:
        ratios = [r["ratio_bag"] for r in results if r["table"] == name and "ratio_bag" in r]
        if ratios:
            print(f"  {name:14s} {_geometric(ratios):.4f}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--time-limit", type=float, default=20.0)
    parser.add_argument("--prototype", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _one(options: argparse.Namespace, name: str, seed: int) -> dict[str, Any]:
    about = json.loads((options.data / f"{name}.json").read_text())
    table = pl.read_csv(options.data / f"{name}.csv", infer_schema_length=None)
    table = table.filter(pl.col(about["target"]).is_not_null())
    order = np.random.default_rng(seed).permutation(table.height)
    cut = int(0.8 * table.height)
    train, test = table[order[:cut].tolist()], table[order[cut:].tolist()]
    result = {"table": name, "seed": seed, **_ours(train, test, about, options.time_limit, seed)}
    if options.prototype:
        result |= _theirs(options.prototype, train, test, about, options.time_limit)
        for kind in ("bag", "refit"):
            ours, theirs = result["score"], result[kind]
            result["ratio_" + kind] = ours / theirs if result["greater_is_better"] else theirs / ours
    return result


def _ours(train: pl.DataFrame, test: pl.DataFrame, about: dict[str, Any], limit: float, seed: int) -> dict[str, Any]:
    started = time.perf_counter()
    model = fit(train, target=about["target"], task=about["task"], time_limit_seconds=limit, seed=seed)
    seconds = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        report = model.export_onnx(Path(folder) / "model.onnx")
        served = OnnxModel.load(report.path)
    row = test.drop(about["target"]).row(0, named=True)
    return {
        "metric": model.metric.name,
        "greater_is_better": model.metric.greater_is_better,
        "score": model.score(test),
        "validation": model.validation_score,
        "fit_seconds": seconds,
        "members": len(report.weights),
        "dropped": list(report.members_dropped),
        "export_seconds": report.export_seconds,
        "parity": report.parity.max_abs_difference / report.parity.tolerance,
        "file_kilobytes": report.file_bytes / 1024,
        "row_microseconds": _row_cpu_microseconds(served, row),
    }


def _row_cpu_microseconds(served: OnnxModel, row: dict[str, Any]) -> float:
    """CPU time for one row from the bytes of the request to the bytes of the reply: the best of five rounds."""
    body = json.dumps({"rows": [row]}).encode()
    encode = msgspec.json.Encoder().encode
    rounds = []
    for _ in range(5):
        started = time.process_time()
        for _ in range(500):
            encode(served.predict_rows(served.decode_body(body)))
        rounds.append((time.process_time() - started) / 500 * 1e6)
    return min(rounds)


def _theirs(path: Path, train: pl.DataFrame, test: pl.DataFrame, about: dict[str, Any], limit: float) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("prototype", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    target = about["target"]
    both = read_target(pl.concat([train, test]), target, task=about["task"])
    y = both.values[: train.height], both.values[train.height :]
    started = time.perf_counter()
    own = module.Own(both.task, budget=limit, threads=_THREADS)
    own.fit(train.drop(target).to_pandas(), y[0])
    seconds = time.perf_counter() - started
    frame = test.drop(target).to_pandas()
    metric = metric_for(both.task)
    return {
        "their_seconds": seconds,
        "bag": score(metric, y[1], own.predict_proba(frame, mode="bag")),
        "refit": score(metric, y[1], own.predict_proba(frame, mode="refit")),
    }


def _geometric(ratios: list[float]) -> float:
    return float(np.exp(np.mean(np.log(ratios))))


def _line(r: dict[str, Any]) -> str:
    theirs = (
        f" | bag {r['bag']:.5g} refit {r['refit']:.5g} ({r['their_seconds']:.1f}s) x{r['ratio_bag']:.4f}"
        if "bag" in r
        else ""
    )
    return (
        f"{r['table']:14s} seed {r['seed']} {r['metric']:9s} ours {r['score']:.5g} (valid {r['validation']:.5g})"
        f" {r['fit_seconds']:.1f}s{theirs} | {r['members']} members, export {r['export_seconds']:.1f}s,"
        f" {r['file_kilobytes']:.0f} kB, row {r['row_microseconds']:.0f} us, parity {r['parity']:.2g} of tolerance"
    )


if __name__ == "__main__":
    main()
