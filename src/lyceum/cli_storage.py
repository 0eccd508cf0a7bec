"""`lyceum storage`: what each organisation keeps on the hub, and the most it may keep; for whoever runs the hub."""

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from lyceum.cli_client import hub_client
from lyceum.cli_table import table_lines
from lyceum.hub.errors import HubRefused

if TYPE_CHECKING:
    from lyceum_client.storage import HubDisk, OrganisationStorage

LISTED_MAX = 200
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?)?B?", re.IGNORECASE)
_UNITS = {"k": 1, "m": 2, "g": 3, "t": 4}
_HUB_SETTING = "default"

storage = typer.Typer(name="storage", help="What each organisation keeps, and the most it may keep.")


@storage.callback(invoke_without_command=True)
def show_command(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Most organisations to show.")] = LISTED_MAX,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the hub's disk and what each organisation keeps."""
    if context.invoked_subcommand is not None:
        return
    from dataclasses import asdict

    with hub_client() as client:
        told = client.storage.of_hub(limit=limit)
    if as_json:
        typer.echo(json.dumps(asdict(told), indent=2, default=str))
        return
    typer.echo("\n".join(_lines(told.disk, told.organisations)))
    for one in told.damaged:
        typer.echo(
            f"DAMAGED: {one.key} of {one.organisation} is {one.problem}, found {one.found_at:%Y-%m-%d}; restore it from a backup."
        )


@storage.command("quota")
def quota_command(
    organisation: Annotated[str, typer.Argument(help="The organisation's name.")],
    size: Annotated[str, typer.Argument(help="Such as 10GiB; 0 for any amount, `default` for the hub's setting.")],
) -> None:
    """Limit what an organisation keeps."""
    bytes_max = None if size == _HUB_SETTING else bytes_of(size)
    with hub_client() as client:
        client.storage.set_quota(organisation, bytes_max)
    told = (
        "follows the hub's setting"
        if bytes_max is None
        else f"may keep {_size(bytes_max) if bytes_max else 'any amount'}"
    )
    typer.echo(f"{organisation} {told}.")


def bytes_of(text: str) -> int:
    """Return the bytes a person means by `10GiB`, `500 MB`, `1.5G` or `1048576`; raises `HubRefused`.

    GB is 1000 to the third, G and GiB are 1024 to the third.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise HubRefused(f"{text!r} is no size; write one like 10GiB or 500MB, 0 for any amount, or default.")
    number, unit = float(found[1]), (found[2] or "").lower()
    is_decimal = len(unit) == 1 and text.strip().lower().endswith("b")
    return int(number * (1000 if is_decimal else 1024) ** _UNITS.get(unit[:1], 0))


def _lines(disk: "HubDisk", found: "Sequence[OrganisationStorage]") -> list[str]:
    low = ", so nothing is written that grows" if disk.free_bytes < disk.free_bytes_min else ""
    lines = [
        f"{_size(disk.free_bytes)} of {_size(disk.total_bytes)} free, {_size(disk.free_bytes_min)} in reserve{low}"
    ]
    table = [["ORGANISATION", "KEPT", "MAY KEEP", "TABLES", "MODELS", "UPLOADS"]]
    for one in found:
        kinds = (one.storage.tables, one.storage.models, one.storage.uploads)
        most = _size(one.storage.bytes_max) if one.storage.bytes_max is not None else "any amount"
        cells = [f"{_size(kind.byte_count)} in {kind.object_count}" for kind in kinds]
        table.append([one.organisation, _size(one.storage.byte_count), most, *cells])
    return [*lines, "", *table_lines(table)]


def _size(byte_count: int) -> str:
    from lyceum.kernel.usage import in_units

    return in_units(byte_count)
