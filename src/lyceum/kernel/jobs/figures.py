"""The queue as figures for the metrics; they carry no organisation."""

import logging
from collections.abc import Sequence
from typing import Any

from prometheus_client import Gauge
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.jobs.counts import JobCountsCollector, read_counts
from lyceum.kernel.problems import Unavailable
from lyceum.kernel.telemetry import registry
from lyceum.kernel.tx import aside

_DEPTH = text("SELECT kind, class, lane, label, state, jobs, oldest_seconds FROM definer.jobs_depth()")
_LABELS = ("kind", "class", "lane", "label", "state")

jobs_now = Gauge("lyceum_jobs", "Jobs that wait or run", _LABELS, registry=registry)
jobs_oldest_seconds = Gauge("lyceum_jobs_oldest_seconds", "Time since the first was due", _LABELS, registry=registry)

_counts = JobCountsCollector()
registry.register(_counts)

log = logging.getLogger(__name__)


async def count_jobs(database: Database) -> None:
    """Bring the figures up to date; without the database they are empty."""
    rows: Sequence[Any] = ()
    counted: Sequence[Any] = ()
    try:
        async with aside(database, NOBODY) as tx:
            rows = (await tx.execute(_DEPTH)).all()
            counted = await read_counts(tx)
    except (SQLAlchemyError, OSError, Unavailable) as error:
        log.warning("the queue could not be counted", extra={"cause": str(error)})
    # Emptied only now, so that nobody who asks meanwhile reads of an empty queue.
    _counts.rows = counted
    jobs_now.clear()
    jobs_oldest_seconds.clear()
    for *labels, jobs, oldest_seconds in rows:
        jobs_now.labels(*labels).set(jobs)
        jobs_oldest_seconds.labels(*labels).set(max(0.0, oldest_seconds))
