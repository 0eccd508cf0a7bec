"""What the detectors of a dataset know after many usual versions of one column of delays."""

import msgspec
import numpy as np
import polars as pl

from lyceum.data.quality.anomalies.public import BatchMemory, Observation, begun, encoded, measure, remember, replay

POINTS = 40
DAY_SECONDS = 86_400
BEGAN = 1_700_000_000.0


def delays(seed: int, *, late: float = 0.0) -> pl.DataFrame:
    """Return the delays of a day, in minutes."""
    drawn = np.random.default_rng(seed)
    return pl.DataFrame({"delay": (drawn.normal(10, 2, 200) + late).round(3)})


def learned() -> tuple[bytes, bytes]:
    """Return the state and the memory of a watch that has seen many usual days."""
    memory, observations = BatchMemory(), []
    for point in range(POINTS):
        batch = delays(point)
        observations.append(Observation(BEGAN + point * DAY_SECONDS, measure(batch, memory)))
        memory = remember(memory, batch)
    state, _ = replay(begun(), observations)
    return encoded(state), msgspec.msgpack.encode(memory)
