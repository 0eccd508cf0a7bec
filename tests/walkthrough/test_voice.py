"""What a person sees at a terminal: a bar that moves, a leaderboard that fills, and a line for each step that ended."""

import fcntl
import io
import os
import pty
import re
import struct
import termios
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lyceum.walkthrough.voice import TerminalVoice, Voice, make_voice
from lyceum_client import LeaderboardRow, Run
from lyceum_client.answers import read_answer
from make.walkthrough import learnable

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
TITLE_SEQUENCE = "\x1b]0;owned\x07"
TITLE_SHOWN = r"\x1b]0;owned\x07"
COLUMNS = 120


class Screen(io.StringIO):
    """A terminal that keeps what it is sent."""

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        return readable(self.getvalue())


def readable(sent: str) -> str:
    """Return what was sent without the sequences that move the cursor and colour."""
    return ESCAPES.sub("", sent).replace("\r", "")


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    return Screen()


@pytest.fixture
def voice(screen: Screen) -> Voice:
    made = make_voice(screen, is_terminal=screen.isatty)
    assert isinstance(made, TerminalVoice)
    return made


def run_with(*rows: LeaderboardRow, state: str = "running", greater_is_better: bool = True) -> Run:
    facts = {"id": "r1", "state": state, "metric": "rmse", "greater_is_better": greater_is_better}
    return read_answer(
        Run, facts | {"leaderboard": [{name: getattr(row, name) for name in row.__slots__} for row in rows]}
    )


def tried(name: str, score: float, *, weight: float = 0.0) -> LeaderboardRow:
    return LeaderboardRow(
        name=name, family="linear", score=score, weight=weight, fit_seconds=1.25, exported=True, note=""
    )


def test_a_step_shows_its_title_how_far_it_is_and_then_what_came_of_it(voice: Voice, screen: Screen) -> None:
    voice.step(1, "Upload shop.csv")
    voice.doing("sending", 0.25)
    voice.close()
    moving = screen.text
    assert "1 Upload shop.csv" in moving
    assert "25% sending" in moving
    assert "━" in moving
    voice.step(1, "Upload shop.csv")
    voice.done("240 rows, 4 columns", ["dataset main/shop, version 1"])
    assert screen.text.endswith("✓ 1 Upload shop.csv  240 rows, 4 columns\n  dataset main/shop, version 1\n")


def test_the_leaderboard_is_ranked_by_what_is_better(voice: Voice, screen: Screen) -> None:
    rows = (tried("Linear", 3.5), tried("LightGBM", 2.25, weight=0.75))
    voice.step(3, "Train for price, 60 s at most")
    voice.leaderboard(run_with(*rows, state="finished", greater_is_better=False))
    before = len(screen.text)
    voice.done("RMSE 2.25")
    left = [line.split() for line in screen.text[before:].splitlines() if line.strip()]
    assert left[-3:] == [
        ["model", "RMSE", "weight", "seconds"],
        ["LightGBM", "2.2500", "75%", "1.2"],
        ["Linear", "3.5000", "1.2"],
    ]


def test_control_characters_are_shown_and_not_obeyed(voice: Voice, screen: Screen) -> None:
    voice.step(3, f"Train for {TITLE_SEQUENCE}")
    voice.doing(f"tried {TITLE_SEQUENCE}", 0.5)
    voice.leaderboard(run_with(tried(TITLE_SEQUENCE, 1.0)))
    voice.done(f"left out {TITLE_SEQUENCE}", [f"detail {TITLE_SEQUENCE}", "[bold red]markup[/]"])
    voice.say(f"said {TITLE_SEQUENCE}")
    assert "\x1b]" not in screen.getvalue()
    assert "\x07" not in screen.getvalue()
    for words in ("Train for", "left out", "detail", "said"):
        assert f"{words} {TITLE_SHOWN}" in screen.text
    assert "[bold red]markup[/]" in screen.text


def test_what_ends_while_something_moves_gives_the_cursor_back(voice: Voice, screen: Screen) -> None:
    voice.step(2, "Check")
    voice.close()
    sent = screen.getvalue()
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l")


@pytest.mark.deep
def test_a_person_at_a_terminal_sees_the_steps_and_nothing_from_the_table_is_obeyed(
    terminal: Any, tmp_path: Path
) -> None:
    notes = pl.Series("note", [TITLE_SEQUENCE, "plain\x9b2J"] * 120)
    learnable().with_columns(notes).write_csv(tmp_path / "shop.csv")
    code, sent = at_a_terminal(terminal, "shop.csv", "--target", "bought", "--time-limit", "2s", "--exit")
    shown = readable(sent)
    assert code == 0, shown
    lines = shown.splitlines()
    done = [line.partition("  ")[0] for line in lines if line.startswith("✓")]
    assert done == ["✓ 1 Upload shop.csv", "✓ 2 Check", "✓ 3 Train for bought, 2 s at most", "✓ 4 Serve"]
    assert any("━" in line for line in lines)
    assert any(line.split()[:4] == ["model", "ROC", "AUC", "weight"] for line in lines)
    assert any(re.match(r" +LightGBM default +\d\.\d{4} ", line) for line in lines)
    assert any(line.startswith("Score ") for line in lines)
    assert not re.search(r"\x1b\]|\x07|\x9b", sent)
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l")


def at_a_terminal(terminal: Any, *arguments: str) -> tuple[int, str]:
    """Return the exit code and all that the command sends to a terminal of its own."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    with terminal.running(*arguments, stdout=its, stderr=its, TERM="xterm-256color") as process:
        os.close(its)
        sent = read_to_the_end(ours)
        code = process.wait(60)
    os.close(ours)
    return code, sent


def read_to_the_end(descriptor: int) -> str:
    sent = b""
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:
            # a terminal whose other side is closed
            part = b""
        if not part:
            return sent.decode()
        sent += part
