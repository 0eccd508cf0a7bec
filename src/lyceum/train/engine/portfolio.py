"""The members tried, in the order of what usually pays first, then random ones while time remains."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lyceum.serve.runtime.public import Task
from lyceum.train.engine.members.catboost import CatBoostMember
from lyceum.train.engine.members.forest import ExtraTreesMember
from lyceum.train.engine.members.lightgbm import LightGBMMember
from lyceum.train.engine.members.linear import LinearMember
from lyceum.train.engine.members.member import Member
from lyceum.train.engine.members.xgboost import XGBoostMember

_RANDOM_CANDIDATES = 14


@dataclass(frozen=True, slots=True)
class Candidate:
    """A named configuration."""

    name: str
    member: Member


def candidates(task: Task, seed: int) -> Iterator[Candidate]:
    """Fixed candidates first, the default LightGBM at their head, then random ones drawn from `seed`."""
    yield from _fixed(task)
    yield from _random(seed)


def _fixed(task: Task) -> list[Candidate]:
    share = "sqrt" if task != "regression" else 1.0
    members: list[tuple[str, Member]] = [
        ("LightGBM default", LightGBMMember({})),
        ("CatBoost default", CatBoostMember({"learning_rate": 0.08, "depth": 6})),
        ("Linear", LinearMember()),
        ("ExtraTrees", ExtraTreesMember({"min_samples_leaf": 2, "max_features": share})),
        ("LightGBM slow", LightGBMMember(_LIGHTGBM_SLOW)),
        ("XGBoost default", XGBoostMember(_XGBOOST)),
        ("LightGBM wide", LightGBMMember(_LIGHTGBM_WIDE)),
        ("LightGBM random splits", LightGBMMember(_LIGHTGBM_RANDOM_SPLITS)),
        ("LightGBM small", LightGBMMember(_LIGHTGBM_SMALL)),
        ("CatBoost deep", CatBoostMember({"learning_rate": 0.06, "depth": 8, "l2_leaf_reg": 5})),
        ("XGBoost deep", XGBoostMember(_XGBOOST_DEEP)),
        ("CatBoost shallow", CatBoostMember({"learning_rate": 0.1, "depth": 4})),
    ]
    if task == "multiclass":
        # CatBoost's time grows with the number of classes: the others come first
        members.sort(key=lambda entry: entry[1].family == "CatBoost")
    return [Candidate(name, member) for name, member in members]


_LIGHTGBM_SLOW = {
    "learning_rate": 0.06,
    "num_leaves": 31,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.9,
    "bagging_freq": 1,
    "max_cat_to_onehot": 8,
    "cat_smooth": 20,
}
_LIGHTGBM_WIDE = {
    "learning_rate": 0.04,
    "num_leaves": 96,
    "feature_fraction": 0.6,
    "min_data_in_leaf": 5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 2,
    "max_cat_to_onehot": 8,
    "cat_smooth": 20,
}
_LIGHTGBM_RANDOM_SPLITS = {
    "learning_rate": 0.06,
    "num_leaves": 31,
    "extra_trees": True,
    "feature_fraction": 0.8,
    "max_cat_to_onehot": 8,
    "cat_smooth": 20,
}
_LIGHTGBM_SMALL = {
    "learning_rate": 0.05,
    "num_leaves": 12,
    "feature_fraction": 0.5,
    "min_data_in_leaf": 10,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "max_cat_to_onehot": 8,
    "cat_smooth": 20,
}
_XGBOOST = {
    "learning_rate": 0.08,
    "max_depth": 6,
    "subsample": 0.85,
    "colsample_bytree": 0.7,
    "min_child_weight": 2,
}
_XGBOOST_DEEP = {
    "learning_rate": 0.05,
    "max_depth": 9,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "min_child_weight": 5,
    "reg_lambda": 3,
}


def _random(seed: int) -> Iterator[Candidate]:
    rng = np.random.default_rng([seed, 77])
    for number in range(1, _RANDOM_CANDIDATES + 1):
        rate = float(np.exp(rng.uniform(np.log(0.03), np.log(0.15))))
        share = float(rng.uniform(0.4, 0.95))
        match number % 3:
            case 0:
                parameters = {"learning_rate": rate, "depth": int(rng.integers(4, 9)), "rsm": share}
                yield Candidate(f"CatBoost random {number}", CatBoostMember(parameters))
            case 1:
                yield Candidate(f"LightGBM random {number}", _random_lightgbm(rng, rate, share))
            case _:
                yield Candidate(f"XGBoost random {number}", _random_xgboost(rng, rate, share))


def _random_lightgbm(rng: np.random.Generator, rate: float, share: float) -> LightGBMMember:
    return LightGBMMember(
        {
            "learning_rate": rate,
            "num_leaves": int(np.exp(rng.uniform(np.log(8), np.log(128)))),
            "feature_fraction": share,
            "min_data_in_leaf": int(rng.integers(3, 40)),
            "bagging_fraction": float(rng.uniform(0.6, 1.0)),
            "bagging_freq": 1,
            "lambda_l2": float(rng.uniform(0, 5)),
            "max_cat_to_onehot": 8,
            "cat_smooth": 20,
        }
    )


def _random_xgboost(rng: np.random.Generator, rate: float, share: float) -> XGBoostMember:
    return XGBoostMember(
        {
            "learning_rate": rate,
            "max_depth": int(rng.integers(4, 10)),
            "subsample": float(rng.uniform(0.6, 1.0)),
            "colsample_bytree": share,
            "min_child_weight": float(rng.uniform(1, 8)),
            "reg_lambda": float(rng.uniform(0.5, 5)),
        }
    )
