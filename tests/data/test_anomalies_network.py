"""The recurrent network among the anomaly detectors: with PyTorch, and what is said without it."""

import threading
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace

import httpx
import numpy as np
import pytest

from fixtures.staffed import new_dataset
from lyceum.data.quality.anomalies import sequence
from lyceum.data.quality.anomalies.panel import Panel
from lyceum.data.quality.anomalies.public import (
    Answer,
    Judge,
    MetricWatch,
    Observation,
    Standing,
    TorchMissing,
    WatchOptions,
    answered,
    begun,
    chart,
    observe,
    replay,
)
from lyceum.data.quality.anomalies.watching import with_options

DAY = 86_400.0
START = 1_767_571_200.0
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="needs lyceum-hub[torch]")


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has no PyTorch, whatever this one has."""
    monkeypatch.setattr(sequence, "find_spec", lambda _name: None)


def known(points: int, *detectors: str) -> MetricWatch:
    values = np.random.default_rng(0).normal(100, 1, size=points)
    history = [Observation(START + place * DAY, {"|rows": float(value)}) for place, value in enumerate(values)]
    return replay(begun(WatchOptions(detectors=detectors)), history)[0]


@pytest.mark.usefixtures("without_torch")
def test_without_pytorch_the_network_says_what_to_install_and_the_rest_of_its_history_is_read() -> None:
    with pytest.raises(TorchMissing, match=r'"sequence" needs PyTorch: install lyceum-hub\[torch\]'):
        observe(begun(WatchOptions(detectors=("sequence",))), Observation(START, {"|rows": 1.0}))
    state = with_options(known(60, "seasonal"), detectors=("seasonal", "sequence"))
    assert chart(state, "|rows")[-1].expected == pytest.approx(100, abs=2)
    assert answered(state, state.times[-1], Answer.EXPECTED).options == state.options


def test_pytorch_that_cannot_be_loaded_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_name: str) -> None:
        raise OSError("libcudart.so.13: cannot open shared object file")

    monkeypatch.setattr(sequence, "find_spec", lambda _name: SimpleNamespace())
    monkeypatch.setattr(sequence, "import_module", broken)
    table = Panel(START + DAY * np.arange(90, dtype=np.float64), np.random.default_rng(0).normal(size=(90, 1)))
    with pytest.raises(TorchMissing, match=r"cannot be loaded: libcudart"):
        sequence.SequenceModel().expected(table, START + 90 * DAY)


@pytest.mark.usefixtures("without_torch")
async def test_a_hub_without_pytorch_refuses_to_watch_with_the_network(client: httpx.AsyncClient) -> None:
    place = f"/api/v1/datasets/{await new_dataset(client)}/watch"
    refused = await client.put(place, json={"enabled": True, "detectors": ["seasonal", "sequence"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "detector_missing"), refused.text
    assert "lyceum-hub[torch]" in refused.json()["detail"]
    assert "sequence" not in (await client.get(place)).json()["detectors"]


def test_a_history_that_forgets_its_oldest_point_with_each_new_one_is_seldom_learnt_anew() -> None:
    jitter = np.random.default_rng(1).uniform(-3600, 3600, size=600)
    for every in (600.0, DAY, 7 * DAY):
        times = START + every * (np.arange(600) + jitter / 86_400)
        spans = []
        for now in range(180, 600):
            first, end = sequence._trained_on(times[now - 180 : now])
            assert end - first >= 42
            spans.append((times[now - 180 + first], times[now - 180 + end]))
        assert len(set(spans)) <= 420 / 9, every


@needs_torch
def test_the_network_finds_a_spike_and_says_the_same_twice_on_one_thread() -> None:
    torch = import_module("torch")
    threads = torch.get_num_threads()
    state = known(90, "seasonal", "sequence")
    following = state.times[-1] + DAY
    first = Judge(state, following).verdict({"|rows": 150.0})
    assert (first.standing, first.scores["sequence"] > 2) == (Standing.ODD, True)
    sequence._trained.cache_clear()
    again = []
    # in another thread, whose random numbers and threads are its own
    beside = threading.Thread(target=lambda: again.append(Judge(state, following).verdict({"|rows": 150.0})))
    beside.start()
    beside.join()
    assert again == [first]
    assert torch.get_num_threads() == threads


@needs_torch
def test_many_metrics_cost_the_network_little_more_than_one() -> None:
    table = np.random.default_rng(0).normal(size=(180, 2000))
    times = START + DAY * np.arange(180, dtype=np.float64)
    expected = sequence.SequenceModel().expected(Panel(times, table), START + 180 * DAY)
    assert np.isfinite(expected.centre).all()
    plain, season = table.astype(np.float64), np.zeros(180)
    inputs, after = sequence._windows(plain, season, 0)
    assert (inputs.shape, after.shape) == ((sequence.WINDOWS_MAX, 14, 3), (sequence.WINDOWS_MAX,))
