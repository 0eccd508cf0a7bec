"""The time limit and the wish to stop, asked in every member's inner loop."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from lyceum.train.engine.errors import TrainingCancelled

_POLL_SECONDS = 0.05


class Clock:
    """Wall time since the start, the limit, and `should_stop` asked at most every 50 ms from any thread."""

    def __init__(self, time_limit_seconds: float, should_stop: Callable[[], bool] | None = None) -> None:
        self.started = time.monotonic()
        self.deadline = self.started + time_limit_seconds
        self._should_stop = should_stop
        self._asked = 0.0
        self._cancelled = threading.Event()

    def used(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def left(self) -> float:
        """Seconds until the deadline; negative after it."""
        return self.deadline - time.monotonic()

    def in_seconds(self, seconds: float) -> float:
        """The moment that many seconds from now, on the clock that limits are given in."""
        return time.monotonic() + seconds

    def cancelled(self) -> bool:
        """Whether to stop; once true it stays true."""
        if self._cancelled.is_set() or self._should_stop is None:
            return self._cancelled.is_set()
        now = time.monotonic()
        if now - self._asked >= _POLL_SECONDS:
            self._asked = now
            if self._should_stop():
                self._cancelled.set()
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Make every running fit stop where it is."""
        self._cancelled.set()

    def raise_if_cancelled(self) -> None:
        """Raise TrainingCancelled when asked to stop."""
        if self.cancelled():
            raise TrainingCancelled("the training was cancelled")

    def limit(self, deadline: float) -> "Limit":
        """A limit for one fit: `deadline` on the monotonic clock, never later than the whole training's."""
        return Limit(self, min(deadline, self.deadline))


@dataclass(frozen=True, slots=True)
class Limit:
    """The time one member may use."""

    clock: Clock
    deadline: float

    def reached(self) -> bool:
        """True when the member must stop where it is, by time or by cancelling."""
        return time.monotonic() > self.deadline or self.clock.cancelled()
