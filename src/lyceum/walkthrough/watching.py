"""The fifth step: later rows go to the endpoint as callers would send them, and the hub says what has changed since training."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lyceum.walkthrough.errors import WalkthroughFailed
from lyceum.walkthrough.steps import Served, Trained, Walk
from lyceum.walkthrough.wording import figure, metric_name, plural
from lyceum_client import Incident, Prediction, WatchedVersion, WatchVerdict

ROWS_A_REQUEST = 500
JUDGED_SECONDS_MAX = 120
POLL_SECONDS = 0.3
INPUTS = "inputs"


@dataclass(frozen=True, slots=True)
class Watched:
    """The score on later rows, the dataset that their predictions became, the verdict on it, and the incident it opened."""

    rows: int
    score: float
    dataset: str
    verdict: WatchVerdict
    incident: Incident | None


def watch(walk: Walk, trained: Trained, served: Served) -> Watched | None:
    """Replay the rows that came later and wait for the verdict; None for a table that has none.

    Raises `WalkthroughFailed` when the hub does not come to one.
    """
    later = walk.table.later
    if later is None:
        return None
    walk.voice.step(5, "Watch")
    rows, truth = _rows(later, walk.table.target, leave_out=walk.table.leave_out)
    answered = _replayed(walk, served.version.model, rows)
    score = _score(trained, served, answered, truth)
    walk.voice.doing("waiting for the verdict")
    seen = _judged(walk, served, rows=len(rows))
    incident = _incident(walk, seen)
    watched = Watched(rows=len(rows), score=score, dataset=seen.dataset, verdict=_verdict(seen), incident=incident)
    walk.voice.done(score_sentence(trained, watched), _details(watched, walk.hub.base_url))
    return watched


def score_sentence(trained: Trained, watched: Watched) -> str:
    """Return what the model scores on the later rows, beside what it scored on those that were held out."""
    run = trained.run
    return (
        f"{metric_name(run.metric)} {figure(watched.score)} on {plural(watched.rows, 'later row')}, "
        f"{figure(run.score)} on those held out"
    )


def incident_url(base_url: str, incident: Incident) -> str:
    """Return the incident's page."""
    return f"{base_url}/incidents/{incident.id}"


def _rows(path: Path, target: str, *, leave_out: Collection[str]) -> tuple[list[dict[str, Any]], list[Any]]:
    import polars as pl

    table = pl.read_parquet(path).filter(pl.col(target).is_not_null())
    names = [name for name in table.columns if name != target and name not in leave_out]
    return table.select(names).to_dicts(), table.get_column(target).to_list()


def _replayed(walk: Walk, address: str, rows: Sequence[dict[str, Any]]) -> list[Prediction]:
    answered: list[Prediction] = []
    for first in range(0, len(rows), ROWS_A_REQUEST):
        walk.voice.doing("replaying later rows", first / len(rows))
        answered += walk.predictions.models.predict(address, rows[first : first + ROWS_A_REQUEST]).predictions
    return answered


def _score(trained: Trained, served: Served, answered: Sequence[Prediction], truth: Sequence[Any]) -> float:
    import numpy as np

    from lyceum.train.engine.public import metric_for, score

    run = trained.run
    metric = metric_for(run.task, run.metric)  # type: ignore[arg-type]  # a task as the hub has it
    if run.task == "regression":
        return score(metric, np.array(truth, dtype=float), np.array([[one.value] for one in answered], dtype=float))
    texts = list(answered[0].probabilities)
    place = {text: number for number, text in enumerate(texts)}
    labels = {_text(label): label for label in served.version.signature["classes"]}
    known = [number for number, value in enumerate(truth) if _text(value) in labels]
    codes = np.array([place[_text(truth[number])] for number in known])
    shares = np.array([[answered[number].probabilities[text] for text in texts] for number in known])
    return score(metric, codes, shares)


def _text(label: Any) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)


def _judged(walk: Walk, served: Served, *, rows: int) -> WatchedVersion:
    """Have the log taken up until the verdict is about all that was replayed: what is logged comes about a second later."""
    address, number = served.version.model, served.version.number
    noted: set[str] = set()
    deadline = time.monotonic() + JUDGED_SECONDS_MAX
    while time.monotonic() < deadline:
        walk.hub.jobs.wait(walk.hub.models.take_up(address))
        for seen in walk.hub.models.watch(address):
            if seen.version != number:
                continue
            if seen.dataset and seen.dataset not in noted:
                noted.add(seen.dataset)
                walk.undo.note(partial(walk.hub.datasets.archive, seen.dataset), f"the dataset {seen.dataset}")
            if seen.verdict is not None and seen.verdict.rows >= rows:
                return seen
        time.sleep(POLL_SECONDS)
    raise WalkthroughFailed(
        f"The hub has not judged what the model predicted after {JUDGED_SECONDS_MAX} s; see `lyceum jobs list`."
    )


def _verdict(seen: WatchedVersion) -> WatchVerdict:
    if seen.verdict is None:
        raise AssertionError("a version that was waited for is judged")
    return seen.verdict


def _incident(walk: Walk, seen: WatchedVersion) -> Incident | None:
    """Return the incident about the inputs, else the first there is; None when nothing has moved.

    Raises `WalkthroughFailed` when something has and the hub opens none.
    """
    failed = [finding for finding in _verdict(seen).findings if finding.status == "failed"]
    if not failed:
        return None
    titles = [finding.title for finding in sorted(failed, key=lambda finding: finding.aspect != INPUTS)]
    deadline = time.monotonic() + JUDGED_SECONDS_MAX
    while time.monotonic() < deadline:
        found = {incident.title: incident for incident in walk.hub.incidents.list(dataset=seen.dataset)}
        for title in titles:
            if title in found:
                return found[title]
        time.sleep(POLL_SECONDS)
    raise WalkthroughFailed(
        f"The hub found that {titles[0]} and opened no incident within {JUDGED_SECONDS_MAX} s; see `lyceum jobs list`."
    )


def _details(watched: Watched, base_url: str) -> list[str]:
    told = [finding.title for finding in watched.verdict.findings if finding.status == "failed"]
    details = told or ["nothing has moved since training"]
    if watched.incident is not None:
        details.append(f"incident {incident_url(base_url, watched.incident)}")
    return [*details, f"dataset {watched.dataset}"]
