"""One-row predictions over HTTP beside a bare echo on the same server, with keys, limits and the log on.

    python bench/predict.py                      starts PostgreSQL, Valkey, the prediction process, and an echo
    python bench/predict.py --url http://127.0.0.1:8001 --key lyk_… --model main/flights --row row.json

The echo reads the same body and sends a reply of the same size through the same server program: what is left between
the two is what authentication, limits, JSON, the model and the log cost. Everything shares the machine's cores, so a
busy machine shows in the rates; the servers' CPU time for a request, and the ratio of it, hardly change with that.
"""

import argparse
import asyncio
import os
import secrets
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import numpy as np
import polars as pl
from load import Loader, Measured, Target
from processes import cpu_seconds, free_port, own_process
from servers import machine, own_servers

CONNECTIONS = (1, 16, 64)
TABLE_ROWS = 6_000
MARK = 0.25
NOT_COMPARED = {"rows": 0, "labels_equal": True, "max_abs_difference": 0.0, "within_tolerance": True, "tolerance": 0.0}


@dataclass(frozen=True, slots=True)
class Subject:
    """A model under load."""

    name: str
    address: str
    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where predictions are asked for."""

    url: str
    key: str
    process_id: int | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """One load and what the server's process spent on it."""

    measured: Measured
    cpu_seconds: float | None

    @property
    def cpu_microseconds_a_request(self) -> float:
        """NaN when the process is not ours to look at."""
        requests = self.measured.requests_per_second * self.measured.seconds
        return float("nan") if self.cpu_seconds is None else self.cpu_seconds / requests * 1e6


def main() -> None:
    """Measure and print."""
    options = _options()
    if options.serve_echo:
        _serve_echo(options.serve_echo, options.reply_bytes)
        return
    loader = Loader()
    print(f"{machine()}, requests by {loader.name}")
    with ExitStack() as stack:
        if options.url:
            endpoint = Endpoint(options.url, options.key)
            row = msgspec.json.decode(Path(options.row).read_bytes())
            subjects = [Subject("given model", options.model, row)]
        else:
            endpoint, subjects = stack.enter_context(_own_hub(options.fit_seconds))
        for subject in subjects:
            _measure(loader, endpoint, subject, seconds=options.seconds, rounds=options.rounds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url")
    parser.add_argument("--key")
    parser.add_argument("--model")
    parser.add_argument("--row")
    parser.add_argument("--seconds", type=int, default=4, help="length of one load")
    parser.add_argument("--rounds", type=int, default=3, help="loads of each kind; the median is printed")
    parser.add_argument("--fit-seconds", type=float, default=20, help="time limit of the ensemble's training")
    parser.add_argument("--serve-echo", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--reply-bytes", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(loader: Loader, endpoint: Endpoint, subject: Subject, *, seconds: int, rounds: int) -> None:
    body = msgspec.json.encode({"rows": [subject.row]})
    headers = {"authorization": f"Bearer {endpoint.key}", "content-type": "application/json"}
    where = urlsplit(endpoint.url)
    path = f"/api/v1/models/{subject.address}/predict"
    target = Target(where.hostname or "", where.port or 80, where.path + path, headers, body)
    reply = httpx.post(f"{endpoint.url}{path}", content=body, headers=headers, trust_env=False)
    reply.raise_for_status()
    print(f"\n{subject.name}: request {len(body)} bytes, reply {len(reply.content)} bytes")
    print("connections |  echo req/s  CPU us | predict req/s  CPU us  p50 ms  p99 ms | ratio  by CPU | failed")
    with _echo(len(reply.content)) as (port, echo_process_id):
        echo = Target("127.0.0.1", port, path, headers, body)
        for connections in CONNECTIONS:
            pairs = [
                (
                    _load(loader, echo, echo_process_id, connections=connections, seconds=seconds),
                    _load(loader, target, endpoint.process_id, connections=connections, seconds=seconds),
                )
                for _ in range(rounds)
            ]
            _print_line(connections, pairs)


def _load(loader: Loader, target: Target, process_id: int | None, *, connections: int, seconds: int) -> Loaded:
    before = None if process_id is None else cpu_seconds(process_id)
    measured = loader.run(target, connections=connections, seconds=seconds)
    if process_id is None or before is None:
        return Loaded(measured, None)
    return Loaded(measured, cpu_seconds(process_id) - before)


def _print_line(connections: int, pairs: list[tuple[Loaded, Loaded]]) -> None:
    def middle(figure: Callable[[Loaded, Loaded], float]) -> float:
        return statistics.median(figure(echo, predict) for echo, predict in pairs)

    ratio = middle(lambda echo, predict: predict.measured.requests_per_second / echo.measured.requests_per_second)
    by_cpu = middle(lambda echo, predict: echo.cpu_microseconds_a_request / predict.cpu_microseconds_a_request)
    echoed = f"{middle(lambda echo, _: echo.measured.requests_per_second):11,.0f}"
    echoed += f" {middle(lambda echo, _: echo.cpu_microseconds_a_request):7.0f}"
    predicted = f"{middle(lambda _, predict: predict.measured.requests_per_second):13,.0f}"
    predicted += f" {middle(lambda _, predict: predict.cpu_microseconds_a_request):7.0f}"
    predicted += f" {middle(lambda _, predict: predict.measured.p50_ms):7.2f}"
    predicted += f" {middle(lambda _, predict: predict.measured.p99_ms):7.2f}"
    failed = sum(predict.measured.failed for _, predict in pairs)
    verdict = "" if ratio >= MARK else f"  below the mark of {MARK}"
    print(f"{connections:11} | {echoed} | {predicted} | {ratio:5.2f} {by_cpu:7.2f} | {failed}{verdict}", flush=True)


def _serve_echo(port: int, reply_bytes: int) -> None:
    from lyceum.kernel.config import load_settings
    from lyceum.kernel.serving import serve_http
    from lyceum.kernel.telemetry import settle_garbage_collector

    reply = b"x" * reply_bytes
    headers = [(b"content-type", b"application/json"), (b"content-length", str(reply_bytes).encode())]

    async def echo(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            settle_garbage_collector()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": reply})

    serve_http(echo, load_settings(), port=port)


@contextmanager
def _echo(reply_bytes: int) -> Iterator[tuple[int, int]]:
    port = free_port()
    command = [sys.executable, __file__, "--serve-echo", str(port), "--reply-bytes", str(reply_bytes)]
    with own_process(command, dict(os.environ), port) as process_id:
        yield port, process_id


@contextmanager
def _own_hub(fit_seconds: float) -> Iterator[tuple[Endpoint, list[Subject]]]:
    """Real servers in a folder that goes afterwards, two registered models, and the prediction process."""
    from lyceum.kernel.config import load_settings

    with tempfile.TemporaryDirectory(prefix="lyceum-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        port = free_port()
        variables = {
            **stack.enter_context(own_servers()),
            "LYCEUM_SECRET_KEY": secrets.token_hex(32),
            "LYCEUM_PREDICT_PORT": str(port),
            # the limit is on and counted, and above what the machine can answer
            "LYCEUM_PREDICT_REQUESTS_PER_SECOND": "1000000",
        }
        os.environ.update(variables)
        key, subjects = asyncio.run(_register(load_settings(), _models(folder, fit_seconds)))
        command = [sys.executable, "-m", "lyceum.predict"]
        process_id = stack.enter_context(own_process(command, {**os.environ, "LYCEUM_LOG_LEVEL": "warning"}, port))
        yield Endpoint(f"http://127.0.0.1:{port}", key, process_id), subjects


def _models(folder: Path, fit_seconds: float) -> dict[str, tuple[str, Path]]:
    """Two models of one table: what `lyceum.fit` chooses, and one gradient boosting of 100 trees."""
    import lyceum

    frame = _table()
    fitted = lyceum.fit(frame, target="y", time_limit_seconds=fit_seconds)
    fitted.export_onnx(folder / "ensemble.onnx")
    chosen = ", ".join(f"{row.member} {row.weight:.2f}" for row in fitted.leaderboard if row.weight > 0)
    _export_single(frame, folder / "single.onnx")
    return {
        "single": ("one LightGBM of 100 trees", folder / "single.onnx"),
        "ensemble": (f"ensemble ({chosen})", folder / "ensemble.onnx"),
    }


def _table() -> pl.DataFrame:
    random = np.random.default_rng(0)
    numbers = {f"n{i}": random.normal(size=TABLE_ROWS) for i in range(14)}
    texts = {f"c{i}": random.choice([f"value {j}" for j in range(12)], TABLE_ROWS) for i in range(6)}
    signal = numbers["n0"] + numbers["n1"] * numbers["n2"] + 2 * (texts["c0"] == "value 1") - (texts["c3"] == "value 4")
    noisy = signal + random.normal(size=TABLE_ROWS) * 0.7
    return pl.DataFrame({**numbers, **texts, "y": np.where(noisy > 0.3, "late", "on time")})


def _export_single(frame: pl.DataFrame, path: Path) -> None:
    from lyceum.serve.runtime.public import Outcome, read_frame
    from lyceum.train.engine.clock import Clock
    from lyceum.train.engine.columns import plan_columns
    from lyceum.train.engine.encode import fit_encoder
    from lyceum.train.engine.export.graph import Scale, ensemble_graph
    from lyceum.train.engine.export.scores import WeightedPart
    from lyceum.train.engine.members.lightgbm import LightGBMMember
    from lyceum.train.engine.members.member import Data, Effort, Problem

    plan = plan_columns(frame, target="y", leave_out={})
    typed = read_frame(frame, plan.prestep)
    encoder = fit_encoder(typed, plan.prestep)
    problem = Problem("binary", 2, encoder.category_features, "log_loss", 0)
    data = Data(encoder.matrix(typed), (frame["y"] == "late").to_numpy().astype(int))
    clock = Clock(600.0)
    member = LightGBMMember({"num_leaves": 31}).fit(problem, data, Effort(clock.limit(clock.deadline), rounds=100))
    outcome = Outcome("y", "binary", ("on time", "late"))
    graph = ensemble_graph([WeightedPart(1.0, member.anatomy())], encoder, outcome, Scale())
    path.write_bytes(graph.SerializeToString())


async def _register(settings: Any, models: dict[str, tuple[str, Path]]) -> tuple[str, list[Subject]]:
    from lyceum.accounts.public import find_actor, local_administrator_key
    from lyceum.kernel.db import NOBODY
    from lyceum.kernel.ids import new_id
    from lyceum.kernel.resources import open_resources
    from lyceum.kernel.tx import transaction
    from lyceum.serve.registry.public import NewModelVersion, register_version
    from lyceum.serve.runtime.public import OnnxModel

    subjects = []
    async with open_resources(settings) as resources:
        key = (await local_administrator_key(resources.database)).secret
        async with transaction(resources.database, NOBODY) as tx:
            who = await find_actor(tx, key)
        for name, (title, path) in models.items():
            stored = await resources.storage.put_file(f"bench/{name}.onnx", path)
            signature = OnnxModel.load(path).signature
            wanted = NewModelVersion(
                operation_id=new_id(),
                artifact_path=f"bench/{name}.onnx",
                artifact_sha256=stored.sha256,
                artifact_bytes=stored.byte_count,
                reference_path=None,
                signature=signature.to_json(),
                parity=NOT_COMPARED,
                origin={},
            )
            async with transaction(resources.database, who.scope) as tx:
                await register_version(tx, who, name, wanted, alias="champion")
            size = f"{stored.byte_count / 1024:,.0f} KiB"
            subjects.append(Subject(f"{title}, {size}", f"{who.org_name}/{name}", dict(signature.example_row())))
    return key, subjects


if __name__ == "__main__":
    main()
