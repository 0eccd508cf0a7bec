"""Pushes of ten records: how many are acknowledged a second, and how late at a steady rate: `python bench/pushes.py [--seconds 6]`.

The hub's API runs as in the product, one process, with a key, limits that are counted and not reached, row-level security
and PostgreSQL as durable as in the product; a worker makes versions of what comes meanwhile, on the same machine. Marks: 500
batches a second acknowledged, and p95 within 250 ms at 50 a second, each sent when it is due whether or not those before
have been answered. At the end nothing is missing in the table and nothing is there twice.

The dataset has checks, which run on every version, and its metrics are watched. The last push breaks one of them: told is
how long it takes from its acknowledgement to a webhook's having been told of the incident, the wait for a version included.
"""

import argparse
import asyncio
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import msgspec
from figures import percentile
from processes import cpu_seconds, free_port, own_process
from servers import machine, own_servers

from lyceum.accounts.public import local_administrator_key
from lyceum.kernel.config import load_settings
from lyceum.kernel.resources import open_resources

RECORDS = 10
CONNECTIONS = (16, 64)
MARK_A_SECOND = 500
STEADY_A_SECOND = 50
STEADY_P95_MS_MAX = 250.0
SETTLE_SECONDS_MAX = 300
FLUSH_SECONDS = 5
CHECKS: tuple[Mapping[str, object], ...] = (
    *({"kind": "not_null", "column": column} for column in ("number", "sensor", "at")),
    {"kind": "unique", "columns": ["number"]},
    {"kind": "regex", "column": "sensor", "pattern": "^sensor-[0-9]+$"},
    {"kind": "range", "column": "temperature", "min": 0},
)


class Line:
    """A kept-open connection with one request at a time: lighter than a client library, for it shares the cores."""

    def __init__(self, port: int, key: str, path: str) -> None:
        self._port = port
        self._head = (
            f"POST /api/v1{path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n"
            "content-type: application/json\r\ncontent-length: "
        )
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes) -> None:
        """Push a body; ends the benchmark where that is not acknowledged."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(f"{self._head}{len(body)}\r\n\r\n".encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        answer = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 202"):
            sys.exit(answer.decode())


@dataclass(slots=True)
class Pushing:
    """Pushes by any of some lines, each record with a number of its own."""

    lines: asyncio.Queue[Line]
    sent: int = 0

    async def push(self) -> float:
        """Push ten records and return how long that took, in seconds, waiting for a line included."""
        first, self.sent = self.sent, self.sent + RECORDS
        body = msgspec.json.encode([_record(number) for number in range(first, self.sent)])
        began = time.perf_counter()
        line = await self.lines.get()
        await line.post(body)
        self.lines.put_nowait(line)
        return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=6, help="length of one load")
    options = parser.parse_args()
    print(machine())
    port = free_port()
    with own_servers() as servers:
        os.environ |= {
            **servers,
            "LYCEUM_SECRET_KEY": secrets.token_hex(32),
            "LYCEUM_PORT": str(port),
            "LYCEUM_LOG_LEVEL": "warning",
            "LYCEUM_USER_PUSHES_PER_MINUTE": "10000000",
            "LYCEUM_USER_READS_PER_MINUTE": "10000000",
            "LYCEUM_PUSH_FLUSH_SECONDS": str(FLUSH_SECONDS),
            "LYCEUM_OUTWARD_ALLOWED_NETWORKS": "127.0.0.0/8",
        }
        key = asyncio.run(_key())
        with own_process([sys.executable, "-m", "lyceum.web"], os.environ, port) as process_id:
            worker = _worker_begins()
            try:
                asyncio.run(_measure(port, key, process_id, seconds=options.seconds))
            finally:
                worker.terminate()
                worker.wait(60)


def _worker_begins() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "lyceum.worker"], env=os.environ)


async def _key() -> str:
    async with open_resources(load_settings(), subscribers={}) as resources:
        return (await local_administrator_key(resources.database)).secret


def _record(number: int) -> dict[str, object]:
    return {
        "number": number,
        "sensor": f"sensor-{number % 100}",
        "at": "2024-05-31T17:00:00Z",
        "temperature": number / 10,
        "is_valid": number % 7 != 0,
        "note": "as it came",
    }


async def _measure(port: int, key: str, process_id: int, *, seconds: int) -> None:
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}/api/v1", headers=headers, timeout=60, trust_env=False
    ) as client:
        address = (await client.post("/datasets", json={"name": "pushed"})).raise_for_status().json()["address"]
        path = f"/datasets/{address}/records"
        pushing = Pushing(asyncio.Queue())
        for _ in range(max(CONNECTIONS)):
            pushing.lines.put_nowait(Line(port, key, path))
        await pushing.push()
        await _settled(client, path)
        for check in CHECKS:
            (await client.post(f"/datasets/{address}/checks", json={"definition": check})).raise_for_status()
        for connections in CONNECTIONS:
            await _closed_load(pushing, process_id, connections=connections, seconds=seconds)
        await _open_load(pushing, seconds=seconds)
        began = time.perf_counter()
        await _settled(client, path)
        latest = (await client.get(f"/datasets/{address}/versions/latest")).raise_for_status().json()
        profile = (await client.get(f"/datasets/{address}/versions/latest/profile")).raise_for_status().json()
        numbers = next(column for column in profile["columns"] if column["name"] == "number")
        print(
            f"{latest['row_count']:,} of {pushing.sent:,} records in version {latest['number']}, "
            f"about {numbers['distinct']:,} distinct; all {time.perf_counter() - began:.1f} s after the last push"
        )
        if latest["row_count"] != pushing.sent:
            sys.exit("records were lost or doubled")
        await _alert(client, path)


async def _alert(client: httpx.AsyncClient, path: str) -> None:
    told = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
        writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        if b"temperature" in body:
            told.set()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as receiver:
        organisation = path.split("/")[2]
        receiver_port = receiver.sockets[0].getsockname()[1]
        webhook = {
            "name": "bench",
            "kind": "webhook",
            "url": f"http://127.0.0.1:{receiver_port}/",
            "notice_kinds": ["run_finished"],
        }
        made = (await client.post(f"/organisations/{organisation}/destinations", json=webhook)).raise_for_status()
        rule = {"name": "bench", "to": {"destination_id": made.json()["id"]}}
        (await client.post(f"/organisations/{organisation}/alert-rules", json=rule)).raise_for_status()
        odd = [_record(-number) for number in range(1, RECORDS + 1)]
        (await client.post(path, json=odd)).raise_for_status()
        began = time.perf_counter()
        async with asyncio.timeout(SETTLE_SECONDS_MAX):
            await told.wait()
        print(
            f"a push that breaks a check: a webhook knew of the incident {time.perf_counter() - began:.1f} s later; "
            f"a version is made every {FLUSH_SECONDS} s"
        )


async def _closed_load(pushing: Pushing, process_id: int, *, connections: int, seconds: int) -> None:
    deadline = time.perf_counter() + seconds
    latencies: list[float] = []

    async def keep_pushing() -> None:
        while time.perf_counter() < deadline:
            latencies.append(await pushing.push())

    spent = cpu_seconds(process_id)
    began = time.perf_counter()
    await asyncio.gather(*(keep_pushing() for _ in range(connections)))
    rate = len(latencies) / (time.perf_counter() - began)
    cpu_us = (cpu_seconds(process_id) - spent) / len(latencies) * 1e6
    verdict = "" if rate >= MARK_A_SECOND else f"  below the mark of {MARK_A_SECOND}"
    print(
        f"{connections} connections: {rate:,.0f} batches of {RECORDS} a second, p50 {percentile(latencies, 50) * 1e3:.1f} ms, "
        f"p95 {percentile(latencies, 95) * 1e3:.1f} ms; the API {cpu_us:,.0f} us of CPU for each{verdict}"
    )


async def _open_load(pushing: Pushing, *, seconds: int) -> None:
    async def due(at: float) -> float:
        await asyncio.sleep(at - time.perf_counter())
        await pushing.push()
        return time.perf_counter() - at

    began = time.perf_counter() + 0.1
    latencies = await asyncio.gather(
        *(due(began + place / STEADY_A_SECOND) for place in range(seconds * STEADY_A_SECOND))
    )
    p95_ms = percentile(latencies, 95) * 1e3
    verdict = "" if p95_ms <= STEADY_P95_MS_MAX else f"  above the mark of {STEADY_P95_MS_MAX:.0f} ms"
    print(
        f"{STEADY_A_SECOND} a second: p50 {percentile(latencies, 50) * 1e3:.1f} ms, p95 {p95_ms:.1f} ms, "
        f"p99 {percentile(latencies, 99) * 1e3:.1f} ms{verdict}"
    )


async def _settled(client: httpx.AsyncClient, path: str) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while time.monotonic() < deadline:
        state = (await client.get(path)).raise_for_status().json()
        if not state["waiting_batches"] and not state["in_hand_records"]:
            return
        await asyncio.sleep(0.2)
    sys.exit(f"not settled within {SETTLE_SECONDS_MAX} s")


if __name__ == "__main__":
    main()
