"""From the bytes of a request to the bytes of its answer, on the loop when that is quick and in a thread when not."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import msgspec

from lyceum.serve.predictions.batching import Batcher
from lyceum.serve.predictions.bodies import SMALL_BODY_BYTES
from lyceum.serve.predictions.errors import BodyTooLarge, BodyUnreadable, RowUnusable, TooManyRows
from lyceum.serve.predictions.models import LoadedModel
from lyceum.serve.runtime.public import BadValue, OnnxModel, UnreadableBody

ROW_BYTES_MAX = 1024**2
# one call into C holds the interpreter: its share of a large request is bounded
CHUNK_BYTES_MAX = 256 * 1024
CHUNK_VALUES_MAX = 50_000
SHARED_ROWS_MAX = 8

_SHAPE = 'send {"rows": [{"column": value, ...}, ...]}'


class _Rows(msgspec.Struct, gc=False):
    rows: list[msgspec.Raw]


_rows_decoder = msgspec.json.Decoder(_Rows)
_encode = msgspec.json.Encoder().encode


class Answered(msgspec.Struct, frozen=True, gc=False):
    """The typed rows that were read and their predictions as a JSON list."""

    rows: Sequence[msgspec.Struct]
    predictions: bytes


class Answering:
    """Computes predictions; one a process, since it owns the threads and the batches."""

    def __init__(self, *, rows_max: int) -> None:
        self._rows_max = rows_max
        self._batcher = Batcher()
        self._threads = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="predict")

    async def answer(self, loaded: LoadedModel, body: bytes) -> Answered:
        """Return the answer to a body; raises `BodyUnreadable`, `BodyTooLarge`, `TooManyRows` and `RowUnusable`."""
        if len(body) > SMALL_BODY_BYTES:
            return await self._in_thread(_answer_large, loaded.model, body, self._rows_max)
        rows = _read(loaded.model, body, first_row=0)
        if len(rows) > self._rows_max:
            raise _too_many(len(rows), self._rows_max)
        if len(rows) > loaded.loop_rows_max:
            return await self._in_thread(_answer_rows, loaded.model, rows)
        if len(rows) > SHARED_ROWS_MAX:
            return _answer_rows(loaded.model, rows)
        try:
            return Answered(rows, _encode(await self._batcher.predict(loaded, rows)))
        except BadValue as error:
            _refuse(error, first_row=0)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: object, *arguments: object) -> Answered:
        loop = asyncio.get_running_loop()
        answered: Answered = await loop.run_in_executor(self._threads, work, *arguments)  # type: ignore[arg-type, unused-ignore]  # any function
        return answered


def _answer_large(model: OnnxModel, body: bytes, rows_max: int) -> Answered:
    raws = _split(body)
    if len(raws) > rows_max:
        raise _too_many(len(raws), rows_max)
    rows: list[msgspec.Struct] = []
    answers: list[bytes] = []
    for first_row, chunk in _chunks(raws, len(model.prestep.columns)):
        read = _read(model, b'{"rows":[' + b",".join(chunk) + b"]}", first_row=first_row)
        answers.append(_predict(model, read, first_row=first_row)[1:-1])
        rows += read
    return Answered(rows, b"[" + b",".join(answers) + b"]")


def _answer_rows(model: OnnxModel, rows: Sequence[msgspec.Struct]) -> Answered:
    chunk_rows = max(1, CHUNK_VALUES_MAX // max(1, len(model.prestep.columns)))
    answers = [
        _predict(model, rows[start : start + chunk_rows], first_row=start)[1:-1]
        for start in range(0, len(rows), chunk_rows)
    ]
    return Answered(rows, b"[" + b",".join(answers) + b"]")


def _split(body: bytes) -> list[msgspec.Raw]:
    try:
        raws = _rows_decoder.decode(body).rows
    except msgspec.ValidationError:
        raise BodyUnreadable(f"The request has no list of rows; {_SHAPE}.") from None
    except msgspec.DecodeError as error:
        raise BodyUnreadable(f"The request is not JSON: {error}.") from None
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from None
    except RecursionError:
        raise _too_deep() from None
    for index, raw in enumerate(raws):
        text = memoryview(raw)
        if text.nbytes > ROW_BYTES_MAX:
            raise BodyTooLarge(f"Row {index} is {text.nbytes:,} bytes long; a row may have {ROW_BYTES_MAX:,}.")
        if text[0] != ord("{"):
            raise BodyUnreadable(f"Row {index} is not an object; {_SHAPE}.")
    return raws


def _chunks(raws: Sequence[msgspec.Raw], columns: int) -> Iterator[tuple[int, list[bytes]]]:
    rows_max = max(1, CHUNK_VALUES_MAX // max(1, columns))
    chunk: list[bytes] = []
    chunk_bytes = 0
    for index, raw in enumerate(raws):
        row = bytes(raw)
        if chunk and (len(chunk) >= rows_max or chunk_bytes + len(row) > CHUNK_BYTES_MAX):
            yield index - len(chunk), chunk
            chunk, chunk_bytes = [], 0
        chunk.append(row)
        chunk_bytes += len(row)
    if chunk:
        yield len(raws) - len(chunk), chunk


def _read(model: OnnxModel, body: bytes, *, first_row: int) -> list[msgspec.Struct]:
    try:
        return model.decode_body(body)
    except BadValue as error:
        _refuse(error, first_row=first_row)
    except UnreadableBody as error:
        text = str(error)
        raise BodyUnreadable(f"{text[:1].upper()}{text[1:]}.") from None
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from None
    except RecursionError:
        raise _too_deep() from None


def _predict(model: OnnxModel, rows: Sequence[msgspec.Struct], *, first_row: int) -> bytes:
    try:
        return _encode(model.predict_rows(rows))
    except BadValue as error:
        _refuse(error, first_row=first_row)


def _refuse(error: BadValue, *, first_row: int) -> NoReturn:
    row = first_row + error.row
    raise RowUnusable(
        f"Row {row}, column {error.column!r}: {error.value_text} is not {error.expected}.", row=row, column=error.column
    ) from None


def _too_many(rows: int, rows_max: int) -> TooManyRows:
    return TooManyRows(
        f"The request has {rows:,} rows and one may have {rows_max:,}; send them in several requests, "
        "or raise LYCEUM_PREDICT_ROWS_MAX."
    )


def _too_deep() -> BodyUnreadable:
    return BodyUnreadable(f"The request is nested too deeply; {_SHAPE}.")


def _not_utf8(error: UnicodeDecodeError) -> BodyUnreadable:
    return BodyUnreadable(f"The request is not JSON in UTF-8: it holds the byte 0x{error.object[error.start]:02x}.")
