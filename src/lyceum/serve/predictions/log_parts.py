"""What the prediction log writes: rows as the literals of PostgreSQL's arrays, in parts of a bounded size."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

PART_ROWS_MAX = 1_000
PART_BYTES_MAX = 8 * 1024**2
LOGGED_ROW_BYTES_MAX = 64 * 1024

# JSON as a literal of an array: quotes and backslashes double, and 1e15 in a body is 1000000000000000.0 here
_GROWTH_MAX = 3
_ROW_BYTES = 256
_COLUMN_BYTES = 8
# jsonb holds no NUL character; JSON writes it so, after an even number of backslashes
_NUL_IN_JSON = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_INTEGER_MAX = 2**31 - 1


class LoggedRequest(msgspec.Struct, gc=False):
    """A request that was answered: its typed rows, at least one, and the JSON list of their predictions."""

    at: float
    version_id: UUID
    key_id: UUID
    request_id: str
    duration_seconds: float
    rows: Sequence[msgspec.Struct]
    predictions: bytes
    json_bytes: int
    """Of the body and the predictions."""

    def bytes_max(self) -> int:
        """Return what it takes at most as literals, and about what it takes while it waits.

        A row that came as `{}` still holds a place for each column of the model.
        """
        columns = len(self.rows[0].__struct_fields__)
        return _GROWTH_MAX * self.json_bytes + len(self.rows) * (_ROW_BYTES + _COLUMN_BYTES * columns)


@dataclass(slots=True)
class _Columns:
    """Log rows as columns of literals."""

    ats: list[str] = field(default_factory=list)
    version_ids: list[str] = field(default_factory=list)
    key_ids: list[str] = field(default_factory=list)
    request_ids: list[str] = field(default_factory=list)
    durations: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    def slice(self, start: int, stop: int) -> "_Columns":
        """Return the rows from `start` to before `stop`."""
        return _Columns(*(getattr(self, name)[start:stop] for name in self.__slots__))


@dataclass(slots=True)
class Part:
    """Rows that are written in one statement, and how many beside them were too large to keep."""

    columns: _Columns = field(default_factory=_Columns)
    too_large: int = 0
    byte_count: int = 0

    def __len__(self) -> int:
        return len(self.columns.ats)

    @property
    def is_full(self) -> bool:
        """Whether it is as large as one statement should be."""
        return len(self) >= PART_ROWS_MAX or self.byte_count >= PART_BYTES_MAX

    def halves(self) -> "tuple[Part, Part]":
        """Return two parts that hold its rows together."""
        middle = len(self) // 2
        first = Part(self.columns.slice(0, middle), self.too_large)
        return first, Part(self.columns.slice(middle, len(self)))

    def arrays(self) -> dict[str, str]:
        """Return each column as one array; made here that costs a tenth of what the driver takes to adapt lists."""
        return {name: "{" + ",".join(getattr(self.columns, name)) + "}" for name in _Columns.__slots__}


def parts_of(requests: Iterable[LoggedRequest]) -> Iterator[Part]:
    """Yield the rows of the requests in parts, each made when it is asked for; raises what a broken request raises."""
    encode = msgspec.json.Encoder().encode
    part = Part()
    for request in requests:
        same = _SameInEveryRow(request)
        for row, prediction in zip(request.rows, _one_by_one(request), strict=True):
            inputs = encode(row)
            if len(inputs) > LOGGED_ROW_BYTES_MAX:
                part.too_large += 1
                continue
            same.add_to(part, _json_literal(inputs.decode()), _json_literal(bytes(prediction).decode()))
            if part.is_full:
                yield part
                part = Part()
    if len(part) or part.too_large:
        yield part


class _SameInEveryRow:
    """What the log rows of one request share."""

    __slots__ = ("_at", "_duration", "_key_id", "_request_id", "_version_id")

    def __init__(self, request: LoggedRequest) -> None:
        self._at = f"{request.at:.6f}"
        self._version_id = request.version_id.hex
        self._key_id = request.key_id.hex
        self._request_id = request.request_id
        self._duration = str(min(int(request.duration_seconds * 1e6), _INTEGER_MAX))

    def add_to(self, part: Part, inputs: str, outputs: str) -> None:
        """Add a row of the request to a part."""
        columns = part.columns
        columns.ats.append(self._at)
        columns.version_ids.append(self._version_id)
        columns.key_ids.append(self._key_id)
        columns.request_ids.append(self._request_id)
        columns.durations.append(self._duration)
        columns.inputs.append(inputs)
        columns.outputs.append(outputs)
        part.byte_count += len(inputs) + len(outputs)


def _one_by_one(request: LoggedRequest) -> Sequence[bytes | msgspec.Raw]:
    if len(request.rows) == 1:
        return (request.predictions[1:-1],)
    return msgspec.json.decode(request.predictions, type=list[msgspec.Raw])


def _json_literal(document: str) -> str:
    if "\\" in document:
        document = _NUL_IN_JSON.sub(r"\1\\ufffd", document).replace("\\", "\\\\")
    escaped = document.replace('"', '\\"')
    return f'"{escaped}"'
