"""The queue's figures: `python bench/jobs.py [--jobs 300] [--drained 20000] [--turned-over 100000]`; 0 leaves a part out.

From enqueue to start on an idle hub: jobs arrive one at a time, with a pause in which the worker falls asleep. The floor
in the same run is one NOTIFY from a connection to another on the same server, and one commit of a row.

Claims, starts and finishes of 100 jobs one after the other, when jobs are ready of 1, 10 and 1,000 organisations.

No-op jobs a second with everything on: ten organisations, three classes, claims in every lane, the job log heard, counts
written, leases kept, 100 light slots and so batches of up to 100. The queue is filled first, by ten transactions at once;
then 1, 2 and 4 worker processes work it off, on fresh servers each time, and the median of the rounds by its rate is
printed. The CPU time is of all worker processes and of the whole PostgreSQL. `jobs_peers.py` measures others alike.

Growth: rounds of at most 10,000 jobs go through one database, each with a worker started for it, and nothing is
forgotten. What is kept grows by right; what the queue works with, its partial indexes and dead rows, should not.
`--turned-over 1000000` is the figure for a hub that has been in use for long, `--kept 1000000` puts as many jobs there that
were done before; `--table-settings` measures it with others than the product's.
"""

import argparse
import asyncio
import secrets
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import psycopg
from drain import Drained, started_workers
from figures import percentile
from jobs_worker import CLASSES, IS_FINISHED, put_jobs
from servers import Servers, machine, own_servers, running_servers

from lyceum.kernel.config import Settings, load_settings
from lyceum.kernel.db import NOBODY
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.claims import Attempt, Claims, Wanted
from lyceum.kernel.jobs.handlers import Handlers, JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs, enqueue
from lyceum.kernel.jobs.worker import Worker
from lyceum.kernel.migrate import libpq_url
from lyceum.kernel.resources import open_resources
from lyceum.kernel.tx import transaction

PAUSE_SECONDS = 0.02
READY_OF = (1, 10, 1_000)
BATCHES = 20
WORKERS = (1, 2, 4)
SLOTS = 100
MARK = 2_000
ROUND_JOBS_MAX = 10_000
TABLES = ("jobs", "job_usage", "job_figures")
WORKER = (sys.executable, str(Path(__file__).with_name("jobs_worker.py")), "work")

_KEPT = """
INSERT INTO jobs (id, kind, args, state, attempt, started_at, finished_at)
SELECT gen_random_uuid(), 'test.noop', '{}', 'done', 1, now(), now() FROM generate_series(1, %(kept)s)
"""
_SIZES = """
SELECT c.relname, pg_table_size(c.oid) FROM pg_class c WHERE c.oid = ANY (%(tables)s::regclass[])
UNION ALL
SELECT c.relname, pg_relation_size(c.oid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = ANY (%(tables)s::regclass[])
"""
_ROWS = """
SELECT relname, n_live_tup, n_dead_tup, round(100.0 * n_tup_hot_upd / greatest(n_tup_upd, 1)), autovacuum_count
FROM pg_stat_user_tables WHERE relid = ANY (%s::regclass[]) ORDER BY array_position(%s, relname::text)
"""


class Mark(JobArgs, frozen=True, kw_only=True):
    """A job that notes when it starts."""

    kind = "bench.mark"
    number: int


@dataclass(frozen=True, slots=True)
class Turned:
    """A round that has been worked off, and what the relations of the queue held then, in bytes."""

    drained: Drained
    bytes_of: dict[str, int]


def main() -> None:
    """Measure and print."""
    options = _options()
    print(machine())
    if options.jobs:
        _print_latencies(options.jobs)
        for organisations in READY_OF:
            _print_batches(organisations)
    if options.drained:
        _print_rates(options.drained, options.rounds, options.workers)
    if options.turned_over:
        for table_settings in options.table_settings:
            _print_growth(options.turned_over, options.kept, table_settings)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=300, help="jobs put one at a time on an idle hub")
    parser.add_argument("--drained", type=int, default=20_000, help="no-op jobs that the workers find on the queue")
    parser.add_argument("--rounds", type=int, default=3, help="how often each number of workers does that")
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS, help="numbers of worker processes")
    parser.add_argument("--turned-over", type=int, default=100_000, help="jobs that go through one database")
    parser.add_argument("--kept", type=int, default=0, help="jobs done before that lie in it already")
    parser.add_argument(
        "--table-settings",
        nargs="+",
        default=[""],
        metavar="NAME=VALUE,…",
        help="what to turn them over with in place of the product's settings, once each, such as fillfactor=100",
    )
    return parser.parse_args()


def _print_latencies(jobs: int) -> None:
    with own_servers() as variables:
        floor = asyncio.run(_notify_floor(variables["LYCEUM_DATABASE_URL"], jobs))
        committed, started = asyncio.run(_measure_latencies(_settings(variables), jobs))
    _print_latency("floor: NOTIFY to its listener", floor)
    _print_latency("enqueue: transaction open to commit acknowledged", committed)
    _print_latency("commit acknowledged to handler started", started)
    _print_latency("enqueue to start", [a + b for a, b in zip(committed, started, strict=True)])


async def _measure_latencies(settings: Settings, jobs: int) -> tuple[list[float], list[float]]:
    began: dict[int, float] = {}
    has_begun = asyncio.Event()

    async def mark(run: JobRun, args: Mark) -> None:
        del run
        began[args.number] = time.perf_counter()
        has_begun.set()

    committed, started = [], []
    async with open_resources(settings, subscribers={}) as resources:
        worker = Worker(
            resources=resources,
            handlers=Handlers.of([LightHandler(args_type=Mark, run=mark)]),
            light_slots=16,
            heavy_slots=0,
            lease_seconds=15,
        )
        serving = asyncio.create_task(worker.run())
        for number in range(jobs):
            await asyncio.sleep(PAUSE_SECONDS)
            opened = time.perf_counter()
            async with transaction(resources.database, NOBODY) as tx:
                await enqueue(tx, Mark(number=number))
            acknowledged = time.perf_counter()
            await has_begun.wait()
            has_begun.clear()
            committed.append(acknowledged - opened)
            started.append(began[number] - acknowledged)
        worker.stop.set()
        await serving
    return committed, started


async def _notify_floor(url: str, rounds: int) -> list[float]:
    listener = await psycopg.AsyncConnection.connect(libpq_url(url), autocommit=True)
    speaker = await psycopg.AsyncConnection.connect(libpq_url(url), autocommit=True)
    took = []
    async with listener, speaker:
        await listener.execute("LISTEN bench")
        for _ in range(rounds):
            sent = time.perf_counter()
            await speaker.execute("NOTIFY bench")
            await anext(listener.notifies(stop_after=1))
            took.append(time.perf_counter() - sent)
    return took


def _print_latency(what: str, seconds: Sequence[float]) -> None:
    median, p99 = statistics.median(seconds) * 1e3, percentile(seconds, 99) * 1e3
    print(f"{what:<50} median {median:7.2f} ms   p99 {p99:7.2f} ms   n {len(seconds)}")


def _print_batches(organisations: int) -> None:
    ids = [UUID(int=number) for number in range(1, organisations + 1)]
    with own_servers() as variables:
        settings = _settings(variables)
        # three for each class at least, so that every organisation has some ready until the end
        asyncio.run(put_jobs(settings, max(2 * BATCHES * SLOTS, 3 * len(CLASSES) * organisations), organisations=ids))
        for what, took in asyncio.run(_time_batches(settings)).items():
            _print_latency(f"{what} of {SLOTS}, ready of {organisations:,} organisations", took)


async def _time_batches(settings: Settings) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {"claim": [], "start": [], "finish": []}
    async with open_resources(settings, subscribers={}) as resources:
        wanted = Wanted(kinds=[args_type.kind for args_type in CLASSES])
        claims = Claims(resources.database, new_id(), wanted, timedelta(seconds=settings.job_lease_seconds))
        for _ in range(BATCHES):
            moments = [time.perf_counter()]
            attempts = [Attempt(row.id, row.attempt) for row in await claims.claim("light", SLOTS)]
            moments.append(time.perf_counter())
            started = await claims.start(attempts)
            moments.append(time.perf_counter())
            await claims.finish(dict.fromkeys(started, "null"))
            moments.append(time.perf_counter())
            if len(started) < SLOTS:
                raise AssertionError(f"{len(started)} jobs were started with {SLOTS} asked for and more ready")
            for times, (began, ended) in zip(took.values(), pairwise(moments), strict=True):
                times.append(ended - began)
    return took


def _print_rates(jobs: int, rounds: int, workers: Sequence[int]) -> None:
    print(f"\n{jobs:,} no-op jobs, {SLOTS} light slots a worker, median of {rounds}")
    print("workers |  jobs/s | CPU us a job: workers  PostgreSQL | slowest - fastest")
    for count in workers:
        measured = sorted((_drained_afresh(jobs, count) for _ in range(rounds)), key=lambda one: one.jobs_a_second)
        middle = measured[len(measured) // 2]
        spread = f"{measured[0].jobs_a_second:,.0f} - {measured[-1].jobs_a_second:,.0f}"
        verdict = f"  below the mark of {MARK:,}" if count == 1 and middle.jobs_a_second < MARK else ""
        costs = f"{middle.worker_microseconds:21.0f} {middle.server_microseconds:11.0f}"
        print(f"{count:7} | {middle.jobs_a_second:7,.0f} | {costs} | {spread}{verdict}", flush=True)


def _drained_afresh(jobs: int, workers: int) -> Drained:
    with running_servers() as servers, psycopg.connect(libpq_url(servers.owner_url), autocommit=True) as owner:
        return _put_and_drain(servers, owner, jobs, workers)


def _put_and_drain(servers: Servers, owner: psycopg.Connection, jobs: int, workers: int) -> Drained:
    def is_finished() -> bool:
        return owner.execute(IS_FINISHED).fetchone() == (True,)

    secret = secrets.token_hex(16)
    variables = {**servers.variables, "LYCEUM_SECRET_KEY": secret, "LYCEUM_WORKER_LIGHT_SLOTS": str(SLOTS)}
    asyncio.run(put_jobs(_settings(servers.variables), jobs))
    with started_workers(WORKER, variables, count=workers) as ready:
        return ready.drain(jobs=jobs, server_pid=servers.postgres_pid, is_finished=is_finished)


def _print_growth(jobs: int, kept: int, table_settings: str) -> None:
    rounds = [min(ROUND_JOBS_MAX, jobs - first) for first in range(0, jobs, ROUND_JOBS_MAX)]
    turned: list[Turned] = []
    with running_servers() as servers, psycopg.connect(libpq_url(servers.owner_url), autocommit=True) as owner:
        if table_settings:
            owner.execute(f"ALTER TABLE jobs SET ({table_settings})".encode())
        owner.execute(_KEPT, {"kept": kept})
        for size in rounds:
            drained = _put_and_drain(servers, owner, size, 1)
            sizes = owner.execute(_SIZES, {"tables": list(TABLES)}).fetchall()
            turned.append(Turned(drained, dict(sizes)))
        rows = owner.execute(_ROWS, (list(TABLES), list(TABLES))).fetchall()
    first, last = turned[0], turned[-1]
    print(f"\n{jobs:,} jobs turned over by one worker, {rounds[0]:,} at a time, beside {kept:,} kept; {table_settings}")
    print(f"{'':<28}  first round   last round")
    _print_change("jobs/s", first.drained.jobs_a_second, last.drained.jobs_a_second)
    if len(turned) > 1:
        halves = turned[: len(turned) // 2], turned[len(turned) // 2 :]
        _print_change(
            "jobs/s, median of each half",
            *(statistics.median(one.drained.jobs_a_second for one in half) for half in halves),
        )
    _print_change("worker CPU us a job", first.drained.worker_microseconds, last.drained.worker_microseconds)
    _print_change("PostgreSQL CPU us a job", first.drained.server_microseconds, last.drained.server_microseconds)
    for name, held in last.bytes_of.items():
        _print_change(f"{name}, KiB", first.bytes_of.get(name, 0) / 1024, held / 1024)
    for name, live, dead, in_place, vacuumed in rows:
        print(f"{name}: {live:,} rows, {dead:,} dead, {in_place} % of updates in place, vacuumed {vacuumed} times")


def _print_change(what: str, first: float, last: float) -> None:
    print(f"{what:<28} {first:12,.0f} {last:12,.0f}")


def _settings(variables: dict[str, str]) -> Settings:
    return load_settings(
        home=variables["LYCEUM_HOME"],
        database_url=variables["LYCEUM_DATABASE_URL"],
        valkey_url=variables["LYCEUM_VALKEY_URL"],
        secret_key=secrets.token_hex(16),
    )


if __name__ == "__main__":
    main()
