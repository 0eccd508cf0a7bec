"""Export with proof: every member is compared with its native self before it may be served."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from lyceum.kernel.problems import first_line
from lyceum.serve.runtime.public import Answers, OnnxModel, Parity, TypedFrame, compare
from lyceum.train.engine.ensemble import Ensemble, Selection
from lyceum.train.engine.errors import NotExportable
from lyceum.train.engine.search import ServedMember

# the exported graph sums float32 leaves of up to thousands of trees
_PROBABILITY_TOLERANCE = 1e-5
_VALUE_TOLERANCE_DEVIATIONS = 5e-5
_STRAIN_SHARE = 0.25
_ADVICE = "train again with another seed, or predict in Python with the model that fit returned"
_UNSEEN_TEXT = "a text that no training row had ☃"
_MAGNITUDES = (1e6, -1.0, 1.7e9, 1e-6)


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written. `weights` by member kept; `members_dropped` maps a member to why it is not in the file.

    `parity` compares the file with the native answers of the same members, on training rows and on the same rows with
    missing values, unseen texts and extreme numbers put in.
    """

    path: Path
    file_bytes: int
    export_seconds: float
    weights: Mapping[str, float]
    members_dropped: Mapping[str, str]
    parity: Parity


def export(ensemble: Ensemble, selection: Selection, sample: TypedFrame, path: Path) -> tuple[ExportReport, Ensemble]:
    """Write the largest part of the ensemble that answers as in training, and return that part with the report.

    Raises NotExportable when no member does.
    """
    started = time.monotonic()
    strained = strain(sample)
    regression = ensemble.outcome.task == "regression"
    tolerance = _VALUE_TOLERANCE_DEVIATIONS * ensemble.scale.deviation if regression else _PROBABILITY_TOLERANCE
    dropped: dict[str, str] = {}
    for member in ensemble.members:
        reason = _refusal(ensemble.only([member]), strained, tolerance)
        if reason:
            dropped[member.name] = reason
    kept = _reweighted(ensemble, selection, dropped)
    document = kept.graph().SerializeToString()
    parity = compare(kept.answers(strained), _served(document, strained), tolerance=tolerance)
    if not parity.within_tolerance:
        raise NotExportable(
            f"the exported ensemble differs from training by {parity.max_abs_difference:.2g} where"
            f" {tolerance:.2g} is allowed; {_ADVICE}"
        )
    path.write_bytes(document)
    report = ExportReport(
        path=path,
        file_bytes=len(document),
        export_seconds=time.monotonic() - started,
        weights={member.name: member.weight for member in kept.members},
        members_dropped=dropped,
        parity=parity,
    )
    return report, kept


def strain(sample: TypedFrame) -> TypedFrame:
    """The sample's rows, followed by copies with missing values, unseen texts and extreme magnitudes put in."""
    rng = np.random.default_rng(0)
    rows = len(sample.numbers)
    shape = sample.numbers.shape
    missing = np.where(rng.random(shape) < _STRAIN_SHARE, np.nan, sample.numbers)
    factors = rng.choice(_MAGNITUDES, size=shape)
    extreme = np.where(rng.random(shape) < _STRAIN_SHARE, sample.numbers * factors, sample.numbers)
    categories = tuple(_strained_texts(series, rng, rows) for series in sample.categories)
    return TypedFrame(np.vstack([sample.numbers, missing, extreme]), categories, sample.missing_text)


def _strained_texts(series: pl.Series, rng: np.random.Generator, rows: int) -> pl.Series:
    hit = pl.Series(rng.random(rows) < _STRAIN_SHARE)
    missing = pl.select(pl.when(hit).then(None).otherwise(series)).to_series()
    unseen = pl.select(pl.when(hit).then(pl.lit(_UNSEEN_TEXT)).otherwise(series)).to_series()
    return pl.concat([part.rename(series.name) for part in (series, missing, unseen)])


def _refusal(alone: Ensemble, strained: TypedFrame, tolerance: float) -> str:
    """Why a member may not be exported, empty when it may."""
    try:
        served = _served(alone.graph().SerializeToString(), strained)
        parity = compare(alone.answers(strained), served, tolerance=tolerance)
    except Exception as error:  # noqa: BLE001 - whatever a converter or runtime dislikes, the member is left out
        return f"it cannot be written as ONNX: {first_line(error)}"
    if parity.within_tolerance:
        return ""
    return f"in ONNX its answers differ by up to {parity.max_abs_difference:.2g}, more than {tolerance:.2g}"


def _served(document: bytes, typed: TypedFrame) -> Answers:
    return OnnxModel.load(document).answer(typed)


def _reweighted(ensemble: Ensemble, selection: Selection, dropped: Mapping[str, str]) -> Ensemble:
    kept = [member for member in ensemble.members if member.name not in dropped]
    if not kept:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in dropped.items())
        raise NotExportable(f"no member gives the same answers in ONNX ({reasons}); {_ADVICE}")
    if not dropped:
        return ensemble
    weights = selection.weights([member.name for member in kept])
    return ensemble.only(_with_weights(kept, weights))


def _with_weights(members: Sequence[ServedMember], weights: Mapping[str, float]) -> list[ServedMember]:
    return [replace(member, weight=weights[member.name]) for member in members if member.name in weights]
