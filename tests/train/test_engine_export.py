"""What was trained is what is served: the exported file gives the same answers, from frames, rows and plain tensors."""

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import polars as pl
import pytest

from lyceum.serve.runtime.public import (
    CATEGORIES_INPUT,
    NUMBERS_INPUT,
    Answers,
    ClassPrediction,
    OnnxModel,
    Outcome,
    Task,
    TypedFrame,
    ValuePrediction,
    compare,
    read_frame,
)
from lyceum.train.engine.clock import Clock
from lyceum.train.engine.columns import plan_columns
from lyceum.train.engine.encode import fit_encoder
from lyceum.train.engine.ensemble import Ensemble
from lyceum.train.engine.export import exporting
from lyceum.train.engine.export.graph import Scale
from lyceum.train.engine.members import forest
from lyceum.train.engine.members.catboost import CatBoostMember
from lyceum.train.engine.members.forest import ExtraTreesMember
from lyceum.train.engine.members.lightgbm import LightGBMMember
from lyceum.train.engine.members.linear import LinearMember
from lyceum.train.engine.members.member import Data, Effort, Member, Problem, TreeSum
from lyceum.train.engine.members.xgboost import XGBoostMember
from lyceum.train.engine.public import FittedModel, NotExportable, fit
from lyceum.train.engine.search import ServedMember

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
ROWS = 500


def orders(task: Task, *, seed: int = 0) -> pl.DataFrame:
    """Texts (with "None" and "NA" as values), dates, stamps in seconds, truths, and missing values nearly everywhere."""
    rng = np.random.default_rng(seed)
    stamps = 1_700_000_000 + rng.integers(0, 3000, ROWS)
    city = rng.choice(["Lyon", "Graz", "None", "NA", "Łódź"], ROWS)
    weight = rng.lognormal(size=ROWS)
    day = [dt.date(2023, 1, 1) + dt.timedelta(days=int(d)) for d in rng.integers(0, 700, ROWS)]
    signal = (
        (city == "None") * 1.5
        + (stamps > 1_700_001_500)
        + np.log(weight)
        + np.array([d.weekday() >= 5 for d in day])
        + rng.normal(size=ROWS) * 0.4
    )
    frame = pl.DataFrame(
        {
            "city": city,
            "street": rng.choice([f"street {i}" for i in range(60)], ROWS),
            "weight": weight,
            "stamp": stamps,
            "rush": rng.random(ROWS) < 0.3,
            "day": day,
            "seen_at": [f"2024-0{1 + i % 9}-1{i % 10}T0{i % 9}:30:00" for i in range(ROWS)],
        }
    )
    holes = [
        pl.when(pl.Series(rng.random(ROWS) < 0.08)).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("city", "weight", "rush", "day")
    ]
    match task:
        case "binary":
            target = pl.Series("y", signal > 0.8)
        case "multiclass":
            target = pl.Series("y", np.array(["low", "middle", "high"])[np.digitize(signal, [0.3, 1.5])])
        case "regression":
            target = pl.Series("y", 1e6 + 1e4 * signal)
    return frame.with_columns(*holes, target)


def new_rows() -> pl.DataFrame:
    """Rows as they come later: unseen texts, all missing, magnitudes never seen, dates far away."""
    known = orders("binary", seed=9).drop("y")
    return known.with_columns(
        city=pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("Atlantis ☃")).otherwise("city"),
        street=pl.when(pl.int_range(pl.len()) % 4 == 0).then(None).otherwise("street"),
        weight=pl.when(pl.int_range(pl.len()) % 5 == 0).then(1e300).otherwise("weight"),
        stamp=pl.when(pl.int_range(pl.len()) % 7 == 0).then(-(2**62)).otherwise("stamp"),
        day=pl.when(pl.int_range(pl.len()) % 11 == 0).then(dt.date(1899, 12, 31)).otherwise("day"),
    )


@pytest.fixture(scope="module", params=TASKS)
def trained(request: pytest.FixtureRequest) -> FittedModel:
    return fit(orders(request.param), target="y", time_limit_seconds=3, task=request.param)


@pytest.fixture
def served(trained: FittedModel, tmp_path: Path) -> OnnxModel:
    trained.export_onnx(tmp_path / "model.onnx")
    return OnnxModel.load(tmp_path / "model.onnx")


def tolerance(model: FittedModel) -> float:
    return 1e-5 if model.task != "regression" else 5e-5 * model.ensemble.scale.deviation


def test_the_file_answers_new_rows_as_the_model_did_in_training(trained: FittedModel, served: OnnxModel) -> None:
    parity = compare(trained.answers(new_rows()), served.predict_frame(new_rows()), tolerance=tolerance(trained))
    assert parity.rows == ROWS
    assert parity.labels_equal
    assert parity.within_tolerance


def test_rows_of_a_request_are_answered_like_the_frame(trained: FittedModel, served: OnnxModel) -> None:
    lines = [{name: as_json(value) for name, value in row.items()} for row in new_rows().head(40).to_dicts()]
    predictions = served.predict_rows(served.decode_body(json.dumps({"rows": lines}).encode()))
    parity = compare(trained.answers(new_rows().head(40)), as_answers(predictions), tolerance=tolerance(trained))
    assert parity.within_tolerance
    if trained.task != "regression":
        assert {type(p.label) for p in predictions if isinstance(p, ClassPrediction)} == {type(trained.classes[0])}


def as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value


def as_answers(predictions: list[Any]) -> Answers:
    if isinstance(predictions[0], ValuePrediction):
        return Answers(values=np.array([p.value for p in predictions]))
    labels = np.array([p.label for p in predictions], dtype=object if isinstance(predictions[0].label, str) else None)
    return Answers(labels=labels, probabilities=np.array([list(p.probabilities.values()) for p in predictions]))


def test_plain_onnx_runtime_gives_the_same_with_the_documented_tensors(trained: FittedModel, tmp_path: Path) -> None:
    trained.export_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    frame = orders(trained.task).head(50)
    epoch = dt.datetime.fromisoformat("1970-01-01")

    def parts(moment: dt.datetime | None, *, hour: bool) -> list[float]:
        if moment is None:
            return [float("nan")] * (7 if hour else 6)
        days = (moment - epoch) / dt.timedelta(days=1)
        calendar = [moment.year, moment.month, moment.day, moment.weekday(), moment.timetuple().tm_yday]
        return [days, *calendar, *([moment.hour + moment.minute / 60] if hour else [])]

    numbers, categories = [], []
    for row in frame.to_dicts():
        day = None if row["day"] is None else dt.datetime.combine(row["day"], dt.time())
        direct = [float("nan") if row[name] is None else float(row[name]) for name in ("weight", "stamp", "rush")]
        seen_at = dt.datetime.fromisoformat(row["seen_at"])
        numbers.append([*direct, *parts(day, hour=False), *parts(seen_at, hour=True)])
        categories.append([row["city"] or "", row["street"]])
    feeds = {NUMBERS_INPUT: np.array(numbers), CATEGORIES_INPUT: np.array(categories, dtype=object)}
    outputs = dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds), strict=True))
    expected = trained.answers(frame)
    if trained.task == "regression":
        assert expected.values is not None
        np.testing.assert_allclose(outputs["value"], expected.values, atol=tolerance(trained))
        return
    assert expected.labels is not None
    assert expected.probabilities is not None
    np.testing.assert_allclose(outputs["probabilities"], expected.probabilities, atol=1e-5)
    assert outputs["label"].tolist() == expected.labels.tolist()


def test_the_report_names_what_was_kept_and_the_leaderboard_is_marked(trained: FittedModel, tmp_path: Path) -> None:
    report = trained.export_onnx(tmp_path / "model.onnx")
    assert report.file_bytes == (tmp_path / "model.onnx").stat().st_size
    assert report.parity.within_tolerance
    assert report.parity.rows >= 300
    assert sum(report.weights.values()) == pytest.approx(1.0)
    assert {row.member for row in trained.leaderboard if row.exported} == set(report.weights)


FAMILIES: dict[str, Member] = {
    "LightGBM": LightGBMMember({"cat_smooth": 5, "min_data_per_group": 5, "max_cat_to_onehot": 2}),
    "LightGBM extra": LightGBMMember({"extra_trees": True, "num_leaves": 63, "min_data_in_leaf": 3}),
    "CatBoost": CatBoostMember({"learning_rate": 0.1, "depth": 5}),
    "ExtraTrees": ExtraTreesMember({"min_samples_leaf": 2}),
    "Linear": LinearMember(),
    "XGBoost": XGBoostMember({"max_depth": 5}),
}


def ensemble_of(members: tuple[Member, ...], task: Task) -> tuple[Ensemble, TypedFrame]:
    frame = orders(task)
    prestep = plan_columns(frame, target="y", leave_out={}).prestep
    typed = read_frame(frame, prestep)
    encoder = fit_encoder(typed, prestep)
    labels = frame.get_column("y")
    classes: tuple[Any, ...] = () if task == "regression" else tuple(sorted(labels.unique().to_list()))
    y = np.array([classes.index(v) for v in labels]) if classes else labels.to_numpy()
    scale = Scale() if classes else Scale(float(y.mean()), float(y.std()))
    target = y if classes else (y - scale.mean) / scale.deviation
    problem = Problem(task, max(len(classes), 1), encoder.category_features, "log_loss" if classes else "rmse", 0)
    effort = Effort(Clock(30).limit(float("inf")), rounds=60)
    fitted = [m.fit(problem, Data(encoder.matrix(typed), target), effort) for m in members]
    served = tuple(
        ServedMember(f"m{i}", m.family, 1 / len(members), f, "")
        for i, (m, f) in enumerate(zip(members, fitted, strict=True))
    )
    return Ensemble(encoder, Outcome("y", task, classes), scale, served), typed


def same_in_onnx(ensemble: Ensemble, typed: TypedFrame) -> bool:
    strained = exporting.strain(typed)
    answers = OnnxModel.load(ensemble.graph().SerializeToString()).answer(strained)
    allowed = 1e-5 if ensemble.outcome.task != "regression" else 2e-5 * ensemble.scale.deviation
    return compare(ensemble.answers(strained), answers, tolerance=allowed).within_tolerance


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_the_same_answers_in_onnx_under_strain(family: str, task: Task) -> None:
    ensemble, typed = ensemble_of((FAMILIES[family],), task)
    assert same_in_onnx(ensemble, typed)


@pytest.mark.parametrize("task", TASKS)
def test_all_families_together_give_the_same_answers_in_onnx(task: Task) -> None:
    ensemble, typed = ensemble_of(tuple(FAMILIES.values()), task)
    assert same_in_onnx(ensemble, typed)


class Bent:
    """A member whose parts for export are not the member."""

    def __init__(self, straight: Any) -> None:
        self.rounds, self.truncated, self.predict = straight.rounds, False, straight.predict
        self._straight = straight

    def anatomy(self) -> TreeSum:
        sum_ = self._straight.anatomy()
        bent = tuple(replace(tree, leaves=tree.leaves + 0.01) for tree in sum_.trees)
        return TreeSum(bent, sum_.base, sum_.link)


def with_bent(model: FittedModel, names: set[str]) -> FittedModel:
    members = [replace(m, fitted=Bent(m.fitted)) if m.name in names else m for m in model.ensemble.members]
    return replace(model, ensemble=model.ensemble.only(members))


@pytest.fixture(scope="module")
def two_members() -> FittedModel:
    """A model of exactly two tree members, whatever the search would choose."""
    ensemble, typed = ensemble_of((LightGBMMember({}), CatBoostMember({"depth": 4})), "binary")
    model = fit(orders("binary"), target="y", time_limit_seconds=2)
    truth = np.array([ensemble.outcome.classes.index(v) for v in orders("binary").get_column("y")])
    predictions = {m.name: ensemble.only([m]).scores(typed) for m in ensemble.members}
    selection = replace(model.selection, predictions=predictions, truth=truth)
    return replace(model, ensemble=ensemble, selection=selection)


def test_a_member_that_answers_differently_is_dropped_and_the_rest_weighted_anew(
    two_members: FittedModel, tmp_path: Path
) -> None:
    report = with_bent(two_members, {"m0"}).export_onnx(tmp_path / "model.onnx")
    assert report.weights == {"m1": 1.0}
    assert "differ by up to" in report.members_dropped["m0"]
    alone = two_members.ensemble.only([two_members.ensemble.members[1]])
    answers = OnnxModel.load(tmp_path / "model.onnx").answer(two_members.sample)
    assert compare(alone.answers(two_members.sample), answers, tolerance=1e-5).within_tolerance


class Mute(Bent):
    """A member that refuses to predict."""

    def __init__(self, straight: Any) -> None:
        super().__init__(straight)
        self.predict = self._refuse

    def _refuse(self, *_: object) -> Any:
        raise RuntimeError("no answer today\nwith details")


def test_a_member_that_cannot_even_answer_in_training_is_dropped_with_the_reason(
    two_members: FittedModel, tmp_path: Path
) -> None:
    members = [replace(m, fitted=Mute(m.fitted)) if m.name == "m0" else m for m in two_members.ensemble.members]
    model = replace(two_members, ensemble=two_members.ensemble.only(members))
    report = model.export_onnx(tmp_path / "model.onnx")
    assert report.weights == {"m1": 1.0}
    assert "no answer today" in report.members_dropped["m0"]


def test_a_forest_on_thinned_rows_keeps_rare_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forest, "_ROWS_MAX", 100)
    monkeypatch.setattr(forest, "_RARE_ROWS_MAX", 10)
    y = np.array([0, 1] * 250)
    y[[1, 3]] = 2
    x = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    x[:, 0] += 3 * y
    effort = Effort(Clock(30).limit(float("inf")), rounds=20)
    fitted = ExtraTreesMember({}).fit(Problem("multiclass", 3, {}, "log_loss", 0), Data(x, y), effort)
    assert fitted.predict(x)[[1, 3]].argmax(axis=1).tolist() == [2, 2]


def test_a_forest_that_never_saw_a_class_still_has_its_column() -> None:
    ensemble, typed = ensemble_of((ExtraTreesMember({}),), "multiclass")
    x = ensemble.encoder.matrix(typed)
    y = np.array([0, 2] * (ROWS // 2))
    effort = Effort(Clock(30).limit(float("inf")), rounds=10)
    fitted = ExtraTreesMember({}).fit(Problem("multiclass", 3, {}, "log_loss", 0), Data(x, y), effort)
    assert fitted.predict(x).shape == (ROWS, 3)
    assert not fitted.predict(x)[:, 1].any()
    assert same_in_onnx(replace(ensemble, members=(ServedMember("m", "ExtraTrees", 1.0, fitted, ""),)), typed)


def test_when_no_member_answers_the_same_nothing_is_written(two_members: FittedModel, tmp_path: Path) -> None:
    with pytest.raises(NotExportable, match=r"no member gives the same answers.*; train again with another seed"):
        with_bent(two_members, {"m0", "m1"}).export_onnx(tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
