"""The first four steps: upload, check, train, serve. Each is ordinary API calls, and notes how to take back what it made."""

import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

from lyceum.walkthrough.errors import InputRefused, WalkthroughFailed
from lyceum.walkthrough.interrupts import Interrupts
from lyceum.walkthrough.table import TableToTry
from lyceum.walkthrough.undo import Undo
from lyceum.walkthrough.voice import Voice
from lyceum.walkthrough.wording import figure, listed, metric_name, plural, share, size
from lyceum_client import (
    Check,
    CheckResult,
    CheckRun,
    Client,
    Conflict,
    Dataset,
    DatasetVersion,
    ModelVersion,
    NotFound,
    Prediction,
    Preview,
    Run,
    RunFailed,
)

NAMES_TRIED_MAX = 1000
LATENCY_REQUESTS = 200
WARM_UP_REQUESTS = 5
SAMPLE_ROWS = 10
PREVIEW_ROWS = 8
ALIAS = "champion"
FAILED_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Walk:
    """What the steps work with; `undo` holds how to take back what was made."""

    hub: Client
    predictions: Client
    table: TableToTry
    voice: Voice
    interrupts: Interrupts
    undo: Undo


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The dataset with its first version, its profile and first rows."""

    dataset: Dataset
    version: DatasetVersion
    profile: dict[str, Any]
    preview: Preview


@dataclass(frozen=True, slots=True)
class Checked:
    """The suggested checks and what came of them."""

    checks: tuple[Check, ...]
    run: CheckRun


@dataclass(frozen=True, slots=True)
class Trained:
    """The finished run and its report on held-out rows."""

    run: Run
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SampleAnswer:
    """A held-out row with its true target, and what the endpoint answered."""

    row: dict[str, Any]
    truth: Any
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class Served:
    """The registered version, where it answers, answers for held-out rows, and milliseconds of one-row requests."""

    version: ModelVersion
    name: str
    endpoint: str
    answers: tuple[SampleAnswer, ...]
    latencies_ms: tuple[float, ...]


def upload(walk: Walk) -> Uploaded:
    """Make a dataset of the file. Raises `InputRefused` for a table without the target, `LyceumError` for a bad file."""
    walk.voice.step(1, f"Upload {walk.table.path.name}")
    # before there is a dataset: whoever is killed while sending leaves none without content
    upload_id = _sent(walk)
    with walk.interrupts.held():
        dataset = _new_dataset(walk)
        walk.undo.note(lambda: walk.hub.datasets.archive(dataset.address), f"the dataset {dataset.address}")
        pending = walk.hub.datasets.add_version(dataset.address, upload_id, **asdict(walk.table.writing))
    walk.voice.doing("reading the table")
    version = walk.hub.datasets.wait(pending)
    _refuse_missing_target(walk.table, version)
    profile = walk.hub.datasets.profile(dataset.address)
    preview = walk.hub.datasets.preview(dataset.address, limit=PREVIEW_ROWS)
    columns = len(version.table_schema.columns) if version.table_schema else 0
    read_as = _read_as(version)
    walk.voice.done(
        f"{plural(version.row_count or 0, 'row')}, {plural(columns, 'column')}, {size(version.byte_count)}{read_as}",
        [f"dataset {dataset.address}, version {version.number}", *version.source.get("notes", [])],
    )
    return Uploaded(dataset=dataset, version=version, profile=profile, preview=preview)


def check(walk: Walk, uploaded: Uploaded) -> Checked:
    """Suggest checks from the profile, keep them, and run them."""
    walk.voice.step(2, "Check")
    address = uploaded.dataset.address
    walk.voice.doing("suggesting checks")
    checks = walk.hub.checks.suggest(address)
    walk.voice.doing(f"running {plural(len(checks), 'check')}")
    run = walk.hub.checks.run(address)
    failed = failures(run)
    passed = len(run.results) - len(failed)
    summary = f"{passed} of {plural(len(run.results), 'check')} passed"
    details = [result.sentence for result in failed[:FAILED_SHOWN]]
    if len(failed) > FAILED_SHOWN:
        details.append(f"and {len(failed) - FAILED_SHOWN} more in the report")
    walk.voice.done(summary, details)
    return Checked(checks=checks, run=run)


def train(walk: Walk, uploaded: Uploaded, *, time_limit_seconds: float) -> Trained:
    """Train on the version and wait, showing the leaderboard. Raises `RunFailed`."""
    walk.voice.step(3, f"Train for {walk.table.target}, {figure(time_limit_seconds)} s at most")
    known = (
        {column.name for column in uploaded.version.table_schema.columns} if uploaded.version.table_schema else set()
    )
    with walk.interrupts.held():
        started = walk.hub.runs.start(
            f"{uploaded.dataset.address}@{uploaded.version.number}",
            target=walk.table.target,
            time_limit_seconds=time_limit_seconds,
            leave_out={column: why for column, why in walk.table.leave_out.items() if column in known},
        )
        walk.undo.note(lambda: walk.hub.runs.cancel(started.id), "the training run")
    run = started
    for run in walk.hub.runs.watch(started.id):
        _tell_progress(walk.voice, run)
        walk.voice.leaderboard(run)
    if run.state != "finished":
        raise _failure(run)
    report = walk.hub.runs.report(run.id)
    walk.voice.done(_score_sentence(run, report), _training_details(run))
    return Trained(run=run, report=report)


def serve(walk: Walk, trained: Trained, *, name: str) -> Served:
    """Register the model as champion, ask the endpoint about held-out rows, and time it."""
    walk.voice.step(4, "Serve")
    walk.voice.doing("registering")
    with walk.interrupts.held():
        version = walk.hub.runs.register(trained.run.id, name, alias=ALIAS)
        walk.undo.note(lambda: walk.hub.models.archive(version.model), f"the model {version.model}")
    address = f"{version.model}@{ALIAS}"
    samples = trained.report.get("sample_rows", [])[:SAMPLE_ROWS]
    if not samples:
        raise WalkthroughFailed("The run kept no rows aside, so its endpoint cannot be tried; use a larger table.")
    walk.voice.doing("asking the endpoint")
    answered = walk.predictions.models.predict(address, [sample["row"] for sample in samples], trial=True)
    answers = tuple(
        SampleAnswer(row=sample["row"], truth=sample["truth"], prediction=prediction)
        for sample, prediction in zip(samples, answered.predictions, strict=True)
    )
    # said once: a bar that moves would take time from what is timed
    walk.voice.doing(f"timing {LATENCY_REQUESTS} one-row requests")
    latencies = _latencies_ms(walk, address, [answer.row for answer in answers])
    endpoint = f"{walk.predictions.base_url}/api/v1/models/{address}/predict"
    walk.voice.done(
        f"{address}, version {version.number}; one row takes {median(latencies):.1f} ms over HTTP", [_parity(version)]
    )
    return Served(version=version, name=name, endpoint=endpoint, answers=answers, latencies_ms=latencies)


def failures(run: CheckRun) -> list[CheckResult]:
    """Return the checks that did not pass, errors before warnings, the most failing rows first."""
    failed = [result for result in run.results if result.status != "passed"]
    return sorted(
        failed,
        key=lambda result: (result.definition.get("severity") != "error", -result.failing_count, result.sentence),
    )


def median(values: tuple[float, ...]) -> float:
    """Return the middle value, the upper of two middle ones."""
    return sorted(values)[len(values) // 2]


def _latencies_ms(walk: Walk, address: str, rows: list[dict[str, Any]]) -> tuple[float, ...]:
    taken = []
    for number in range(WARM_UP_REQUESTS + LATENCY_REQUESTS):
        began = time.perf_counter()
        walk.predictions.models.predict(address, rows[number % len(rows)], trial=True)
        taken.append((time.perf_counter() - began) * 1000)
    return tuple(taken[WARM_UP_REQUESTS:])


def _sent(walk: Walk) -> str:
    path = walk.table.path
    try:
        return walk.hub.datasets.send(
            path,
            on_progress=lambda sent, total: walk.voice.doing("sending", sent / max(total, 1)),
            on_begun=lambda upload_id: walk.undo.note(lambda: _abandon(walk, upload_id), "what was sent"),
        )
    except OSError as error:
        raise InputRefused(f"{path} cannot be read any more ({error.strerror}); check that it is there.") from None


def _abandon(walk: Walk, upload_id: str) -> None:
    # once a version was made of it, it is that version's
    with suppress(Conflict):
        walk.hub.datasets.abandon(upload_id)


def _new_dataset(walk: Walk) -> Dataset:
    """Make a dataset under a name that no dataset and no model has: what is there already is left alone."""
    organisation = walk.hub.me().organisation
    for number in range(1, NAMES_TRIED_MAX):
        name = walk.table.name if number == 1 else f"{walk.table.name}-{number}"
        if _is_taken(walk, f"{organisation}/{name}"):
            continue
        try:
            return walk.hub.datasets.create(
                name, description=walk.table.description, column_notes=walk.table.column_notes
            )
        except Conflict:
            continue
    raise InputRefused(f"The hub has {NAMES_TRIED_MAX} datasets named {walk.table.name}; rename the file.")


def _is_taken(walk: Walk, address: str) -> bool:
    for look in (walk.hub.datasets.get, walk.hub.models.get):
        try:
            look(address)
        except NotFound:
            continue
        return True
    return False


def _refuse_missing_target(table: TableToTry, version: DatasetVersion) -> None:
    names = [column.name for column in version.table_schema.columns] if version.table_schema else []
    if table.target in names:
        return
    by_folded = {name.casefold(): name for name in names}
    close = get_close_matches(table.target.casefold(), by_folded, n=1, cutoff=0.6)
    hint = f"did you mean '{by_folded[close[0]]}'?" if close else _columns_there(names, version)
    raise InputRefused(f"{table.path} has no column '{table.target}' to predict; {hint}")


def _columns_there(names: list[str], version: DatasetVersion) -> str:
    there = listed(names, most=12)
    if len(names) == 1 and version.source.get("delimiter"):
        return f"its only column is {there}: name what separates the fields with --delimiter if there are more."
    first_row = version.source.get("line_of_first_row")
    if version.source.get("has_header") and first_row:
        return (
            f"line {first_row - 1} names {there}: choose one of these, or put a line with the column names before it "
            "if that is data."
        )
    return f"it has {there}: choose one of these."


def _tell_progress(voice: Voice, run: Run) -> None:
    if run.progress is not None:
        voice.doing(run.progress.note, run.progress.fraction)
    elif run.state == "queued":
        voice.doing("waiting for a worker")


def _failure(run: Run) -> RunFailed:
    problem = run.error or {}
    detail = str(problem.get("detail") or f"The training run was {run.state}.")
    return RunFailed(problem.get("status"), str(problem.get("code") or run.state), detail, problem=problem)


def _read_as(version: DatasetVersion) -> str:
    source = version.source
    kinds = {"csv": "CSV", "parquet": "Parquet", "jsonl": "JSON Lines"}
    parts = [kinds.get(str(source.get("format")), str(source.get("format") or ""))]
    if source.get("encoding"):
        parts.append(str(source["encoding"]))
    if source.get("delimiter"):
        parts.append(f"split at {source['delimiter']!r}")
    return "".join(f", {part}" for part in parts if part)


def _score_sentence(run: Run, report: dict[str, Any]) -> str:
    return (
        f"{metric_name(run.metric)} {figure(run.score)} on {plural(report['holdout_rows'], 'held-out row')}, "
        f"guessing gives {figure(run.baseline)}"
    )


def _training_details(run: Run) -> list[str]:
    left_out = [f"left out {column}: {why}" for column, why in run.columns_left_out.items()]
    return [*left_out, *(warning.sentence for warning in run.leakage_warnings)]


def _parity(version: ModelVersion) -> str:
    parity = version.parity
    if parity is None:
        return "the answers were not compared with those in training"
    same = "same answers as in training" if parity.within_tolerance else "NOT the same answers as in training"
    return f"{same} on {plural(parity.rows, 'held-out row')}: they differ by {parity.max_abs_difference:.1g} at most"


def missing_share(profile: dict[str, Any]) -> float:
    """Return the share of all cells that are missing."""
    cells = profile["rows"] * len(profile["columns"])
    return sum(column["missing"] for column in profile["columns"]) / cells if cells else 0.0


def missing_sentence(profile: dict[str, Any]) -> str:
    """Return how much is missing, and where most."""
    overall = missing_share(profile)
    if not overall:
        return "nothing is missing"
    most = max(profile["columns"], key=lambda column: column["missing_fraction"])
    return f"{share(overall)} of the cells are missing, most in {most['name']} ({share(most['missing_fraction'])})"
