"""How the walkthrough tells what it does: moving bars on a terminal, plain lines anywhere else."""

from collections.abc import Callable, Iterable
from typing import IO, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from lyceum.walkthrough.wording import METRICS, clean
from lyceum_client import LeaderboardRow, Run

LEADERBOARD_ROWS = 8
BAR_COLUMNS = 32


class Voice(Protocol):
    """Who hears what the walkthrough does."""

    def step(self, number: int, title: str) -> None:
        """A step begins."""

    def doing(self, note: str, fraction: float | None = None) -> None:
        """The step is at this, done to this share from 0 to 1 where that is known."""

    def leaderboard(self, run: Run) -> None:
        """The models tried so far have changed."""

    def done(self, summary: str, details: Iterable[str] = ()) -> None:
        """The step has ended with this."""

    def say(self, line: str) -> None:
        """A line for the person."""

    def close(self) -> None:
        """Nothing moves any more."""


class PlainVoice:
    """Lines, as they come; for pipes, logs and `--json`."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._tried: set[str] = set()

    def step(self, number: int, title: str) -> None:
        """Print the title."""
        self.say(f"{number} {title}")

    def doing(self, note: str, fraction: float | None = None) -> None:
        """Say nothing: lines cannot be taken back."""

    def leaderboard(self, run: Run) -> None:
        """Print a line for each model that is new."""
        for row in run.leaderboard:
            if row.name not in self._tried:
                self._tried.add(row.name)
                self.say(f"  {row.name}: {_metric(run)} {row.score:.4f}, {row.fit_seconds:.1f} s")

    def done(self, summary: str, details: Iterable[str] = ()) -> None:
        """Print what came of the step."""
        self.say(f"  {summary}")
        for line in details:
            self.say(f"  {line}")

    def say(self, line: str) -> None:
        """Print a line."""
        self._stream.write(f"{clean(line)}\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing is open."""


class TerminalVoice:
    """A bar that moves, a leaderboard that fills, and a line for each step that ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._title = ""
        self._note = ""
        self._fraction: float | None = None
        self._run: Run | None = None

    def step(self, number: int, title: str) -> None:
        """Begin to show a step."""
        self._title, self._note, self._fraction, self._run = f"{number} {clean(title)}", "", None, None
        self._show()

    def doing(self, note: str, fraction: float | None = None) -> None:
        """Move the bar."""
        self._note, self._fraction = clean(note), fraction
        self._show()

    def leaderboard(self, run: Run) -> None:
        """Fill the leaderboard."""
        self._run = run
        self._show()

    def done(self, summary: str, details: Iterable[str] = ()) -> None:
        """Leave the step's line, and what is worth knowing under it."""
        run, title = self._run, self._title
        self.close()
        self._console.print(Text.assemble(("✓ ", "green"), (title, "bold"), "  ", clean(summary)))
        if run is not None and run.leaderboard:
            self._console.print(_table(run))
        for line in details:
            self._console.print(Text(f"  {clean(line)}", style="dim"))

    def say(self, line: str) -> None:
        """Print a line above what moves."""
        self._console.print(Text(clean(line)))

    def close(self) -> None:
        """Stop moving and clear what moved."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        self._title, self._note, self._fraction, self._run = "", "", None, None

    def _show(self) -> None:
        if self._live is None:
            self._live = Live(console=self._console, transient=True, refresh_per_second=8)
            self._live.start()
        self._live.update(self._view())

    def _view(self) -> Group:
        line = Table.grid(padding=(0, 1))
        cells: list[Spinner | Text | ProgressBar] = [Spinner("dots", style="cyan")]
        if self._title:
            cells.append(Text(self._title, style="bold"))
        if self._fraction is not None:
            cells.append(ProgressBar(total=1.0, completed=self._fraction, width=BAR_COLUMNS))
            cells.append(Text(f"{self._fraction:4.0%}"))
        line.add_row(*cells, Text(self._note, style="dim"))
        has_rows = self._run is not None and self._run.leaderboard
        return Group(line, _table(self._run)) if self._run is not None and has_rows else Group(line)


def make_voice(stream: IO[str], *, is_terminal: Callable[[], bool]) -> Voice:
    """Return a voice that fits the stream."""
    if is_terminal():
        return TerminalVoice(Console(file=stream, highlight=False))
    return PlainVoice(stream)


def _table(run: Run) -> Table:
    table = Table(box=None, padding=(0, 2), pad_edge=True, header_style="dim")
    table.add_column("  model")
    table.add_column(_metric(run), justify="right")
    table.add_column("weight", justify="right")
    table.add_column("seconds", justify="right")
    for row in best_first(run)[:LEADERBOARD_ROWS]:
        weight = f"{row.weight:.0%}" if row.weight else ""
        name = Text(f"  {clean(row.name)}", style="" if row.weight or not run.has_ended else "dim")
        table.add_row(name, f"{row.score:.4f}", weight, f"{row.fit_seconds:.1f}")
    return table


def best_first(run: Run) -> list[LeaderboardRow]:
    """Return the models that were tried, the best first."""
    return sorted(run.leaderboard, key=lambda row: row.score, reverse=run.greater_is_better is not False)


def _metric(run: Run) -> str:
    return METRICS.get(run.metric or "", clean(run.metric or "score"))
