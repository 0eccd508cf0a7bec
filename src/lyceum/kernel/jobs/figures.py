"""The queue as figures for the metrics; they carry no organisation."""

import logging
from collections.abc import Sequence
from typing import Any

from prometheus_client import Gauge
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.problems import Unavailable
from lyceum.kernel.telemetry import registry
from lyceum.kernel.tx import aside

_DEPTH = text("SELECT class, heavy, state, jobs, oldest_seconds FROM definer.jobs_depth()")
_LABELS = ("class", "heavy", "state")

jobs_now = Gauge("lyceum_jobs", "Jobs that wait or run", _LABELS, registry=registry)
jobs_oldest_seconds = Gauge("lyceum_jobs_oldest_seconds", "Time since the first was due", _LABELS, registry=registry)

log = logging.getLogger(__name__)


async def count_jobs(database: Database) -> None:
    """Bring the gauges up to date; without the database they are empty."""
    rows: Sequence[Any] = ()
    try:
        async with aside(database, NOBODY) as tx:
            rows = (await tx.execute(_DEPTH)).all()
    except (SQLAlchemyError, OSError, Unavailable) as error:
        log.warning("the queue could not be counted", extra={"cause": str(error)})
    # Emptied only now, so that nobody who asks meanwhile reads of an empty queue.
    jobs_now.clear()
    jobs_oldest_seconds.clear()
    for class_, heavy, state, jobs, oldest_seconds in rows:
        labels = (class_, str(heavy).lower(), state)
        jobs_now.labels(*labels).set(jobs)
        jobs_oldest_seconds.labels(*labels).set(max(0.0, oldest_seconds))
