"""No-op jobs through other queues and through this one: `python bench/jobs_peers.py [--jobs 20000] [--only celery]`.

Each has one worker and, started afresh, the hub's own PostgreSQL and Valkey, with the settings the product gives them. The
queue is filled, then worked off as in `jobs.py`; then jobs come one at a time to the idle worker, and the time from asking
for one to its start is taken, in a process beside the worker. CPU time is of the worker with all its children, and of the
server that holds the queue. The order is drawn anew for each round, and the medians are printed.

Each library has the settings that its documentation recommends for many short jobs; the scripts `peer_*.py` say which,
and the lines below the table what is left of a job with each. Their current releases go into environments below
`.cache/bench-peers`, which are made when they are not there; `--fresh` makes them anew.
"""

import argparse
import json
import os
import random
import secrets
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
from drain import Drained, started_workers
from jobs_worker import IS_FINISHED
from servers import Servers, machine, running_servers

from lyceum.kernel.migrate import libpq_url

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parent / ".cache" / "bench-peers"
VERSIONS = (
    "import sys; from importlib.metadata import version; print(*(f'{n} {version(n)}' for n in sys.argv[1:]), sep=', ')"
)
SLOTS = 100


@dataclass(frozen=True, slots=True)
class Subject:
    """A queue under load. Without `requires` it is this checkout's own; without `is_finished`, Valkey holds the queue."""

    name: str
    script: str
    how: str
    requires: tuple[str, ...] = ()
    work: tuple[str, ...] = ("work",)
    is_finished: str = ""

    @property
    def library(self) -> str:
        """What its environment is called."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Measured:
    """One round of a subject."""

    drained: Drained
    starts: Sequence[float]


SUBJECTS = (
    Subject(
        "lyceum",
        "jobs_worker.py",
        "10 organisations, 3 classes, 100 slots; jobs are kept, with their results",
        is_finished=IS_FINISHED,
    ),
    Subject(
        "procrastinate",
        "peer_procrastinate.py",
        "50 tasks at once, 51 connections; jobs are kept, with their events",
        requires=("procrastinate", "psycopg[binary]"),
        is_finished="SELECT NOT EXISTS (SELECT FROM procrastinate_jobs WHERE status IN ('todo', 'doing'))",
    ),
    Subject(
        "pgqueuer",
        "peer_pgqueuer.py",
        "batches of 100, asyncpg, uvloop; a line in its log is kept of a job",
        requires=("pgqueuer[asyncpg]",),
        is_finished="SELECT NOT EXISTS (SELECT FROM pgqueuer)",
    ),
    Subject(
        "celery prefork",
        "peer_celery.py",
        "a process a core, 128 prefetched for each, acknowledged before they run; nothing is kept, nor on disk before",
        requires=("celery[redis]",),
        work=("work", "prefork", str(os.cpu_count() or 1)),
    ),
    Subject(
        "celery solo",
        "peer_celery.py",
        "one process, else the same",
        requires=("celery[redis]",),
        work=("work", "solo", "1"),
    ),
)


def main() -> None:
    """Measure and print."""
    options = _options()
    chosen = [subject for subject in SUBJECTS if not options.only or subject.library in options.only]
    print(machine())
    pythons = {subject.name: _python_of(subject, fresh=options.fresh) for subject in chosen}
    measured: dict[str, list[Measured]] = {subject.name: [] for subject in chosen}
    for _ in range(options.rounds):
        for subject in random.sample(chosen, len(chosen)):
            measured[subject.name].append(_measure(subject, pythons[subject.name], options.jobs, options.starts))
    print(f"{options.jobs:,} jobs, one worker each, median of {options.rounds}; {options.starts} put one at a time")
    print("queue          |  jobs/s | CPU us a job: worker  server | put to start, median ms")
    for subject in chosen:
        _print_line(subject, measured[subject.name])
    for subject in chosen:
        print(f"{subject.name}: {_versions_of(subject, pythons[subject.name])}; {subject.how}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=20_000, help="no-op jobs that the worker finds on the queue")
    parser.add_argument("--starts", type=int, default=200, help="jobs put one at a time")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--only", nargs="+", choices=sorted({subject.library for subject in SUBJECTS}))
    parser.add_argument("--fresh", action="store_true", help="make the environments anew, with what is current by now")
    return parser.parse_args()


def _python_of(subject: Subject, *, fresh: bool) -> str:
    if not subject.requires:
        return sys.executable
    home = ENVIRONMENTS / subject.library
    python, stamp = home / "bin" / "python", home / "requires.json"
    if fresh or not stamp.exists() or json.loads(stamp.read_text(encoding="utf-8")) != list(subject.requires):
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        quiet = ("-qq", "--disable-pip-version-check")
        subprocess.run([python, "-m", "pip", "install", *quiet, *subject.requires], check=True)
        stamp.write_text(json.dumps(subject.requires), encoding="utf-8")
    return str(python)


def _versions_of(subject: Subject, python: str) -> str:
    names = [requirement.partition("[")[0] for requirement in subject.requires] or ["lyceum-hub"]
    return subprocess.run([python, "-c", VERSIONS, *names], check=True, capture_output=True, text=True).stdout.strip()


def _measure(subject: Subject, python: str, jobs: int, starts: int) -> Measured:
    script = (python, str(HERE / subject.script))
    with ExitStack() as stack:
        servers = stack.enter_context(running_servers(migrated=not subject.requires))
        owner = stack.enter_context(psycopg.connect(libpq_url(servers.owner_url), autocommit=True))
        variables = _variables(servers)

        def is_finished() -> bool:
            return not subject.is_finished or owner.execute(subject.is_finished).fetchone() == (True,)

        _run(script, "prepare", variables=variables)
        _run(script, "put", str(jobs), variables=variables)
        workers = stack.enter_context(started_workers([*script, *subject.work], variables))
        server_pid = servers.postgres_pid if subject.is_finished else servers.valkey_pid
        drained = workers.drain(jobs=jobs, server_pid=server_pid, is_finished=is_finished)
        took = _run(script, "time", str(starts), variables={**variables, **workers.variables})
        return Measured(drained, json.loads(took))


def _variables(servers: Servers) -> dict[str, str]:
    return {
        **servers.variables,
        "LYCEUM_SECRET_KEY": secrets.token_hex(16),
        "LYCEUM_WORKER_LIGHT_SLOTS": str(SLOTS),
        "BENCH_DATABASE": servers.owner_url.replace("postgresql+psycopg:", "postgresql:", 1),
        "BENCH_BROKER": f"redis+socket://:{servers.valkey_password}@{servers.valkey_socket}",
        # where nothing is counted; those that work and those that time are given the run's own
        "BENCH_TALLY": os.devnull,
    }


def _run(script: Sequence[str], *words: str, variables: Mapping[str, str]) -> str:
    environment = {**os.environ, **variables}
    return subprocess.run([*script, *words], check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout


def _print_line(subject: Subject, measured: Sequence[Measured]) -> None:
    drained = sorted((one.drained for one in measured), key=lambda one: one.jobs_a_second)[len(measured) // 2]
    start = statistics.median(seconds for one in measured for seconds in one.starts) * 1e3
    costs = f"{drained.worker_microseconds:20.0f} {drained.server_microseconds:7.0f}"
    print(f"{subject.name:<14} | {drained.jobs_a_second:7,.0f} | {costs} | {start:24.2f}", flush=True)


if __name__ == "__main__":
    main()
