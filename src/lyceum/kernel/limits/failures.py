"""How often a secret may be guessed: wrong ones are counted, right ones are not, and whoever goes on waits ever longer.

Counted in PostgreSQL, where no restart or flush of a cache gives new guesses; what is barred is remembered here, so that
whoever is refused costs the database nothing.
"""

import time
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.kernel.limits.fields import Limit, OverLimit, Taken

NAMES_MAX = 10_000
BELIEVED_SECONDS = 5.0
"""How long a bar is remembered without asking again: another process may have heard the right secret meanwhile."""

_NOTE = text("SELECT definer.failures_note(:name, :free, :seconds, :longest_seconds, :counts)")
_FORGET = text("SELECT definer.failures_forget_of(:name)")


@dataclass(frozen=True, slots=True)
class FailureLimit:
    """So many wrong guesses in so many seconds; then a wait of as long, twice that after the next, and no more than the longest."""

    name: str
    at_most: int
    seconds: int
    longest_seconds: int
    told: str


class Failures:
    """Counts wrong guesses; one a process."""

    def __init__(self) -> None:
        self._barred: dict[str, tuple[float, float]] = {}
        """Until when a name is barred, and until when that is believed."""

    async def refuse_barred(self, tx: AsyncSession, limit: FailureLimit, of: str) -> None:
        """Raise `OverLimit` where no guess is free just now."""
        await self._note(tx, limit, of, counts=False)

    async def count(self, tx: AsyncSession, limit: FailureLimit, of: str) -> None:
        """Count a guess, before it is looked at or once it was wrong; raises `OverLimit` where none is free just now."""
        await self._note(tx, limit, of, counts=True)

    async def forget(self, tx: AsyncSession, limit: FailureLimit, of: str) -> None:
        """Forget the guesses: the right secret came."""
        name = f"{limit.name}:{of}"
        self._barred.pop(name, None)
        await tx.execute(_FORGET, {"name": name})

    async def _note(self, tx: AsyncSession, limit: FailureLimit, of: str, *, counts: bool) -> None:
        name = f"{limit.name}:{of}"
        barred = self._barred.get(name)
        if barred is not None:
            now = time.monotonic()
            if min(barred) > now:
                raise _over(limit, barred[0] - now)
            del self._barred[name]
        asked = {
            "name": name,
            "free": limit.at_most,
            "seconds": limit.seconds,
            "longest_seconds": limit.longest_seconds,
            "counts": counts,
        }
        wait_seconds = float(await tx.scalar(_NOTE, asked) or 0.0)
        if wait_seconds > 0:
            now = time.monotonic()
            self._barred[name] = now + wait_seconds, now + BELIEVED_SECONDS
            if len(self._barred) > NAMES_MAX:
                del self._barred[next(iter(self._barred))]
            raise _over(limit, wait_seconds)


def _over(limit: FailureLimit, wait_seconds: float) -> OverLimit:
    window = Limit(limit.name, limit.at_most, limit.seconds)
    return OverLimit(limit.told, Taken(window, remaining=0, more_in_seconds=wait_seconds, wait_seconds=wait_seconds))
