"""A recurrent network over the recent points of every metric; needs the extra `lyceum-hub[torch]`."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from lyceum.data.quality.anomalies.detectors import RobustZ
from lyceum.data.quality.anomalies.panel import Expected, Numbers, Panel, counted, phases_of, step_seconds

WINDOW_POINTS = 14
POINTS_MIN = 42
BLOCK_STEPS = 28
"""About how many points a block has, in which nothing new is learnt."""
BLOCKS_TO_FORGET = 4
HIDDEN = 16
EPOCHS = 30
BATCH_WINDOWS = 256
WINDOWS_MAX = 4_000
_WEEKDAYS = 7
_CLIPPED_AT = 6.0


class TorchMissing(RuntimeError):
    """PyTorch is not installed, or cannot be loaded."""


def is_available() -> bool:
    """Return whether PyTorch is installed, without importing it."""
    return find_spec("torch") is not None


class SequenceModel:
    """One small LSTM (Hochreiter and Schmidhuber 1997) shared by all metrics of a dataset.

    It reads the last 14 points of a metric in robust deviations with the place in the week, and says the next one. It is
    trained anew every 10 to 40 points, with a seed, on the CPU and one thread, on at most 4,000 windows of all metrics.
    """

    name = "sequence"

    def __init__(self, *, seed: int = 0) -> None:
        self._seed = seed

    def expected(self, panel: Panel, at: float) -> Expected:
        """Return the network's next value in the metric's unit; NaN for a metric with fewer than 42 points.

        Raises `TorchMissing`.
        """
        if not is_available():
            raise TorchMissing('The detector "sequence" needs PyTorch: install lyceum-hub[torch].')
        first, end = _trained_on(panel.times)
        centre = np.full(panel.values.shape[1], np.nan)
        ready = counted(panel.values) >= POINTS_MIN
        if end - first < POINTS_MIN or not ready.any():
            return Expected(centre, np.ones(len(centre)))
        robust = RobustZ().expected(Panel(panel.times[first:end], panel.values[first:end]), at)
        unit = np.where(robust.scale > 0, robust.scale, 1.0)
        phases = phases_of(np.append(panel.times, at))
        season = 2 * np.pi * phases / (_WEEKDAYS if phases.max() < _WEEKDAYS else 24 * _WEEKDAYS)
        plain = np.clip(np.nan_to_num((panel.values - robust.centre) / unit), -_CLIPPED_AT, _CLIPPED_AT)
        learnt = plain[first:end].astype(np.float32)
        with _one_thread():
            network = _trained(learnt.tobytes(), season[first:end].tobytes(), learnt.shape[1], self._seed)
            said = _said(network, plain[-WINDOW_POINTS:], season[-WINDOW_POINTS:])
        centre[ready] = (robust.centre + unit * said)[ready]
        return Expected(centre, np.ones(len(centre)))


def _trained_on(times: Numbers) -> tuple[int, int]:
    """Return the first and the end of the points to train on, the same for all points of a block of time.

    Blocks go by time, not by position: of a history that forgets its oldest point with each new one, all positions move.
    """
    if len(times) < POINTS_MIN:
        return 0, 0
    # a power of two, so that a median that moves a little moves no block
    block_seconds = BLOCK_STEPS * 2.0 ** round(np.log2(max(step_seconds(times), 1.0)))
    begins = np.flatnonzero(np.diff(np.floor(times / block_seconds))) + 1
    if not len(begins):
        return 0, 0
    return (int(begins[0]) if len(begins) > BLOCKS_TO_FORGET else 0), int(begins[-1])


@contextmanager
def _one_thread() -> Iterator[None]:
    torch = _torch()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _torch() -> Any:
    try:
        return import_module("torch")  # an extra: its types are there only with it
    except (ImportError, OSError) as error:
        raise TorchMissing(
            f'The detector "sequence" needs PyTorch, which is installed and cannot be loaded: {error}'
        ) from error


def _windows(plain: Numbers, season: Numbers, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return drawn windows (windows by points by 3 inputs) of the metrics with the value after each."""
    ends, columns = len(plain) - WINDOW_POINTS, plain.shape[1]
    chosen = np.random.default_rng(seed).permutation(ends * columns)[:WINDOWS_MAX]
    first, column = chosen // columns, chosen % columns
    places = first[:, None] + np.arange(WINDOW_POINTS)
    inputs = _inputs(plain[places, column[:, None]], season[places + 1])
    return inputs, plain[first + WINDOW_POINTS, column].astype(np.float32)


def _inputs(values: Numbers, next_season: Numbers) -> np.ndarray:
    return np.stack([values, np.sin(next_season), np.cos(next_season)], axis=-1).astype(np.float32)


@lru_cache(maxsize=2)
def _trained(plain: bytes, season: bytes, columns: int, seed: int) -> Any:
    torch = _torch()
    table = np.frombuffer(plain, dtype=np.float32).reshape(-1, columns).astype(np.float64)
    inputs, answers = _windows(table, np.frombuffer(season), seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = torch.nn.ModuleDict(
            {"memory": torch.nn.LSTM(3, HIDDEN, batch_first=True), "head": torch.nn.Linear(HIDDEN, 1)}
        )
        optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
        x, y = torch.from_numpy(inputs), torch.from_numpy(answers)
        for _ in range(EPOCHS):
            for start in range(0, len(x), BATCH_WINDOWS):
                optimiser.zero_grad()
                hidden, _ = network["memory"](x[start : start + BATCH_WINDOWS])
                said = network["head"](hidden[:, -1]).squeeze(-1)
                torch.nn.functional.smooth_l1_loss(said, y[start : start + BATCH_WINDOWS]).backward()
                optimiser.step()
    return network.eval()


def _said(network: Any, recent: Numbers, season: Numbers) -> Numbers:
    torch = _torch()
    inputs = _inputs(recent.T, np.broadcast_to(season, recent.T.shape))
    with torch.no_grad():
        hidden, _ = network["memory"](torch.from_numpy(inputs))
        return np.asarray(network["head"](hidden[:, -1]).squeeze(-1).numpy(), dtype=np.float64)
