"""What was made and how to take it back, the last first; what could not be is told and remembered."""

from collections.abc import Callable
from contextlib import ExitStack

from lyceum.walkthrough.interrupts import Interrupted
from lyceum.walkthrough.voice import Voice
from lyceum.walkthrough.wording import listed
from lyceum_client import LyceumError, NotFound


class Undo:
    """Takes back what was noted when `ending` ends, unless it is kept."""

    def __init__(self, ending: ExitStack, voice: Voice) -> None:
        self._ending = ending
        self._voice = voice
        self._is_kept = False
        self._left: list[str] = []

    def note(self, action: Callable[[], object], what: str) -> None:
        """Note how to take back what is made just now; a failure to do so is told and stops nothing."""

        def take_back() -> None:
            if self._is_kept:
                return
            try:
                action()
            except NotFound:
                return
            except Interrupted:
                self._left.append(what)
                raise
            except (LyceumError, OSError) as error:
                self._left.append(what)
                self._voice.say(f"{what} could not be taken back: {error}")

        self._ending.callback(take_back)

    def keep(self) -> None:
        """Take nothing back."""
        self._is_kept = True

    @property
    def remains(self) -> str:
        """What was to be taken back and is still there; empty when there is nothing."""
        return listed(self._left)

    @property
    def stopped(self) -> str:
        """The sentence for the person who stopped it."""
        if self._is_kept:
            return "Stopped; what it made stays."
        if self._left:
            return f"Stopped; still there, for you to remove: {self.remains}."
        return "Stopped; what it had made was taken back."
