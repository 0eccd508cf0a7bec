"""`lyceum erase`: a person's rows removed from every version of a dataset."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from lyceum.cli_client import hub_client

if TYPE_CHECKING:
    from lyceum_client import Client, Erasure

WAIT_FOR_GAP_SECONDS = 60.0

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
        erasure = client.datasets.wait_for_erasure(_begun(client, dataset, column, value))
    if erasure.state != "done":
        typer.echo(f"They could not be erased: {(erasure.error or {}).get('detail', 'look at the job')}", err=True)
        raise typer.Exit(1)
    if not erasure.rows_removed:
        typer.echo(f"No version of {dataset} had a row with this {column}.")
    for number, rows in erasure.rows_removed.items():
        typer.echo(f"version {number}: {rows:,} row(s) removed")
    for address in erasure.made_into:
        typer.echo(f"made of rows of {dataset}, and not touched: {address}")
    for made in erasure.trained_on:
        typer.echo(f"trained on version {made['version']}: {made['kind']} {made['name']}")


def _begun(client: "Client", dataset: str, column: str, value: str) -> "Erasure":
    """Return the erasure that was begun; where versions follow one another, it waits for a gap between two."""
    from lyceum_client import Conflict

    until = time.monotonic() + WAIT_FOR_GAP_SECONDS
    while True:
        try:
            return client.datasets.erase(dataset, column=column, value=value)
        except Conflict as busy:
            if busy.code != "erasure_under_way" or time.monotonic() > until:
                raise
        time.sleep(1.0)
