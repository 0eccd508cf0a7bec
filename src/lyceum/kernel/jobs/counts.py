"""How many jobs ended, how long they had waited and how long they ran: counted by workers, added up in the database.

Workers answer no HTTP, so the figures of all of them stand in one small table, which the API shows as Prometheus
counters and histograms.
"""

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.db import NOBODY, Database, as_json
from lyceum.kernel.tx import transaction

WAIT_BUCKETS = (0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0)
RUN_BUCKETS = (0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 21600.0)

_ADD = text("SELECT definer.jobs_figures_add(CAST(:counted AS json))")
_READ = text("SELECT * FROM definer.jobs_figures()")
_LABELS = ("kind", "class", "outcome")

Outcome = Literal["done", "failed", "cancelled", "given_back", "lost"]


@dataclass(slots=True)
class _Count:
    jobs: int = 0
    wait_seconds: float = 0.0
    run_seconds: float = 0.0
    wait_counts: list[int] = field(default_factory=lambda: [0] * (len(WAIT_BUCKETS) + 1))
    run_counts: list[int] = field(default_factory=lambda: [0] * (len(RUN_BUCKETS) + 1))


@dataclass(slots=True)
class JobCounts:
    """What one worker has counted since it last wrote."""

    _counts: dict[tuple[str, str, Outcome], _Count] = field(default_factory=dict)

    def add(self, kind: str, job_class: str, outcome: Outcome, *, waited_seconds: float, ran_seconds: float) -> None:
        """Count one attempt that has ended."""
        count = self._counts.setdefault((kind, job_class, outcome), _Count())
        count.jobs += 1
        count.wait_seconds += waited_seconds
        count.run_seconds += ran_seconds
        count.wait_counts[bisect.bisect_left(WAIT_BUCKETS, waited_seconds)] += 1
        count.run_counts[bisect.bisect_left(RUN_BUCKETS, ran_seconds)] += 1

    async def write(self, database: Database) -> None:
        """Add what was counted to the figures of all workers; raises what SQLAlchemy raises, and then keeps it."""
        if not self._counts:
            return
        counted, self._counts = self._counts, {}
        rows = [
            {
                "kind": kind,
                "class": job_class,
                "outcome": outcome,
                "jobs": count.jobs,
                "wait_seconds": count.wait_seconds,
                "run_seconds": count.run_seconds,
                "wait_counts": count.wait_counts,
                "run_counts": count.run_counts,
            }
            for (kind, job_class, outcome), count in counted.items()
        ]
        try:
            async with transaction(database, NOBODY) as tx:
                await tx.execute(_ADD, {"counted": as_json(rows)})
        except BaseException:
            self._restore(counted)
            raise

    def _restore(self, counted: dict[tuple[str, str, Outcome], _Count]) -> None:
        for key, old in counted.items():
            new = self._counts.setdefault(key, _Count())
            new.jobs += old.jobs
            new.wait_seconds += old.wait_seconds
            new.run_seconds += old.run_seconds
            new.wait_counts = [a + b for a, b in zip(new.wait_counts, old.wait_counts, strict=True)]
            new.run_counts = [a + b for a, b in zip(new.run_counts, old.run_counts, strict=True)]


async def read_counts(tx: AsyncSession) -> Sequence[Any]:
    """Return the figures of all workers, a row a kind, class and outcome."""
    return (await tx.execute(_READ)).all()


class JobCountsCollector(Collector):
    """Shows the rows it was given last as Prometheus metrics."""

    def __init__(self) -> None:
        self.rows: Sequence[Any] = ()

    def collect(self) -> Iterator[CounterMetricFamily | HistogramMetricFamily]:
        """Yield the number of attempts that ended, and histograms of their waiting and running."""
        ended = CounterMetricFamily("lyceum_jobs_ended", "Attempts at jobs that ended", labels=_LABELS)
        waited = HistogramMetricFamily("lyceum_job_wait_seconds", "From due to started", labels=_LABELS)
        ran = HistogramMetricFamily("lyceum_job_run_seconds", "From started to ended", labels=_LABELS)
        for row in self.rows:
            labels = (row[0], row[1], row[2])
            ended.add_metric(labels, row.jobs)
            waited.add_metric(labels, _cumulative(WAIT_BUCKETS, row.wait_counts), row.wait_seconds)
            ran.add_metric(labels, _cumulative(RUN_BUCKETS, row.run_counts), row.run_seconds)
        yield ended
        yield waited
        yield ran


def _cumulative(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip((*bounds, float("inf")), counts, strict=True):
        total += count
        buckets.append(("+Inf" if bound == float("inf") else str(bound), total))
    return buckets
