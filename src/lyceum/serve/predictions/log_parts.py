"""What the prediction log writes: rows as JSON, in parts of a bounded size."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

PART_ROWS_MAX = 1_000
PART_BYTES_MAX = 8 * 1024**2
LOGGED_ROW_BYTES_MAX = 64 * 1024

# 1e15 in a body is 1000000000000000.0 here
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
        """Return what it takes at most as rows to be written, and about what it takes while it waits.

        A row that came as `{}` still holds a place for each column of the model.
        """
        columns = len(self.rows[0].__struct_fields__)
        return _GROWTH_MAX * self.json_bytes + len(self.rows) * (_ROW_BYTES + _COLUMN_BYTES * columns)


class _LogRow(msgspec.Struct, gc=False):
    """A row of the log as the database is told of it."""

    at: float
    version_id: UUID
    key_id: UUID
    request_id: str
    duration_microseconds: int
    inputs: msgspec.Struct
    outputs: msgspec.Raw


@dataclass(slots=True)
class Part:
    """Rows that are written in one statement, each as JSON, and how many beside them were too large to keep."""

    rows: list[bytes] = field(default_factory=list)
    too_large: int = 0
    byte_count: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def is_full(self) -> bool:
        """Whether it is as large as one statement should be."""
        return len(self) >= PART_ROWS_MAX or self.byte_count >= PART_BYTES_MAX

    def halves(self) -> "tuple[Part, Part]":
        """Return two parts that hold its rows together."""
        middle = len(self) // 2
        return Part(self.rows[:middle], self.too_large), Part(self.rows[middle:])

    def document(self) -> str:
        """Return the rows as one JSON list: the driver takes ten times as long to adapt a list of each column."""
        text = (b"[" + b",".join(self.rows) + b"]").decode()
        return _NUL_IN_JSON.sub(r"\1\\ufffd", text) if "\\u0000" in text else text


def parts_of(requests: Iterable[LoggedRequest]) -> Iterator[Part]:
    """Yield the rows of the requests in parts, each made when it is asked for; raises what a broken request raises."""
    encode = msgspec.json.Encoder().encode
    part = Part()
    for request in requests:
        duration = min(int(request.duration_seconds * 1e6), _INTEGER_MAX)
        of_request = request.at, request.version_id, request.key_id, request.request_id, duration
        for row, prediction in zip(request.rows, _one_by_one(request), strict=True):
            encoded = encode(_LogRow(*of_request, row, prediction))
            if len(encoded) > LOGGED_ROW_BYTES_MAX and len(encode(row)) > LOGGED_ROW_BYTES_MAX:
                part.too_large += 1
                continue
            part.rows.append(encoded)
            part.byte_count += len(encoded)
            if part.is_full:
                yield part
                part = Part()
    if len(part) or part.too_large:
        yield part


def _one_by_one(request: LoggedRequest) -> Sequence[msgspec.Raw]:
    if len(request.rows) == 1:
        return (msgspec.Raw(request.predictions[1:-1]),)
    return msgspec.json.decode(request.predictions, type=list[msgspec.Raw])
