"""Loads HTTP addresses over kept-open connections and reports rates and latencies: one POST, or a mix of requests.

Uses `wrk` when it is installed or can be fetched, else a small generator of its own, which is slower and so understates
fast servers; the report says which it was.
"""

import asyncio
import os
import runpy
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from figures import percentile

_TOOLS = Path(__file__).resolve().parent.parent / "scripts" / "debian_tools.py"
_REPORT = """
done = function(summary, latency)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format("REPORT %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), summary.errors.status + failed))
end
"""


@dataclass(frozen=True, slots=True)
class Target:
    """One request, repeated."""

    host: str
    port: int
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Choice:
    """Requests of one kind in a mix: `weight` in a hundred of all, each to one of the paths."""

    weight: int
    method: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mix:
    """What a mix is sent to."""

    host: str
    port: int
    headers: dict[str, str]
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """What came back."""

    seconds: float
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    failed: int


class Loader:
    """Finds wrk once."""

    def __init__(self) -> None:
        tools = runpy.run_path(str(_TOOLS))
        try:
            self._wrk: tuple[Path, dict[str, str]] | None = tools["find_tool"]("wrk")
        except tools["ToolUnavailable"]:
            self._wrk = None

    @property
    def name(self) -> str:
        """What makes the load."""
        return "wrk" if self._wrk else "own generator"

    def run(self, target: Target, *, connections: int, seconds: int) -> Measured:
        """Load the target from one thread."""
        if self._wrk is None:
            return asyncio.run(_generate(target, connections, seconds))
        url = f"http://{target.host}:{target.port}{target.path}"
        return self._run_wrk(_lua_request(target), url, connections=connections, seconds=seconds)

    def run_mix(self, mix: Mix, *, connections: int, seconds: int) -> Measured:
        """Send the mix from one thread, drawn anew each time; only with wrk. Raises RuntimeError without it."""
        if self._wrk is None:
            raise RuntimeError("A mix is sent by wrk: install it (`apt-get install wrk`) and run again.")
        return self._run_wrk(_lua_mix(mix), f"http://{mix.host}:{mix.port}/", connections=connections, seconds=seconds)

    def _run_wrk(self, requests: str, url: str, *, connections: int, seconds: int) -> Measured:
        assert self._wrk is not None
        program, variables = self._wrk
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(f"{requests}\n{_REPORT}")
            script.flush()
            done = subprocess.run(
                [program, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", script.name, url],
                env={**os.environ, **variables}, capture_output=True, text=True, check=True, timeout=seconds + 30,
            )  # fmt: skip
        report = next(line for line in done.stdout.splitlines() if line.startswith("REPORT"))
        count, microseconds, p50, p99, failed = map(int, report.split()[1:])
        return Measured(microseconds / 1e6, count / (microseconds / 1e6), p50 / 1e3, p99 / 1e3, failed)


def _lua_request(target: Target) -> str:
    headers = "\n".join(f"wrk.headers[{_lua(name)}] = {_lua(value)}" for name, value in target.headers.items())
    return f'wrk.method = "POST"\nwrk.body = {_lua(target.body.decode())}\n{headers}'


def _lua_mix(mix: Mix) -> str:
    headers = "\n".join(f"wrk.headers[{_lua(name)}] = {_lua(value)}" for name, value in mix.headers.items())
    lines, bound = [headers, "local paths = {}"], 0
    draws = []
    for number, choice in enumerate(mix.choices):
        listed = ", ".join(_lua(path) for path in choice.paths)
        lines.append(f"paths[{number}] = {{{listed}}}")
        bound += choice.weight
        path = f"paths[{number}][math.random(#paths[{number}])]"
        draws.append(f"if drawn <= {bound} then return wrk.format({_lua(choice.method)}, {path}) end")
    body = "\n  ".join(["local drawn = math.random(100)", *draws])
    return "\n".join([*lines, f"request = function()\n  {body}\nend"])


def _lua(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


async def _generate(target: Target, connections: int, seconds: int) -> Measured:
    deadline = time.perf_counter() + seconds
    found = await asyncio.gather(*(_keep_asking(target, deadline) for _ in range(connections)))
    latencies = [latency for own, _ in found for latency in own]
    if not latencies:
        return Measured(seconds, 0.0, 0.0, 0.0, sum(failed for _, failed in found))
    return Measured(
        seconds=seconds,
        requests_per_second=len(latencies) / seconds,
        p50_ms=percentile(latencies, 50) * 1e3,
        p99_ms=percentile(latencies, 99) * 1e3,
        failed=sum(failed for _, failed in found),
    )


async def _keep_asking(target: Target, deadline: float) -> tuple[list[float], int]:
    reader, writer = await asyncio.open_connection(target.host, target.port)
    headers = {"host": target.host, "content-length": str(len(target.body)), **target.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"POST {target.path} HTTP/1.1\r\n{lines}\r\n".encode() + target.body
    latencies: list[float] = []
    failed = 0
    while time.perf_counter() < deadline:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        latencies.append(time.perf_counter() - began)
        failed += not head.startswith(b"HTTP/1.1 200")
    writer.close()
    return latencies, failed
