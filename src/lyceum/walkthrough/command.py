"""The command `lyceum try`, to be registered with the command line."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from lyceum.walkthrough.errors import InputRefused, Stopped, WalkthroughFailed
from lyceum.walkthrough.table import read_time_limit, read_writing, table_to_try
from lyceum.walkthrough.wording import clean

EXIT_FAILED = 1
EXIT_REFUSED = 2
EXIT_INTERRUPTED = 130
EXIT_NOBODY_READS = 141
REFUSALS_FROM, REFUSALS_TO = 400, 499


def try_command(
    file: Annotated[
        # what cannot be read is refused below, in a sentence of ours
        Path | None,
        typer.Argument(readable=False, help="CSV, Parquet or JSON Lines; without it, 18,000 New York flights."),
    ] = None,
    *,
    target: Annotated[str | None, typer.Option("--target", help="Column to predict.")] = None,
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", help="Between the fields of a text: ; or tab.")
    ] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", help="Of a text, such as windows-1252.")] = None,
    no_header: Annotated[bool, typer.Option("--no-header", help="The first line holds data, no column names.")] = False,
    time_limit: Annotated[str, typer.Option("--time-limit", help="For the training: 60s, 2m or 60.")] = "60s",
    output: Annotated[
        Path | None,
        typer.Option("--output", readable=False, help="Folder for the results; lyceum-try-NAME here if not given."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    leave: Annotated[bool, typer.Option("--exit", help="Stop at the end instead of serving until Ctrl-C.")] = False,
    cleanup: Annotated[
        bool,
        typer.Option(
            "--cleanup", help="At the end archive the dataset and the model, revoke the key, remove the results."
        ),
    ] = False,
) -> None:
    """Check a table, train on it, serve the model and report: on the running hub, or on one started for it."""
    try:
        seconds = read_time_limit(time_limit)
        writing = read_writing(encoding=encoding, delimiter=delimiter, no_header=no_header)
        table = table_to_try(file, target, writing)
    except InputRefused as error:
        raise _end(error, EXIT_REFUSED) from None
    from lyceum.kernel.config import SettingsInvalid, load_settings
    from lyceum.walkthrough.voice import make_voice
    from lyceum.walkthrough.walk import Wishes, walk_through
    from lyceum_client import LyceumError

    told_on = sys.stderr if as_json else sys.stdout
    wishes = Wishes(time_limit_seconds=seconds, output=output, as_json=as_json, keep_serving=not leave, cleanup=cleanup)
    voice = make_voice(told_on, is_terminal=told_on.isatty)
    try:
        walk_through(table, wishes, settings=load_settings(), voice=voice, out=sys.stdout)
    except (InputRefused, SettingsInvalid) as error:
        raise _end(error, EXIT_REFUSED) from None
    except WalkthroughFailed as error:
        raise _end(error, EXIT_FAILED) from None
    except LyceumError as error:
        is_refusal = error.status is not None and REFUSALS_FROM <= error.status <= REFUSALS_TO
        raise _end(_naming(error, table.path), EXIT_REFUSED if is_refusal else EXIT_FAILED) from None
    except Stopped as error:
        raise _end(error, EXIT_INTERRUPTED) from None
    except BrokenPipeError:
        raise _end_unheard() from None


def _naming(error: Exception, file: Path) -> str:
    """Return the hub's sentence, with the file named when it is about the table and does not name it."""
    sentence = str(error)
    return sentence if file.name in sentence else f"{file.name}: {sentence}"


def _end(why: object, code: int) -> typer.Exit:
    sys.stderr.writelines(f"{clean(line)}\n" for line in str(why).splitlines())
    return typer.Exit(code)


def _end_unheard() -> typer.Exit:
    """Have what is still to be written go nowhere; whoever read it has gone, as `head` does."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    return typer.Exit(EXIT_NOBODY_READS)
