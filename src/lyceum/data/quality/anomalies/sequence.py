"""A recurrent network over the recent points of every metric; needs the extra `lyceum-hub[torch]`."""

from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from lyceum.data.quality.anomalies.detectors import RobustZ
from lyceum.data.quality.anomalies.panel import Expected, Numbers, Panel, counted, phases_of

WINDOW_POINTS = 14
POINTS_MIN = 42
POINTS_BETWEEN_FITS = 28
HIDDEN = 16
EPOCHS = 30
WINDOWS_MAX = 4_000
_WEEKDAYS = 7
_CLIPPED_AT = 6.0


class TorchMissing(RuntimeError):
    """PyTorch is not installed."""


def is_available() -> bool:
    """Return whether PyTorch can be imported, without importing it."""
    return find_spec("torch") is not None


class SequenceModel:
    """One small LSTM (Hochreiter and Schmidhuber 1997) shared by all metrics of a dataset.

    It reads the last 14 points of a metric in robust deviations with the place in the week, and says the next one. It is
    trained anew every 28 points, with a seed, on the CPU and one thread, on windows of all metrics.
    """

    name = "sequence"

    def __init__(self, *, seed: int = 0) -> None:
        if not is_available():
            raise TorchMissing('The detector "sequence" needs PyTorch: install lyceum-hub[torch].')
        self._seed = seed

    def expected(self, panel: Panel, at: float) -> Expected:
        """Return the network's next value in the metric's unit; NaN for a metric with fewer than 42 points."""
        known = len(panel.times) - len(panel.times) % POINTS_BETWEEN_FITS
        robust = RobustZ().expected(Panel(panel.times[:known], panel.values[:known]), at)
        unit = np.where(robust.scale > 0, robust.scale, 1.0)
        centre = np.full(len(unit), np.nan)
        ready = counted(panel.values) >= POINTS_MIN
        if known < POINTS_MIN or not ready.any():
            return Expected(centre, np.ones(len(unit)))
        phases = phases_of(np.append(panel.times, at))
        season = 2 * np.pi * phases / max(_WEEKDAYS, int(phases.max()) + 1)
        plain = np.clip(np.nan_to_num((panel.values - robust.centre) / unit), -_CLIPPED_AT, _CLIPPED_AT)
        network = _trained(
            plain[:known].astype(np.float32).tobytes(), season[:known].tobytes(), plain.shape[1], self._seed
        )
        said = _said(network, plain[-WINDOW_POINTS:], season[-WINDOW_POINTS:])
        centre[ready] = (robust.centre + unit * said)[ready]
        return Expected(centre, np.ones(len(unit)))


def _windows(plain: Numbers, season: Numbers) -> tuple[np.ndarray, np.ndarray]:
    """Return windows (windows by points by 3 inputs) of every metric with the value after each."""
    inputs, answers = [], []
    for end in range(WINDOW_POINTS, len(plain)):
        for column in plain.T:
            inputs.append(_input(column[end - WINDOW_POINTS : end], season[end - WINDOW_POINTS + 1 : end + 1]))
            answers.append(column[end])
    return np.asarray(inputs, dtype=np.float32), np.asarray(answers, dtype=np.float32)


def _input(values: Numbers, next_season: Numbers) -> np.ndarray:
    return np.column_stack([values, np.sin(next_season), np.cos(next_season)])


@lru_cache(maxsize=2)
def _trained(plain: bytes, season: bytes, columns: int, seed: int) -> Any:
    import torch

    table = np.frombuffer(plain, dtype=np.float32).reshape(-1, columns).astype(np.float64)
    inputs, answers = _windows(table, np.frombuffer(season))
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(inputs))[:WINDOWS_MAX]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = torch.nn.ModuleDict(
            {"memory": torch.nn.LSTM(3, HIDDEN, batch_first=True), "head": torch.nn.Linear(HIDDEN, 1)}
        )
        optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
        x, y = torch.from_numpy(inputs[chosen]), torch.from_numpy(answers[chosen])
        for _ in range(EPOCHS):
            for start in range(0, len(x), 256):
                optimiser.zero_grad()
                hidden, _ = network["memory"](x[start : start + 256])
                said = network["head"](hidden[:, -1]).squeeze(-1)
                torch.nn.functional.smooth_l1_loss(said, y[start : start + 256]).backward()
                optimiser.step()
    return network.eval()


def _said(network: Any, recent: Numbers, season: Numbers) -> Numbers:
    import torch

    inputs = np.asarray([_input(column, season) for column in recent.T], dtype=np.float32)
    with torch.no_grad():
        hidden, _ = network["memory"](torch.from_numpy(inputs))
        return np.asarray(network["head"](hidden[:, -1]).squeeze(-1).numpy(), dtype=np.float64)
