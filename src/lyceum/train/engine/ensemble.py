"""The chosen members together: encoder, weights, and the two ways to answer, natively and as a graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from lyceum.serve.runtime.public import Answers, Outcome, TypedFrame, label_array
from lyceum.train.engine.encode import Encoder
from lyceum.train.engine.events import Metric
from lyceum.train.engine.export.graph import Scale, ensemble_graph
from lyceum.train.engine.export.scores import WeightedPart
from lyceum.train.engine.members.member import Scores
from lyceum.train.engine.search import ServedMember, renormalised
from lyceum.train.engine.selection import select


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Weighted members over one encoder."""

    encoder: Encoder
    outcome: Outcome
    scale: Scale
    members: tuple[ServedMember, ...]

    def scores(self, typed: TypedFrame) -> Scores:
        """Probabilities [rows, classes], or values [rows, 1] in units of the target."""
        x = self.encoder.matrix(typed)
        total: Scores = np.zeros((len(x), max(len(self.outcome.classes), 1)))
        if len(x):
            for member in self.members:
                total += member.weight * member.fitted.predict(x)
        if self.outcome.task == "regression":
            return total * self.scale.deviation + self.scale.mean
        return total

    def answers(self, typed: TypedFrame) -> Answers:
        """Labels and probabilities, or values."""
        scores = self.scores(typed)
        if self.outcome.task == "regression":
            return Answers(values=scores[:, 0])
        return Answers(labels=label_array(self.outcome.classes)[scores.argmax(axis=1)], probabilities=scores)

    def graph(self) -> onnx.ModelProto:
        """The same ensemble as an ONNX model."""
        parts = [WeightedPart(member.weight, member.fitted.anatomy()) for member in self.members]
        return ensemble_graph(parts, self.encoder, self.outcome, self.scale)

    def only(self, members: Sequence[ServedMember]) -> "Ensemble":
        """The ensemble of these members, with weights that sum to 1."""
        return replace(self, members=tuple(renormalised(members)))


@dataclass(frozen=True, slots=True)
class Selection:
    """Out-of-fold predictions by member, from which weights can be chosen again when a member must go."""

    predictions: Mapping[str, Scores]
    truth: npt.NDArray[Any]
    metric: Metric
    seed: int

    def weights(self, names: Sequence[str]) -> dict[str, float]:
        """The best weights over the named members."""
        chosen = select([self.predictions[name] for name in names], self.truth, self.metric, seed=self.seed)
        return {names[place]: weight for place, weight in chosen.items()}
