"""Taking back what silent workers held, and nothing that a living one holds.

A lease that has run out is no proof: a clock jumped, the machine slept, the database was away. So a lease is looked at
again after a while measured by this process's own clock, in which each living worker extends its own at least once.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.tx import transaction

LOOK_SECONDS = 1.0
SILENT_SECONDS = 2.8
"""How long a lease stays as it was before its job is taken back; longer than a beat of the workers."""

_OVERDUE = text("SELECT id, lease_until FROM definer.jobs_overdue(:lease)")
_REAP = text("SELECT id FROM definer.jobs_reap(:ids, :leases)")

_Lease = tuple[UUID, datetime]


@dataclass(slots=True)
class Reaper:
    """One worker's eye on the leases of all."""

    database: Database
    lease: timedelta
    clock: Callable[[], float] = time.monotonic
    _first_seen: dict[_Lease, float] = field(default_factory=dict)

    async def look(self) -> int:
        """Take back the jobs whose leases have been over for a while; return how many there were."""
        now = self.clock()
        async with transaction(self.database, NOBODY) as tx:
            overdue: list[_Lease] = [(row[0], row[1]) for row in await tx.execute(_OVERDUE, {"lease": self.lease})]
            self._first_seen = {lease: self._first_seen.get(lease, now) for lease in overdue}
            silent = [lease for lease, seen in self._first_seen.items() if now - seen >= SILENT_SECONDS]
            if not silent:
                return 0
            ids, leases = zip(*silent, strict=True)
            return len((await tx.execute(_REAP, {"ids": list(ids), "leases": list(leases)})).all())
