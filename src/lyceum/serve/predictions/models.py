"""Models in memory: loaded once however many ask, checked against their digest, the least used ones let go."""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from lyceum.kernel.storage import Storage
from lyceum.serve.predictions.errors import ModelNotLoadable
from lyceum.serve.predictions.metrics import models_bytes, models_loaded_total
from lyceum.serve.predictions.queries import ServedVersion
from lyceum.serve.runtime.public import NotServable, OnnxModel, UnusableInput

LOOP_SECONDS_MAX = 0.002
LOADS_AT_ONCE = 2
FAILURE_KNOWN_SECONDS = 5.0
FAILURES_KNOWN_MAX = 1_000
# Tree ensembles open to 20-22 times their file (measured on files of 1 and 9 MB), a session alone takes 8 MB.
MEMORY_PER_FILE_BYTE = 22
SESSION_BYTES = 8 * 1024**2
_TIMED_ROWS = 32
_TIMED_CALLS = 3

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model ready to answer. Up to `loop_rows_max` rows cost less than two milliseconds on this machine."""

    model: OnnxModel
    loop_rows_max: int
    memory_bytes: int
    reply_start: bytes


@dataclass(frozen=True, slots=True)
class _NotLoadable:
    """Why a model was not loaded; a sentence, since an exception that is raised again and again keeps every frame."""

    sentence: str
    known_until: float


class LoadedModels:
    """The models of this process, by version; together they take about `bytes_max`, or a single one what it needs."""

    def __init__(self, storage: Storage, *, bytes_max: int) -> None:
        self._storage = storage
        self._bytes_max = bytes_max
        self._loaded: OrderedDict[UUID, LoadedModel] = OrderedDict()
        self._loading: dict[UUID, asyncio.Task[LoadedModel | _NotLoadable]] = {}
        self._failed: OrderedDict[UUID, _NotLoadable] = OrderedDict()
        self._turn = asyncio.Semaphore(LOADS_AT_ONCE)

    def get(self, version_id: UUID) -> LoadedModel | None:
        """Return a model that is in memory."""
        loaded = self._loaded.get(version_id)
        if loaded is not None:
            self._loaded.move_to_end(version_id)
        return loaded

    async def load(self, version: ServedVersion) -> LoadedModel:
        """Return the version's model, loading it off the loop when it is not in memory; raises `ModelNotLoadable`."""
        failed = self._failed.get(version.id)
        if failed is not None and failed.known_until > time.monotonic():
            raise ModelNotLoadable(failed.sentence)
        task = self._loading.get(version.id)
        if task is None:
            task = self._loading[version.id] = asyncio.create_task(self._load(version))
            task.add_done_callback(lambda done: self._ended(version.id, done))
        found = await asyncio.shield(task)
        if isinstance(found, _NotLoadable):
            raise ModelNotLoadable(found.sentence)
        return found

    @property
    def memory_bytes(self) -> int:
        """About what the loaded models take."""
        return sum(loaded.memory_bytes for loaded in self._loaded.values())

    async def _load(self, version: ServedVersion) -> LoadedModel | _NotLoadable:
        began = time.perf_counter()
        try:
            async with self._turn:
                content = await self._storage.read(version.artifact_path)
                loaded = await asyncio.to_thread(_opened, version, content)
        except Exception as error:
            models_loaded_total.labels("failed").inc()
            log.exception("a model cannot be loaded", extra={"model": version.address, "version": version.number})
            return self._not_loadable(version, error)
        self._keep(version.id, loaded)
        models_loaded_total.labels("loaded").inc()
        facts = {"model": version.address, "version": version.number, "loop_rows_max": loaded.loop_rows_max}
        log.info("a model was loaded", extra={**facts, "ms": round((time.perf_counter() - began) * 1000)})
        return loaded

    def _not_loadable(self, version: ServedVersion, error: Exception) -> _NotLoadable:
        sentence = (
            f"Version {version.number} of {version.address} cannot be loaded ({type(error).__name__}); "
            "the hub's log has the cause. Register the model again or move its alias to another version."
        )
        failure = self._failed[version.id] = _NotLoadable(sentence, time.monotonic() + FAILURE_KNOWN_SECONDS)
        self._failed.move_to_end(version.id)
        while len(self._failed) > FAILURES_KNOWN_MAX:
            self._failed.popitem(last=False)
        return failure

    def _keep(self, version_id: UUID, loaded: LoadedModel) -> None:
        self._loaded[version_id] = loaded
        while len(self._loaded) > 1 and self.memory_bytes > self._bytes_max:
            self._loaded.popitem(last=False)
        models_bytes.set(self.memory_bytes)

    def _ended(self, version_id: UUID, task: "asyncio.Task[Any]") -> None:
        del self._loading[version_id]
        if not task.cancelled():
            task.exception()


def _opened(version: ServedVersion, content: bytes) -> LoadedModel:
    found = hashlib.sha256(content).hexdigest()
    if found != version.artifact_sha256:
        raise NotServable(f"the file's SHA-256 is {found}, registered was {version.artifact_sha256}")
    model = OnnxModel.load(content)
    return LoadedModel(
        model=model,
        loop_rows_max=_loop_rows_max(model),
        memory_bytes=len(content) * MEMORY_PER_FILE_BYTE + SESSION_BYTES,
        reply_start=_reply_start(version),
    )


def _reply_start(version: ServedVersion) -> bytes:
    head = msgspec.json.encode({"model": version.address, "version": version.number})
    return head[:-1] + b',"predictions":'


def _loop_rows_max(model: OnnxModel) -> int:
    """How many rows this model answers within `LOOP_SECONDS_MAX`; 0 when not even one."""
    rows = model.decode_body(msgspec.json.encode({"rows": [_typical_row(model)] * _TIMED_ROWS}))
    one = _seconds(lambda: model.predict_rows(rows[:1]))
    many = _seconds(lambda: model.predict_rows(rows))
    if one > LOOP_SECONDS_MAX:
        return 0
    a_row_more = max((many - one) / (_TIMED_ROWS - 1), 1e-6)
    return 1 + int((LOOP_SECONDS_MAX - one) / a_row_more)


def _typical_row(model: OnnxModel) -> dict[str, object]:
    row: dict[str, object] = dict(model.signature.example_row())
    try:
        model.predict_rows([row])
    except UnusableInput:
        return {}
    return row


def _seconds(call: Callable[[], Sequence[object]]) -> float:
    """The shortest of a few calls: what else the machine does at the time is not the model's cost."""
    shortest = float("inf")
    for _ in range(_TIMED_CALLS):
        began = time.perf_counter()
        call()
        shortest = min(shortest, time.perf_counter() - began)
    return shortest
