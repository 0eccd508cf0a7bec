"""Backups at the times that `LYCEUM_BACKUP_SCHEDULE` names, for as long as the hub runs.

They are errands of the supervisor and no jobs of the queue: a backup is made as the database's owner, whose password no
worker has, and must not wait for what it copies.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cronsim import CronSim

from lyceum.hub.errors import HubFailed
from lyceum.kernel.backup_note import last_backup

LOOK_SECONDS = 20.0
BACKUP_SECONDS_MAX = 86_400

log = logging.getLogger(__name__)


def due_at(schedule: str, after: datetime) -> datetime:
    """Return the first moment after `after` that a cron expression names in UTC."""
    return next(CronSim(schedule, after.astimezone(UTC)))


async def keep_backups(
    schedule: str, home: Path, make: Callable[[], Awaitable[dict[str, Any]]], notice: Callable[[str], None]
) -> None:
    """Call `make` whenever a backup is due, until cancelled; one that was missed while no hub ran is made up for once.

    One that fails, for whatever reason, is told, and tried again at its next time.
    """
    last = last_backup(home)
    counted_from = datetime.fromisoformat(last.made_at) if last else datetime.now(UTC)
    while True:
        wait_seconds = (due_at(schedule, counted_from) - datetime.now(UTC)).total_seconds()
        if wait_seconds > 0:
            # looked at again and again: the clock may be set, or the machine sleep
            await asyncio.sleep(min(LOOK_SECONDS, wait_seconds))
            continue
        try:
            await make()
        except HubFailed as error:
            notice(f"The scheduled backup was not made: {error}")
        except Exception as error:
            log.exception("a scheduled backup failed")
            notice(f"The scheduled backup was not made ({type(error).__name__}); see supervisor.log.")
        counted_from = datetime.now(UTC)
