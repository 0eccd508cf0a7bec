"""`lyceum erase`: a person's rows removed from every version of a dataset."""

import sys
from typing import Annotated

import typer

from lyceum.cli_client import hub_client

Key = Annotated[
    str,
    typer.Option(
        "--key",
        help="COLUMN=VALUE: whose rows go. With COLUMN=- the value is read from the input, and is in no history.",
    ),
]


def erase_command(
    dataset: Annotated[str, typer.Argument(help="The dataset, org/name.")],
    *,
    key: Key,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a person's rows from every version of a dataset; nothing brings them back."""
    column, is_given, value = key.partition("=")
    if not column or not is_given:
        raise typer.BadParameter("Write COLUMN=VALUE, such as --key email=ada@example.org.", param_hint="--key")
    if value == "-":
        value = sys.stdin.readline().rstrip("\r\n")
    if not yes:
        typer.confirm(f"Remove the rows with this {column} from every version of {dataset}, for ever?", abort=True)
    with hub_client() as client:
        erasure = client.datasets.wait_for_erasure(client.datasets.erase(dataset, column=column, value=value))
    if erasure.state != "done":
        typer.echo(f"They could not be erased: {(erasure.error or {}).get('detail', 'look at the job')}", err=True)
        raise typer.Exit(1)
    if not erasure.rows_removed:
        typer.echo(f"No version of {dataset} had a row with this {column}.")
    for number, rows in erasure.rows_removed.items():
        typer.echo(f"version {number}: {rows:,} row(s) removed")
    for made in erasure.trained_on:
        typer.echo(f"trained on version {made['version']}: {made['kind']} {made['name']}")
