"""The request mix of a hub in use, beside the same by hand-written SQL: `python bench/http_mix.py [--seconds 6] [--rounds 3]`.

60 % read a dataset by its address, 25 % list twenty, 15 % start a check run, which is a row and a job. The hub's API runs as
in the product, with a key, permissions, row-level security, limits that are counted but not reached, logs and validation;
the floor (`http_floor.py`) is bare ASGI with one statement for each read, on the same server, tables and rows.

Then an open load for a minute: 200 requests a second, sent when they are due whether or not those before have been
answered, so that a stall shows in the latencies of all that came meanwhile; a live socket is asked for an echo beside
it. `--soak-minutes 60` goes on with it and prints the memory the API's process holds as it does.
"""

import argparse
import asyncio
import os
import random
import secrets
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from figures import percentile
from load import Choice, Loader, Measured, Mix
from processes import cpu_seconds, free_port, own_process, resident_bytes
from servers import machine, own_servers
from sockets import open_socket

from lyceum import wiring
from lyceum.accounts.public import Actor, find_actor, local_administrator_key
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.quality.models import CheckRow
from lyceum.kernel.config import Settings, load_settings
from lyceum.kernel.db import NOBODY
from lyceum.kernel.resources import open_resources
from lyceum.kernel.tx import transaction

CONNECTIONS = (16, 64)
DATASETS = 500
MARK = 0.28
P99_MS_MAX = {16: 25.0, 64: 90.0}
FLOOR_P99_MS = {16: 12.0, 64: 40.0}
"""Of the machine those marks were set on; on a slower one what counts is how often the floor's own p99 the hub's is."""
OPEN_REQUESTS_A_SECOND = 200
OPEN_P95_MS_MAX = 10.0
OPEN_CONNECTIONS = 64
ECHO_EVERY_SECONDS = 0.12
ECHO_P99_MS_MAX = 10.0
WARM_MINUTES = 5
GROWTH_MAX = 0.03


@dataclass(frozen=True, slots=True)
class Subject:
    """A server under load."""

    mix: Mix
    process_id: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """One load, and what the server's process spent on a request."""

    measured: Measured
    cpu_microseconds: float


def main() -> None:
    """Measure and print."""
    options = _options()
    loader = Loader()
    print(f"{machine()}, requests by {loader.name}")
    with _subjects() as (hub, floor):
        print(
            "connections | floor req/s  CPU us  p99 ms | hub req/s  CPU us  p50 ms  p99 ms | ratio  by CPU  by p99 | failed"
        )
        for connections in CONNECTIONS:
            pairs = [
                (
                    _load(loader, floor, connections=connections, seconds=options.seconds),
                    _load(loader, hub, connections=connections, seconds=options.seconds),
                )
                for _ in range(options.rounds)
            ]
            _print_line(connections, pairs)
        asyncio.run(_open_load(hub, seconds=options.open_seconds))
        if options.soak_minutes:
            _soak(hub, options.soak_minutes)


def _soak(hub: Subject, minutes: int) -> None:
    held: list[float] = []
    for minute in range(minutes):
        asyncio.run(_open_load(hub, seconds=60))
        held.append(resident_bytes(hub.process_id) / 1024**2)
        print(f"minute {minute + 1}: {held[-1]:,.0f} MiB", flush=True)
    warm = held[min(WARM_MINUTES, minutes) - 1]
    growth = held[-1] / warm - 1
    verdict = "" if growth <= GROWTH_MAX else f"  above the mark of {GROWTH_MAX:.0%}"
    print(
        f"memory from minute {min(WARM_MINUTES, minutes)} to {minutes}: {warm:,.0f} to {held[-1]:,.0f} MiB, {growth:+.1%}{verdict}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=6, help="length of one load")
    parser.add_argument("--rounds", type=int, default=3, help="loads of each kind; the median is printed")
    parser.add_argument("--open-seconds", type=int, default=60, help="length of the open load")
    parser.add_argument("--soak-minutes", type=int, default=0, help="how long the open load goes on")
    return parser.parse_args()


@contextmanager
def _subjects() -> Iterator[tuple[Subject, Subject]]:
    ports = free_port(), free_port()
    with own_servers() as servers:
        variables = {
            **servers,
            "LYCEUM_SECRET_KEY": secrets.token_hex(32),
            "LYCEUM_PORT": str(ports[0]),
            "LYCEUM_LOG_LEVEL": "info",
            # counted, and above what the machine can answer
            "LYCEUM_USER_READS_PER_MINUTE": "10000000",
            "LYCEUM_USER_WRITES_PER_MINUTE": "10000000",
        }
        os.environ.update(variables)
        key, who = asyncio.run(_fill(load_settings()))
        environment = {**os.environ, "BENCH_ORGANISATION": str(who.org_id)}
        choices = _choices(who.org_name)
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        with (
            own_process([sys.executable, "-m", "lyceum.web"], environment, ports[0]) as hub_id,
            own_process([sys.executable, "bench/http_floor.py", str(ports[1])], environment, ports[1]) as floor_id,
        ):
            hub, floor = (Mix("127.0.0.1", port, headers, choices) for port in ports)
            yield Subject(hub, hub_id), Subject(floor, floor_id)


def _choices(organisation: str) -> tuple[Choice, ...]:
    addresses = [f"/api/v1/datasets/{organisation}/table-{number}" for number in range(DATASETS)]
    return (
        Choice(60, "GET", tuple(addresses)),
        Choice(25, "GET", ("/api/v1/datasets?limit=20",)),
        Choice(15, "POST", tuple(f"{address}/versions/1/check-runs" for address in addresses)),
    )


async def _fill(config: Settings) -> tuple[str, Actor]:
    async with open_resources(config, subscribers=wiring.subscribers()) as resources:
        key = (await local_administrator_key(resources.database)).secret
        async with transaction(resources.database, NOBODY) as tx:
            who = await find_actor(tx, key)
        assert who.org_id is not None
        for number in range(DATASETS):
            async with transaction(resources.database, who.scope) as tx:
                dataset = DatasetRow(org_id=who.org_id, name=f"table-{number}")
                tx.add(dataset)
                await tx.flush()
                tx.add(
                    DatasetVersionRow(
                        org_id=who.org_id,
                        dataset_id=dataset.id,
                        number=1,
                        state="accepted",
                        delta_version=0,
                        file_name="table.csv",
                        row_count=1,
                        table_schema={"columns": []},
                    )
                )
                definition = {"id": "rows", "kind": "row_count", "at_least": 1}
                tx.add(CheckRow(org_id=who.org_id, dataset_id=dataset.id, definition=definition, origin="person"))
    return key, who


def _load(loader: Loader, subject: Subject, *, connections: int, seconds: int) -> Loaded:
    before = cpu_seconds(subject.process_id)
    measured = loader.run_mix(subject.mix, connections=connections, seconds=seconds)
    requests = measured.requests_per_second * measured.seconds
    return Loaded(measured, (cpu_seconds(subject.process_id) - before) / requests * 1e6)


def _print_line(connections: int, pairs: list[tuple[Loaded, Loaded]]) -> None:
    def middle(figure: Callable[[Loaded, Loaded], float]) -> float:
        return statistics.median(figure(floor, hub) for floor, hub in pairs)

    ratio = middle(lambda floor, hub: hub.measured.requests_per_second / floor.measured.requests_per_second)
    by_cpu = middle(lambda floor, hub: floor.cpu_microseconds / hub.cpu_microseconds)
    p99 = middle(lambda _, hub: hub.measured.p99_ms)
    by_floor = middle(lambda floor, hub: hub.measured.p99_ms / floor.measured.p99_ms)
    line = f"{connections:11} | {middle(lambda floor, _: floor.measured.requests_per_second):11,.0f}"
    line += (
        f" {middle(lambda floor, _: floor.cpu_microseconds):7.0f} {middle(lambda floor, _: floor.measured.p99_ms):7.2f}"
    )
    line += f" | {middle(lambda _, hub: hub.measured.requests_per_second):9,.0f}"
    line += f" {middle(lambda _, hub: hub.cpu_microseconds):7.0f} {middle(lambda _, hub: hub.measured.p50_ms):7.2f}"
    line += f" {p99:7.2f} | {ratio:5.2f} {by_cpu:7.2f} {by_floor:7.2f} | {sum(hub.measured.failed for _, hub in pairs)}"
    below = "" if ratio >= MARK else f"  below the mark of {MARK}"
    late = "" if p99 <= P99_MS_MAX[connections] else f"  p99 above {P99_MS_MAX[connections]:.0f} ms"
    by_floor_max = P99_MS_MAX[connections] / FLOOR_P99_MS[connections]
    late += "" if by_floor <= by_floor_max else f"  p99 above {by_floor_max:.2f} of the floor's"
    print(f"{line}{below}{late}", flush=True)


async def _open_load(subject: Subject, *, seconds: int) -> None:
    """Send requests when they are due over connections kept open, and print how long each took from then on."""
    due: asyncio.Queue[tuple[float, str, str]] = asyncio.Queue()
    latencies: list[float] = []
    failed = 0

    async def send_on_one_connection() -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection(subject.mix.host, subject.mix.port)
        headers = {"host": subject.mix.host, **subject.mix.headers, "content-length": "0"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        while True:
            moment, method, path = await due.get()
            writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
            latencies.append(time.perf_counter() - moment)
            failed += head[9:10] != b"2"
            due.task_done()

    echoes: list[float] = []
    senders = [asyncio.create_task(send_on_one_connection()) for _ in range(OPEN_CONNECTIONS)]
    senders.append(asyncio.create_task(_echo(subject, echoes)))
    began = time.perf_counter()
    for number in range(seconds * OPEN_REQUESTS_A_SECOND):
        moment = began + number / OPEN_REQUESTS_A_SECOND
        await asyncio.sleep(moment - time.perf_counter())
        (choice,) = random.choices(subject.mix.choices, [choice.weight for choice in subject.mix.choices])
        due.put_nowait((moment, choice.method, random.choice(choice.paths)))
    answered = asyncio.create_task(due.join())
    done, _ = await asyncio.wait({answered, *senders}, return_when=asyncio.FIRST_COMPLETED)
    for ended in done:
        ended.result()
    for sender in senders:
        sender.cancel()
    p50, p95, p99 = (percentile(latencies, percent) * 1e3 for percent in (50, 95, 99))
    verdict = "" if p95 <= OPEN_P95_MS_MAX and not failed else f"  above the mark of {OPEN_P95_MS_MAX:.0f} ms"
    echo_p50, echo_p99 = (percentile(echoes, percent) * 1e3 for percent in (50, 99))
    late = "" if echo_p99 <= ECHO_P99_MS_MAX else f"  above the mark of {ECHO_P99_MS_MAX:.0f} ms"
    print(
        f"{OPEN_REQUESTS_A_SECOND} requests/s for {seconds} s: p50 {p50:.2f} ms, p95 {p95:.2f} ms, p99 {p99:.2f} ms, "
        f"{failed} failed{verdict}; {len(echoes)} echoes of a socket: p50 {echo_p50:.2f} ms, p99 {echo_p99:.2f} ms{late}",
        flush=True,
    )


async def _echo(subject: Subject, seconds_taken: list[float]) -> None:
    """Ask over a live socket whether somebody is there, again and again, and keep how long each answer took."""
    async with await open_socket(subject.mix.port, subject.mix.headers["authorization"]) as socket:
        while True:
            sent = time.perf_counter()
            await socket.send('{"type":"ping"}')
            await socket.recv()
            seconds_taken.append(time.perf_counter() - sent)
            await asyncio.sleep(ECHO_EVERY_SECONDS)


if __name__ == "__main__":
    main()
