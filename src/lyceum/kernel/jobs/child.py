"""The far side of a heavy job: a process that has imported what it needs and waits for a piece of work, and another.

It is started fresh rather than forked from the worker, whose Polars, Delta and ONNX threads do not survive a fork.
`guard.py` ends it, and whatever it has started, with its worker.
"""

import importlib
import os
import socket
import threading
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, BinaryIO, get_type_hints

import msgspec

from lyceum.kernel.jobs.guard import children_of, resident_bytes
from lyceum.kernel.telemetry import log_context, log_to_stderr, trace_parent

FRAME_BYTES_MAX = 256 * 1024**2
KEPT_BYTES_MAX = 256 * 1024**2
"""Of what a job took, for its child to go on: an allocator keeps some, and more than that is somebody else's room."""
_THREADS_OF_ITS_OWN = 2
"""One computes, one hears."""
REFUSED_STATUS = 422
"""What an error with a code means when it says no more: the input is at fault."""


class Cancelled(BaseException):
    """Raised by `ChildSide.stop_if_asked`; not an `Exception`, so that no handler of errors swallows it."""


class ChildSide:
    """What a computing function may ask of its worker."""

    def __init__(self, send: Callable[[dict[str, Any]], None], cancelled: threading.Event) -> None:
        self._send = send
        self._cancelled = cancelled

    def event(self, facts: dict[str, Any]) -> None:
        """Tell the worker what has happened; its `on_event` records it."""
        self._send({"event": facts})

    @property
    def should_stop(self) -> bool:
        """Whether the job has been called off."""
        return self._cancelled.is_set()

    def stop_if_asked(self) -> None:
        """Raise `Cancelled` when the job has been called off."""
        if self._cancelled.is_set():
            raise Cancelled


def read_frame(stream: BinaryIO) -> dict[str, Any] | None:
    """Return the next message, None at the end of the stream."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    size = int.from_bytes(head, "big")
    if size > FRAME_BYTES_MAX:
        raise ValueError(f"A message of {size} bytes is more than the {FRAME_BYTES_MAX} allowed.")
    body = stream.read(size)
    return msgspec.msgpack.decode(body) if len(body) == size else None


def frame(message: dict[str, Any]) -> bytes:
    """Return a message as it goes over the pipe: four bytes of length, then MessagePack."""
    body = msgspec.msgpack.encode(message)
    if len(body) > FRAME_BYTES_MAX:
        raise ValueError(f"A message of {len(body)} bytes is more than the {FRAME_BYTES_MAX} allowed.")
    return len(body).to_bytes(4, "big") + body


def resolve(name: str) -> Callable[[Any, ChildSide], msgspec.Struct]:
    """Return the function that `module:function` names."""
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)  # type: ignore[no-any-return]


def serve(connection_fd: int, preload: list[str]) -> None:
    """Import what jobs need, say so, then do each piece of work that comes over the connection."""
    sending = threading.Lock()

    def send(message: dict[str, Any]) -> None:
        with sending:
            connection.sendall(frame(message))

    with socket.socket(fileno=connection_fd) as connection:
        for module in preload:
            importlib.import_module(module)
        heard: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        cancelled = threading.Event()
        threading.Thread(target=_hear, args=(connection.makefile("rb"), heard, cancelled), daemon=True).start()
        bytes_at_first = resident_bytes(os.getpid())
        send({"ready": True})
        while (work := heard.get()) is not None:
            log_to_stderr(work["log_level"], process="compute")
            log_context.set(work["context"])
            trace_parent.set(work["traceparent"])
            outcome = _outcome(work, ChildSide(send, cancelled))
            goes_on = "output" in outcome and not cancelled.is_set() and _is_as_before(bytes_at_first)
            send(outcome | {"goes_on": goes_on})
            if not goes_on:
                return


def _hear(stream: BinaryIO, heard: SimpleQueue[dict[str, Any] | None], cancelled: threading.Event) -> None:
    try:
        while (message := read_frame(stream)) is not None:
            if message.get("cancel"):
                cancelled.set()
            else:
                heard.put(message)
    finally:
        heard.put(None)


def _is_as_before(bytes_at_first: int) -> bool:
    """Tell whether a job has left nothing running here, and not much in memory."""
    started = [*children_of(os.getpid()), *(pid for pid in children_of(os.getppid()) if pid != os.getpid())]
    threads_started = threading.active_count() - _THREADS_OF_ITS_OWN
    kept_bytes = resident_bytes(os.getpid()) - bytes_at_first
    return not started and not threads_started and kept_bytes <= KEPT_BYTES_MAX


def _outcome(work: dict[str, Any], side: ChildSide) -> dict[str, Any]:
    try:
        compute = resolve(work["compute"])
        input_type = next(iter(get_type_hints(compute).values()))
        output = compute(msgspec.convert(work["input"], input_type), side)
    except Cancelled:
        return {"cancelled": True}
    except MemoryError:
        detail = "The job needed more memory than this machine has."
        return {"error": {"code": "out_of_memory", "status": REFUSED_STATUS, "detail": detail}}
    except Exception as error:  # noqa: BLE001 whatever the function raises is its verdict
        return {"error": _described(error)}
    return {"output": msgspec.to_builtins(output)}


def _described(error: Exception) -> dict[str, Any]:
    """Return a fact with a code as it is; of anything unforeseen, whose text may hold somebody's data, what the log needs."""
    code = getattr(error, "code", None)
    if not isinstance(code, str):
        return {"type": type(error).__name__, "trace": traceback.format_exc(limit=20)}
    status = getattr(error, "status", REFUSED_STATUS)
    return {"code": code, "status": status, "detail": str(error) or type(error).__name__}
