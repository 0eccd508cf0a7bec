"""CatBoost, which keeps for the process what belongs to a fit, and is fitted one at a time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lyceum.train.engine.clock import Clock, Limit
from lyceum.train.engine.members.catboost import CatBoostMember
from lyceum.train.engine.members.member import Data, Effort, Problem

TIMEOUT_SECONDS = 60
BEGINS_WITHIN_SECONDS = 0.3


def fit_until(began: threading.Event, may_end: threading.Event, *, threads: int = 1) -> np.ndarray:
    """Fit two trees and return what they predict; stand still in the first until `may_end` is set."""

    def should_stop() -> bool:
        began.set()
        assert may_end.wait(TIMEOUT_SECONDS)
        return False

    x = np.random.default_rng(0).normal(size=(500, 4)).astype(np.float32)
    data = Data(x, (x[:, 0] + x[:, 1] > 0).astype(np.int64))
    clock = Clock(TIMEOUT_SECONDS, should_stop)
    effort = Effort(Limit(clock, clock.deadline), rounds=2, threads_in_all=threads)
    problem = Problem(task="binary", classes=2, category_features={}, metric="log_loss", seed=0)
    return np.asarray(CatBoostMember({}).fit(problem, data, effort).predict(x))


def test_one_fit_waits_for_the_other() -> None:
    first_began, second_began, end_first, end_second = (threading.Event() for _ in range(4))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(fit_until, first_began, end_first)
        assert first_began.wait(TIMEOUT_SECONDS)
        second = pool.submit(fit_until, second_began, end_second)
        assert not second_began.wait(BEGINS_WITHIN_SECONDS)
        end_first.set()
        assert second_began.wait(TIMEOUT_SECONDS)
        end_second.set()
        assert np.array_equal(first.result(), second.result())


def test_what_it_learns_does_not_depend_on_its_threads() -> None:
    at_once = threading.Event()
    at_once.set()
    alone, beside = (fit_until(threading.Event(), at_once, threads=threads) for threads in (1, 2))
    assert np.array_equal(alone, beside)


@pytest.mark.deep
def test_the_one_that_waits_has_a_share_of_the_time() -> None:
    x = np.arange(60, dtype=np.float32).reshape(30, 2)
    data = Data(x, (x[:, 0] > 20).astype(np.int64))
    problem = Problem(task="binary", classes=2, category_features={}, metric="log_loss", seed=0)
    # each tree takes so long that neither comes to its end
    clock = Clock(TIMEOUT_SECONDS, lambda: threading.Event().wait(0.05))
    effort = Effort(clock.limit(clock.in_seconds(4)), rounds=1000)
    with ThreadPoolExecutor(2) as pool:
        fits = [pool.submit(CatBoostMember({}).fit, problem, data, effort) for _ in range(2)]
        first, second = sorted(fit.result().rounds for fit in fits)
    assert first > 5
    assert second < 1000
