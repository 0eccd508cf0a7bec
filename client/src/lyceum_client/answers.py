"""What a hub answers, as frozen dataclasses.

A field that this release does not know is passed over, so that an older client works with a newer hub.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from lyceum_client.errors import AnswerUnusable

T = TypeVar("T")
Json = dict[str, Any]


def read_answer(kind: type[T], data: Any) -> T:
    """Return the JSON object as an instance of a dataclass of this module; what it lacks is None or empty.

    Raises `AnswerUnusable` for what is no object.
    """
    if not isinstance(data, Mapping):
        raise AnswerUnusable(None, "not_a_hub", "The answer is not what a hub says; is it the address of one?")
    hints = _hints(kind)  # type: ignore[arg-type] # a class is hashable, whatever mypy says of type[T]
    return kind(**{name: _value(hint, data.get(name)) for name, hint in hints.items()})


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}


def _value(hint: Any, value: Any) -> Any:
    origin = get_origin(hint)
    if origin is UnionType:
        inner = next(each for each in get_args(hint) if each is not NoneType)
        return None if value is None else _value(inner, value)
    if origin is tuple:
        inner = get_args(hint)[0]
        return tuple(_value(inner, each) for each in value or ())
    if origin is dict:
        return dict(value or {})
    if is_dataclass(hint) and isinstance(hint, type):
        return None if value is None else read_answer(hint, value)
    if hint is datetime and isinstance(value, str):
        # Python 3.10 does not read the Z
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    return value


@dataclass(frozen=True, slots=True)
class Me:
    """Who a key belongs to, the organisation it acts in, and what it may do."""

    user_id: str
    organisation_id: str
    organisation: str
    powers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret."""

    id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A fresh key; `secret` is told this once."""

    id: str
    name: str
    prefix: str
    secret: str = field(repr=False)
    scopes: tuple[str, ...]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: `fraction` from 0 to 1, and what it is doing."""

    fraction: float
    note: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the hub.

    `state` is waiting (for other jobs), scheduled (for its time), ready, running, done, dead or cancelled; `job_class` is
    high, normal or background; `lane` says where it runs.
    """

    id: str
    kind: str
    job_class: str
    lane: str
    state: str
    priority: int
    attempt: int
    attempts_max: int
    cancel_requested: bool
    progress: Progress | None
    error: Json | None
    created_at: datetime
    run_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def has_ended(self) -> bool:
        return self.state in {"done", "dead", "cancelled"}


@dataclass(frozen=True, slots=True)
class JobLogLine:
    """What a job said at one time; `level` is info, warning or error."""

    number: int
    attempt: int
    at: datetime
    level: str
    message: str
    facts: Json


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset; `latest_version` is None until a version was accepted.

    `revision` is raised by every change of its description, notes and visibility.
    """

    id: str
    address: str
    name: str
    organisation: str
    description: str
    visibility: str
    latest_version: int | None
    column_notes: dict[str, str]
    created_at: datetime
    revision: int


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a version."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class TableSchema:
    """The columns of a version, in order."""

    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """A version: pending while it is read, then accepted with a number, or rejected with `error`.

    `source` says how the file was read: its format, encoding, delimiter and notes.
    """

    id: str
    dataset: str
    number: int | None
    state: str
    job_id: str | None
    file_name: str
    row_count: int | None
    byte_count: int | None
    error: Json | None
    source: Json
    table_schema: TableSchema | None
    created_at: datetime
    accepted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Preview:
    """The first rows of a version: a tuple of values a row, in the order of `columns`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Check:
    """A check of a dataset; `origin` is suggested or person, `reason` says why it is there."""

    id: str
    origin: str
    reason: str
    definition: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FailingRow:
    """A row that failed: its number from 1, the line of the file where known, its values."""

    row: int
    line: int | None
    values: Json


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of one check: `status` is passed, failed or errored, `sentence` says it for a person.

    Of a long set `definition` shows the first values and says as `values_omitted` how many more the check has.
    """

    check_id: str
    status: str
    sentence: str
    rows_checked: int
    failing_count: int
    failing_fraction: float
    observed: Json | None
    definition: Json
    failing_rows: tuple[FailingRow, ...]


@dataclass(frozen=True, slots=True)
class CheckRun:
    """A run of a dataset's checks; `state` is queued, passed, failed or errored."""

    id: str
    version_id: str
    state: str
    job_id: str | None
    error: Json | None
    results: tuple[CheckResult, ...]
    created_at: datetime
    finished_at: datetime | None

    @property
    def has_ended(self) -> bool:
        return self.state != "queued"


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """What a file changes of a dataset's checks; carried out where it `is_applied`."""

    added: tuple[Json, ...]
    changed: tuple[Json, ...]
    dropped: tuple[Json, ...]
    unchanged_count: int
    is_applied: bool


@dataclass(frozen=True, slots=True)
class LeaderboardRow:
    """A model that was tried: its score out of fold, its share of the ensemble (0 when not chosen)."""

    name: str
    family: str
    score: float
    weight: float
    fit_seconds: float
    exported: bool | None
    note: str


@dataclass(frozen=True, slots=True)
class LeakageWarning:
    """A column that alone nearly decides the target."""

    column: str
    alone_score: float
    score_without: float | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Run:
    """A training run; `state` is queued, running, finished, failed or cancelled, `score` is on held-out rows."""

    id: str
    state: str
    job_id: str | None
    dataset: str
    dataset_version: int
    target: str
    task: str | None
    metric: str | None
    greater_is_better: bool | None
    score: float | None
    baseline: float | None
    time_limit_seconds: float
    fit_seconds: float | None
    error: Json | None
    progress: Progress | None
    leaderboard: tuple[LeaderboardRow, ...]
    columns_left_out: dict[str, str]
    leakage_warnings: tuple[LeakageWarning, ...]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def has_ended(self) -> bool:
        return self.state in {"finished", "failed", "cancelled"}


@dataclass(frozen=True, slots=True)
class Model:
    """A model; `aliases` maps an alias to the number of the version it names."""

    id: str
    address: str
    organisation: str
    name: str
    description: str
    visibility: str
    latest_version: int | None
    aliases: dict[str, int]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Parity:
    """Whether the served file gives the same answers as in training, on `rows` held-out rows."""

    rows: int
    labels_equal: bool
    max_abs_difference: float
    within_tolerance: bool
    tolerance: float


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version of a model; `endpoint` is the address that predicts with it."""

    id: str
    model: str
    number: int
    format: str
    artifact_bytes: int
    artifact_sha256: str
    endpoint: str
    signature: Json
    parity: Parity | None
    origin: Json
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one row: `label` and `probabilities` by class, or `value` for a number."""

    label: Any
    value: float | None
    probabilities: dict[str, float]


@dataclass(frozen=True, slots=True)
class Predictions:
    """The answers in the order of the rows, and the version that gave them."""

    model: str
    version: int
    request_id: str | None
    predictions: tuple[Prediction, ...]
