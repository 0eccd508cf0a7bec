"""What is taken back when the walkthrough stops, and the sentence about it that is true."""

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from io import StringIO

import pytest

from lyceum.walkthrough.errors import InputRefused
from lyceum.walkthrough.interrupts import Interrupted, Interrupts
from lyceum.walkthrough.undo import Undo
from lyceum.walkthrough.voice import PlainVoice
from lyceum_client import HubUnavailable, NotFound


def end(stream: StringIO, error: BaseException, *actions: tuple[Callable[[], object], str]) -> Undo:
    """Note the actions and end with the error, which has to come out; what is said goes to the stream."""
    ending = ExitStack()
    undo = Undo(ending, PlainVoice(stream))

    def walk() -> None:
        with ending:
            for action, what in actions:
                undo.note(action, what)
            raise error

    with pytest.raises(type(error)):
        walk()
    return undo


def away() -> None:
    raise HubUnavailable(None, "unreachable", "No hub answers.")


def full() -> None:
    raise OSError("notebook.ipynb was changed")


def gone() -> None:
    raise NotFound(404, "dataset_not_found", "There is no such dataset.")


def cut_short() -> None:
    raise Interrupted


@pytest.mark.parametrize(
    "action, sentence, told",
    [
        (lambda: None, "Stopped; what it had made was taken back.", ""),
        (gone, "Stopped; what it had made was taken back.", ""),
        (
            away,
            "Stopped; still there, for you to remove: the model.",
            "the model could not be taken back: No hub answers.\n",
        ),
        (
            full,
            "Stopped; still there, for you to remove: the model.",
            "the model could not be taken back: notebook.ipynb was changed\n",
        ),
        (cut_short, "Stopped; still there, for you to remove: the model.", ""),
    ],
)
def test_the_person_hears_whether_what_was_made_is_gone(action: Callable[[], None], sentence: str, told: str) -> None:
    said, taken_back = StringIO(), []
    dataset = (lambda: taken_back.append("dataset"), "the dataset")
    undo = end(said, Interrupted(), dataset, (action, "the model"))
    assert undo.stopped == sentence
    assert said.getvalue() == told
    assert taken_back == ["dataset"]


def test_a_failure_to_take_back_does_not_hide_why_it_ended() -> None:
    undo = end(StringIO(), InputRefused("There is no column 'a'."), (full, "the results"))
    assert undo.remains == "the results"


def test_what_is_kept_stays() -> None:
    ending = ExitStack()
    undo = Undo(ending, PlainVoice(StringIO()))
    with ending:
        undo.note(full, "the results")
        undo.keep()
    assert undo.remains == ""


@pytest.fixture
def hung_up() -> "Callable[[signal.Handlers], None]":
    """A function that sets how this process takes a terminal that goes away, and sends it that."""

    def run(handler: signal.Handlers) -> None:
        before = signal.signal(signal.SIGHUP, handler)
        try:
            with Interrupts().listened_to():
                os.kill(os.getpid(), signal.SIGHUP)
        finally:
            signal.signal(signal.SIGHUP, before)

    return run


def test_a_terminal_that_goes_away_stops_it_but_not_under_nohup(hung_up: Callable[[signal.Handlers], None]) -> None:
    hung_up(signal.SIG_IGN)
    with pytest.raises(Interrupted):
        hung_up(signal.SIG_DFL)
