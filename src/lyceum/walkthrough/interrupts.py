"""Ctrl-C and SIGTERM as `Interrupted`, which waits while something is made and noted for removal."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """The person, or whoever runs us, asked to stop."""


class Interrupts:
    """The signals that stop the walkthrough."""

    def __init__(self) -> None:
        self._held = 0
        self._waiting = False

    @contextmanager
    def listened_to(self) -> Iterator["Interrupts"]:
        """Raise `Interrupted` in the main thread for a signal, until the end of the block."""
        before = {number: signal.signal(number, self._arrived) for number in _heeded()}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a signal wait until the end of the block, so that what is made there is also noted."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        if self._waiting and not self._held:
            self._waiting = False
            raise Interrupted

    def _arrived(self, _number: int, _frame: FrameType | None) -> None:
        if self._held:
            self._waiting = True
            return
        raise Interrupted


def _heeded() -> list[signal.Signals]:
    # nohup starts us with this one ignored, on purpose
    is_to_outlive_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in SIGNALS if number is not signal.SIGHUP or not is_to_outlive_terminal]
