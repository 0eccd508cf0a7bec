"""`lyceum check`: a file checked at once, with no hub; in continuous integration it says in the exit code what came of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lyceum.cli_client import hub_client
from lyceum.hub.errors import HubRefused

if TYPE_CHECKING:
    from lyceum.data.datasets.reading.public import StagedTable
    from lyceum.data.quality.engine.public import Check, CheckReport, SuggestedCheck

EXIT_NOT_HELD = 1
checks = typer.Typer(name="checks", help="Checks as files.", no_args_is_help=True)
FORMATS = ("csv", "parquet", "jsonl")


def check_command(
    table: Annotated[Path, typer.Argument(help="A CSV, TSV, JSON Lines or Parquet file.")],
    *,
    checks_file: Annotated[
        Path | None,
        typer.Option("--checks", help="A YAML file of checks; without it those run that the table suggests."),
    ] = None,
    suggest: Annotated[bool, typer.Option("--suggest", help="Print suggested checks as YAML, and run none.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML here.")] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Write Markdown here, such as to $GITHUB_STEP_SUMMARY.")
    ] = None,
    github: Annotated[
        bool, typer.Option("--github", help="Print annotations that GitHub shows beside the file.")
    ] = False,
    file_format: Annotated[
        str | None, typer.Option("--format", help="csv, parquet or jsonl; found when not given.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", help="Such as utf-8 or cp1252; found when not given.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", help="What separates the fields; found when not given.")
    ] = None,
) -> None:
    """Check a file: exit code 0 when all checks hold, 1 when one fails, 2 when the file or the checks cannot be used.

    A check of severity `warning` is told of and fails nothing.
    """
    if suggest and checks_file is not None:
        raise HubRefused("--suggest prints checks and --checks runs them; give one of the two.")
    from lyceum.data.datasets.reading.public import scan_local_files
    from lyceum.data.quality.engine.public import profile_table, run_checks, suggest_checks

    asked = None if checks_file is None else _checks_of(checks_file)
    with _read(table, file_format=file_format, encoding=encoding, delimiter=delimiter) as staged:
        rows = scan_local_files(staged.files)
        if asked is None:
            suggested = suggest_checks(profile_table(rows))
            if suggest:
                _print_suggestions(table, staged, suggested)
                return
            asked = tuple(each.check for each in suggested)
        report = run_checks(rows, asked, line_of_first_row=staged.line_of_first_row)
    _tell(report, table, as_json=as_json, junit=junit, markdown=markdown, github=github)
    if not report.passed:
        raise typer.Exit(EXIT_NOT_HELD)


@checks.command("convert")
def convert_command(
    file: Annotated[
        Path,
        typer.Argument(help="A suite of Great Expectations, or a data contract of Soda or the open standard (ODCS)."),
    ],
    *,
    table: Annotated[str | None, typer.Option("--table", help="Which table of a contract that has several.")] = None,
) -> None:
    """Print the checks of another tool as YAML for `lyceum check`; what cannot be taken over stands above them with the reason."""
    from lyceum.data.quality.ascode.public import checks_as_yaml, from_other_tool, usable
    from lyceum.data.quality.engine.public import InvalidCheck

    try:
        tool, imported = from_other_tool(_text_of(file), file_name=file.name, table=table)
    except InvalidCheck as unusable:
        raise HubRefused(unusable.detail) from None
    taken, left_out = usable(imported)
    heading = [f"From {file.name}, written for {tool}: {len(taken):,} checks"]
    heading += [f"left out: {each.what}. {each.why}" for each in left_out]
    typer.echo(checks_as_yaml(taken, heading=heading), nl=False)


@checks.command("pull")
def pull_command(
    dataset: Annotated[str, typer.Argument(help="A dataset's address, such as main/flights.")],
    file: Annotated[Path, typer.Argument(help="Where to write its checks as YAML; - for the terminal.")],
) -> None:
    """Write a dataset's checks as YAML, each below the reason for it."""
    with hub_client() as client:
        text = client.checks.pull(dataset)
    if str(file) == "-":
        typer.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as refused:
        raise HubRefused(f"{file} cannot be written ({refused.strerror}).") from None
    typer.echo(f"{dataset}: checks written to {file}")


@checks.command("push")
def push_command(
    dataset: Annotated[str, typer.Argument(help="A dataset's address, such as main/flights.")],
    file: Annotated[Path, typer.Argument(help="A YAML file of checks.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
) -> None:
    """Have a dataset's checks be those of a YAML file: others stop, and what they found stays."""
    text = _text_of(file)
    with hub_client() as client:
        plan = client.checks.push(dataset, text, dry_run=dry_run)
    lines = [f"+ {each['id']}" for each in plan.added]
    lines += [f"~ {each['id']}" for each in plan.changed]
    lines += [f"- {each['id']}" for each in plan.dropped]
    did = "changed" if plan.is_applied else "would change"
    counts = f"{len(plan.added)} added, {len(plan.changed)} changed, {len(plan.dropped)} dropped"
    typer.echo("\n".join([*lines, f"{dataset} {did}: {counts}, {plan.unchanged_count} as they were"]))


@contextmanager
def _read(
    table: Path, *, file_format: str | None, encoding: str | None, delimiter: str | None
) -> "Iterator[StagedTable]":
    """Read the file into a folder that is gone afterwards."""
    from tempfile import TemporaryDirectory

    from lyceum.data.datasets.reading.public import DiskFull, FileFormat, UnreadableTable, stage_table

    if file_format is not None and file_format not in FORMATS:
        raise HubRefused(f"--format is one of {', '.join(FORMATS)}, not {file_format!r}.")
    _require_file(table)
    formats = {"csv": FileFormat.CSV, "parquet": FileFormat.PARQUET, "jsonl": FileFormat.JSON_LINES}
    with TemporaryDirectory(prefix="lyceum-check-") as folder:
        try:
            staged = stage_table(
                table,
                file_name=table.name,
                target=Path(folder) / "staged",
                format=None if file_format is None else formats[file_format],
                encoding=encoding,
                delimiter=delimiter,
            )
        except (UnreadableTable, DiskFull) as unusable:
            raise HubRefused(unusable.detail) from None
        yield staged


def _checks_of(path: Path) -> "tuple[Check, ...]":
    from lyceum.data.quality.ascode.public import checks_in
    from lyceum.data.quality.engine.public import InvalidCheck

    try:
        return checks_in(_text_of(path), file_name=path.name)
    except InvalidCheck as unusable:
        raise HubRefused(unusable.detail) from None


def _text_of(path: Path) -> str:
    _require_file(path)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise HubRefused(f"{path} is no text in UTF-8; save it as one.") from None
    except OSError as unread:
        raise HubRefused(f"{path} cannot be read: {unread.strerror}.") from None


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise HubRefused(f"{path} is {'no file' if path.exists() else 'not there'}; give a file's path.")


def _print_suggestions(table: Path, staged: "StagedTable", suggested: "tuple[SuggestedCheck, ...]") -> None:
    from lyceum.data.quality.ascode.public import suggestions_as_yaml

    heading = (
        f"Suggested by {table.name}: {staged.rows:,} rows, {len(staged.columns):,} columns. Keep what you mean, then run",
        f"lyceum check {table.name} --checks checks.yaml",
    )
    typer.echo(suggestions_as_yaml(suggested, heading=heading), nl=False)


def _tell(
    report: "CheckReport", table: Path, *, as_json: bool, junit: Path | None, markdown: Path | None, github: bool
) -> None:
    from lyceum.data.quality.ascode.public import as_github_annotations, as_junit, as_markdown

    for path, text in ((junit, as_junit), (markdown, as_markdown)):
        if path is not None:
            _write(path, text(report, file_name=str(table)))
    typer.echo(json.dumps(report.to_plain(), indent=2) if as_json else repr(report))
    if github:
        # GitHub reads both streams; whoever reads the one object reads it alone
        typer.echo(as_github_annotations(report, file_name=str(table)), nl=False, err=as_json)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as unwritten:
        raise HubRefused(f"{path} cannot be written: {unwritten.strerror}.") from None
