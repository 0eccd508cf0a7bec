"""How many jobs a worker runs at once, by the lane they run in, and what computes them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from lyceum.kernel.config import Settings
from lyceum.kernel.jobs.claims import ClaimedLane
from lyceum.kernel.jobs.handlers import Handlers, HeavyHandler
from lyceum.kernel.jobs.heavy import HeavyRunner, children_that_fit
from lyceum.kernel.jobs.queue import Lane

SHORT_CHILDREN_MAX = 2
SOLO_PROCESSES_MAX = 1
REST_SECONDS_MAX: Mapping[Lane, float] = {"short": 30.0}
"""How long a child waits for another job of its organisation; one that has trained does not."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lanes:
    """`runners` compute in child processes; `slots` say how many jobs of each lane run at once.

    A job alone may hold `solo_memory_bytes_max`.
    """

    runners: Mapping[Lane, HeavyRunner]
    slots: Mapping[ClaimedLane, int]
    solo_memory_bytes_max: int

    @classmethod
    def of(cls, handlers: Handlers, settings: Settings, *, light_slots: int, heavy_slots: int) -> Self:
        """Return what a worker with these handlers runs; no lane for which it has no handler."""
        runners: dict[Lane, HeavyRunner] = {}
        wanted: tuple[tuple[Lane, int], ...] = (("short", SHORT_CHILDREN_MAX), ("heavy", heavy_slots))
        for lane, at_once in wanted:
            computing = handlers.computing(lane)
            if computing and at_once:
                runners[lane] = _runner(computing, settings, lane=lane, wanted=at_once)
        slots: dict[ClaimedLane, int] = {"light": light_slots, "solo": SOLO_PROCESSES_MAX}
        _, solo_memory_bytes_max = _children(settings, lane="solo", wanted=SOLO_PROCESSES_MAX)
        return cls(runners, slots | {lane: runner.at_once for lane, runner in runners.items()}, solo_memory_bytes_max)

    def runner_of(self, lane: ClaimedLane) -> HeavyRunner | None:
        """Return what computes the jobs of a lane; None where they run in the worker itself or alone."""
        return None if lane == "solo" else self.runners.get(lane)

    def kinds(self, handlers: Handlers) -> list[str]:
        """Return the kinds of jobs that have a place to run in."""
        return [
            kind
            for kind, handler in handlers.by_kind.items()
            if not isinstance(handler, HeavyHandler) or handler.args_type.lane in self.runners
        ]


def _runner(computing: list[HeavyHandler], settings: Settings, *, lane: Lane, wanted: int) -> HeavyRunner:
    at_once, memory_bytes_max = _children(settings, lane=lane, wanted=wanted)
    if at_once < wanted:
        facts = {"lane": lane, "wanted": wanted, "at_once": at_once}
        log.info("the memory is too small for as many computing jobs at once as there are slots", extra=facts)
    return HeavyRunner(
        preload=tuple(dict.fromkeys(module for handler in computing for module in handler.preload)),
        at_once=at_once,
        memory_bytes_max=memory_bytes_max,
        rest_seconds_max=REST_SECONDS_MAX.get(lane, 0.0),
    )


def _children(settings: Settings, *, lane: ClaimedLane, wanted: int) -> tuple[int, int]:
    """Return how many children of a lane run at once, and the bytes one may hold."""
    if settings.worker_heavy_memory_bytes_max:
        return wanted, settings.worker_heavy_memory_bytes_max
    return children_that_fit(lane, wanted=wanted, workers=settings.worker_processes)
