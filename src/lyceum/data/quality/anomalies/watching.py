"""The arrays behind a `MetricWatch` while it is worked on."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import msgspec
import numpy as np

from lyceum.data.quality.anomalies import forest
from lyceum.data.quality.anomalies.calibration import BODY, RANKED_POINTS, Calibration, day_score, rank_surprise
from lyceum.data.quality.anomalies.detectors import (
    SCALE_FLOOR,
    Detector,
    RobustZ,
    SeasonalResidual,
    deviations,
)
from lyceum.data.quality.anomalies.panel import Expected, Numbers, Panel, counted, quantiles
from lyceum.data.quality.anomalies.smoothing import HoltWinters
from lyceum.data.quality.anomalies.states import NETWORK, Mark, MetricWatch, WatchOptions

HELD_POINTS = 3
"""What so many odd points reach is usual in a way; one or two may be a fault of some days."""
_TINY = 1e-12
_PANEL_DETECTORS: Mapping[str, type[Detector]] = {
    "seasonal": SeasonalResidual,
    "robust": RobustZ,
    "smoothing": HoltWinters,
}


@dataclass(frozen=True, slots=True)
class Said:
    """What one detector says of a point, by metric."""

    errors: Numbers
    surprises: Numbers
    scores: Numbers


@dataclass(frozen=True, slots=True)
class Ready:
    """What a detector expects at one time, with its calibration."""

    expected: Expected
    calibration: Calibration
    tolerance: Numbers

    @property
    def unit(self) -> Numbers:
        """What an error of 1 is in each metric's own unit, above 0."""
        return np.where(self.expected.scale > 0, self.expected.scale, _TINY)

    def said_of(self, values: Numbers) -> Said:
        """Return what the detector says of values that came."""
        errors = (values - self.expected.centre) / self.unit
        surprises = self.calibration.surprise(np.abs(errors))
        return Said(errors, surprises, surprises / (self.calibration.loudness * self.tolerance))

    def half_band(self, score: float) -> Numbers:
        """Return how far from the centre each metric may be before its score is `score`."""
        narrow = Calibration(
            self.calibration.body,
            self.calibration.slope,
            self.calibration.loudness * self.tolerance,
            self.calibration.is_ready,
        )
        return narrow.error_at(score) * self.unit


@dataclass(slots=True)
class Known:
    """A `MetricWatch` in arrays: points by metrics."""

    options: WatchOptions
    names: list[str]
    times: list[float]
    values: Numbers
    taken: Numbers
    marks: np.ndarray
    errors: dict[str, np.ndarray]
    surprises: dict[str, np.ndarray]
    scores: dict[str, list[float]]
    ranks: dict[str, list[float]]
    fused: list[float]
    odd: list[bool]
    refuted: list[bool]
    weights: dict[str, float]
    tolerance: Numbers
    detectors: dict[str, Detector] = field(default_factory=dict)

    @classmethod
    def of(cls, state: MetricWatch) -> "Known":
        """Return the arrays of a state."""
        shape = (len(state.times), len(state.names))
        panel_detectors = [name for name in state.options.detectors if name != forest.NAME]

        def table(kept: bytes | None) -> np.ndarray:
            if kept is None:
                return np.full(shape, np.nan, dtype=np.float32)
            return np.frombuffer(kept, dtype="<f4").reshape(shape).copy()

        return cls(
            options=state.options,
            names=list(state.names),
            times=list(state.times),
            values=np.frombuffer(state.values, dtype="<f8").reshape(shape).copy(),
            taken=np.frombuffer(state.taken, dtype="<f8").reshape(shape).copy(),
            marks=np.frombuffer(state.marks, dtype=np.uint8).reshape(shape).copy(),
            errors={name: table(state.errors.get(name)) for name in panel_detectors},
            surprises={name: table(state.surprises.get(name)) for name in panel_detectors},
            scores={name: list(state.scores.get(name, (float("nan"),) * shape[0])) for name in state.options.detectors},
            ranks={name: list(state.ranks.get(name, (0.0,) * shape[0])) for name in state.options.detectors},
            fused=list(state.fused),
            odd=list(state.odd),
            refuted=list(state.refuted),
            weights=dict(state.weights) or default_weights(state.options.detectors),
            tolerance=np.array(state.tolerance, dtype=np.float64),
            detectors={name: detector_named(name, seed=state.options.seed) for name in panel_detectors},
        )

    def state(self) -> MetricWatch:
        """Return what is kept."""
        return MetricWatch(
            options=self.options,
            names=tuple(self.names),
            times=tuple(self.times),
            values=self.values.astype("<f8").tobytes(),
            taken=self.taken.astype("<f8").tobytes(),
            marks=self.marks.astype(np.uint8).tobytes(),
            errors={name: table.astype("<f4").tobytes() for name, table in self.errors.items()},
            surprises={name: table.astype("<f4").tobytes() for name, table in self.surprises.items()},
            scores={name: tuple(told) for name, told in self.scores.items()},
            ranks={name: tuple(told) for name, told in self.ranks.items()},
            fused=tuple(self.fused),
            odd=tuple(self.odd),
            refuted=tuple(self.refuted),
            weights=self.weights,
            tolerance=tuple(map(float, self.tolerance)),
        )

    def panel(self) -> Panel:
        """Return the baseline: what is confirmed or left behind is not in it, what is held is in up to its band."""
        is_out = np.isin(self.marks, (Mark.CONFIRMED, Mark.LEFT_BEHIND))
        return Panel(np.array(self.times), np.where(is_out, np.nan, self.taken))

    def ready(self, at: float, *, only: Collection[str] | None = None) -> dict[str, Ready]:
        """Return what each detector of single metrics expects at `at`, or some of them; may raise `TorchMissing`."""
        panel = self.panel()
        asked = {name: one for name, one in self.detectors.items() if only is None or name in only}
        return {name: self._ready(name, detector, panel, at) for name, detector in asked.items()}

    def _ready(self, name: str, detector: Detector, panel: Panel, at: float) -> Ready:
        expected = detector.expected(panel, at)
        scale = np.where(expected.scale > 0, expected.scale, _TINY)
        floor = np.maximum(SCALE_FLOOR * deviations(panel.values) / scale, _TINY)
        return Ready(expected, self.calibration(name, floor), self.tolerance)

    def calibration(self, name: str, floor: Numbers) -> Calibration:
        """Return the calibration of one detector by its errors so far; `floor` is the least error that counts."""
        errors = self.usual_errors(name)
        usual = np.sqrt(np.nansum(errors**2, axis=0) / np.maximum(counted(errors), 1))
        surprises = self._bounded(self.surprises[name].astype(np.float64), np.abs(self.errors[name].astype(np.float64)))
        return Calibration.of(errors, surprises, np.maximum(floor, usual))

    def usual_errors(self, name: str) -> Numbers:
        """Return the absolute errors of one detector: NaN where a fault is confirmed, bounded where a point is held."""
        errors = np.abs(self.errors[name].astype(np.float64))
        return self._bounded(errors, errors)

    def _bounded(self, told: Numbers, errors: Numbers) -> Numbers:
        """Return what is known without the confirmed faults; where a point is held, at most what others reach.

        Others are the points that are not held, or two more that are: how large one odd value is says nothing of what is
        usual. Of a metric that hardly ever moves nothing else is known, and there all counts as it came.
        """
        known = np.where(self.marks == Mark.CONFIRMED, np.nan, told)
        is_held = self.marks == Mark.HELD
        if not is_held.any():
            return known
        body = quantiles(np.where(is_held, np.nan, errors), [BODY])[0]
        most = np.nan_to_num(quantiles(np.where(is_held, np.nan, known), [1.0])[0])
        if len(known) >= HELD_POINTS:
            held = np.where(is_held, np.nan_to_num(known), 0.0)
            most = np.maximum(most, np.partition(held, -HELD_POINTS, axis=0)[-HELD_POINTS])
        return np.where(is_held & (body > 0), np.fmin(known, most), known)

    def vector(self, errors: Numbers) -> Numbers:
        """Return errors of the seasonal detector in units of each metric's usual error, for the forest."""
        known = len(self.times) - len(self.times) % forest.POINTS_BETWEEN_FITS
        usual = quantiles(self.usual_errors("seasonal")[:known], [0.8])[0]
        return np.asarray(errors / np.where(np.nan_to_num(usual) > 0, usual, np.inf), dtype=np.float64)

    def detector_surprises(self, said: Mapping[str, Said]) -> tuple[dict[str, float], dict[str, float]]:
        """Return by detector the score of the point, and minus log10 of its rank among earlier points."""
        scores = {name: day_score(one.scores) for name, one in said.items()}
        if forest.NAME in self.scores and "seasonal" in said:
            earlier = self.vector(self.errors["seasonal"].astype(np.float64))
            judged = self.vector(said["seasonal"].errors)[None, :]
            scores[forest.NAME] = float(forest.scores(earlier, judged, seed=self.options.seed)[0])
        return scores, {name: self.rank_of(name, score) for name, score in scores.items()}

    def rank_of(self, name: str, score: float) -> float:
        """Return minus log10 of the calibrated rank of a detector's score; 0 for one that is not known."""
        if not np.isfinite(score):
            return 0.0
        earlier = np.where(self.refuted, np.nan, self.scores[name])
        return rank_surprise(score, earlier[-RANKED_POINTS:])

    def with_names(self, names: list[str]) -> None:
        """Take in metrics that were not known, with no history."""
        new = [name for name in names if name not in set(self.names)]
        if not new:
            return
        empty = np.full((len(self.times), len(new)), np.nan)
        self.names += new
        self.values, self.taken = np.hstack([self.values, empty]), np.hstack([self.taken, empty])
        self.marks = np.hstack([self.marks, np.zeros(empty.shape, dtype=np.uint8)])
        for tables in (self.errors, self.surprises):
            for name, table in tables.items():
                tables[name] = np.hstack([table, empty.astype(np.float32)])
        self.tolerance = np.append(self.tolerance, np.ones(len(new)))

    def cut(self) -> None:
        """Forget points beyond what is kept, and metrics that none of the kept points has."""
        start = max(0, len(self.times) - self.options.kept_points)
        held = np.asarray(np.isfinite(self.values[start:]).any(axis=0))
        self.names = [name for name, keep in zip(self.names, held.tolist(), strict=True) if keep]
        self.values, self.taken = self.values[start:, held], self.taken[start:, held]
        self.marks = self.marks[start:, held]
        self.tolerance = self.tolerance[held]
        for tables in (self.errors, self.surprises):
            for name, table in tables.items():
                tables[name] = table[start:, held]
        self.times, self.fused = self.times[start:], self.fused[start:]
        self.odd, self.refuted = self.odd[start:], self.refuted[start:]
        self.scores = {name: told[start:] for name, told in self.scores.items()}
        self.ranks = {name: told[start:] for name, told in self.ranks.items()}


def default_weights(detectors: tuple[str, ...]) -> dict[str, float]:
    """Return the weights before anything was tested: the seasonal residual and smoothing, or all alike without them."""
    first = [name for name in detectors if name in {"seasonal", "smoothing"}] or list(detectors)
    return {name: float(name in first) / len(first) for name in detectors}


def detector_named(name: str, *, seed: int) -> Detector:
    """Return a detector of single metrics; raises `ValueError` for a name that none has."""
    if name == NETWORK:
        from lyceum.data.quality.anomalies.sequence import SequenceModel

        return SequenceModel(seed=seed)
    if name not in _PANEL_DETECTORS:
        raise ValueError(
            f'There is no detector "{name}": choose from {", ".join(_PANEL_DETECTORS)}, forest and {NETWORK}.'
        )
    return _PANEL_DETECTORS[name]()


def with_options(state: MetricWatch, **changed: object) -> MetricWatch:
    """Return the state with other options; a detector that is new there has no history of its own yet."""
    return msgspec.structs.replace(state, options=msgspec.structs.replace(state.options, **changed))
