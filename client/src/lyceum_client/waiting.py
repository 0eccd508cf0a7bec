"""Asking again until something has ended, soon at first and then less often."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from lyceum_client.errors import WaitedTooLong

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 1.0
GROWTH = 1.5

T = TypeVar("T")


def last_state(read: Callable[[], T], has_ended: Callable[[T], bool], *, timeout_seconds: float | None, what: str) -> T:
    """Return the state something ended in; raises `WaitedTooLong`."""
    *_, last = states(read, has_ended, timeout_seconds=timeout_seconds, what=what)
    return last


def states(
    read: Callable[[], T], has_ended: Callable[[T], bool], *, timeout_seconds: float | None, what: str
) -> Iterator[T]:
    """Yield each state that differs from the one before, the last of them ended.

    Raises `WaitedTooLong` after `timeout_seconds`; None waits as long as it takes.
    """
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    pause = FIRST_SECONDS
    told: T | None = None
    while True:
        state = read()
        if state != told:
            told, pause = state, FIRST_SECONDS
            yield state
        if has_ended(state):
            return
        if deadline is not None and time.monotonic() + pause > deadline:
            raise WaitedTooLong(None, "waited_too_long", f"{what} has not ended after {timeout_seconds:g} seconds.")
        time.sleep(pause)
        pause = min(pause * GROWTH, LONGEST_SECONDS)
