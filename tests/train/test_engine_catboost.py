"""CatBoost in several threads at once: its loggers belong to the process."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import catboost
import numpy as np
import pytest

from lyceum.train.engine.clock import Clock, Limit
from lyceum.train.engine.members.catboost import CatBoostMember
from lyceum.train.engine.members.member import Data, Effort, Problem

TIMEOUT_SECONDS = 30


def fit_until(began: threading.Event, may_end: threading.Event) -> int:
    """Fit two trees; stand still in the first until `may_end` is set, which must come in time."""

    def should_stop() -> bool:
        began.set()
        assert may_end.wait(TIMEOUT_SECONDS)
        return False

    x = np.arange(60, dtype=np.float32).reshape(30, 2)
    data = Data(x, (x[:, 0] > 20).astype(np.int64))
    clock = Clock(TIMEOUT_SECONDS, should_stop)
    problem = Problem(task="binary", classes=2, category_features={}, metric="log_loss", seed=0)
    return CatBoostMember({}).fit(problem, data, Effort(Limit(clock, clock.deadline), rounds=2)).rounds


def test_no_fit_takes_the_loggers_from_under_another(monkeypatch: pytest.MonkeyPatch) -> None:
    resets: list[str] = []
    reset: Any = catboost.core._reset_logger

    def reset_and_tell() -> None:
        resets.append("reset")
        reset()

    monkeypatch.setattr(catboost.core, "_reset_logger", reset_and_tell)
    first_began, second_began, end_first, end_second = (threading.Event() for _ in range(4))
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(fit_until, first_began, end_first)
        assert first_began.wait(TIMEOUT_SECONDS)
        second = threads.submit(fit_until, second_began, end_second)
        assert second_began.wait(TIMEOUT_SECONDS)
        before = len(resets)
        end_first.set()
        assert first.result() == 2
        assert len(resets) == before
        end_second.set()
        assert second.result() == 2
    assert len(resets) == before + 1


def test_catboost_sets_loggers_of_its_own_again_afterwards() -> None:
    said: list[str] = []
    at_once = threading.Event()
    at_once.set()
    assert fit_until(threading.Event(), at_once) == 2
    x = np.arange(60, dtype=np.float32).reshape(30, 2)
    catboost.CatBoost({"iterations": 2, "allow_writing_files": False}).fit(
        x, x[:, 0], verbose=True, log_cout=said.append
    )
    assert any("learn" in text for text in said)
