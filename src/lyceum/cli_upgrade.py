"""`lyceum upgrade` and `lyceum move`: the hub's data to this release, or to another place."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lyceum.cli_settings import settings_here
from lyceum.hub.errors import HubRefused

if TYPE_CHECKING:
    from lyceum.hub.moving import Move, Moved
    from lyceum.kernel.config import Settings

EMBEDDED, LOCAL = "embedded", "local"

Database = Annotated[
    str | None,
    typer.Option(
        "--database", envvar="LYCEUM_MOVE_DATABASE", help=f"The app's address of a PostgreSQL, or `{EMBEDDED}`."
    ),
]
DatabaseOwner = Annotated[
    str | None,
    typer.Option(
        "--database-owner", envvar="LYCEUM_MOVE_DATABASE_OWNER", help="The owner's address of the same PostgreSQL."
    ),
]
StoragePlace = Annotated[
    str | None, typer.Option("--storage", help=f"s3://bucket/prefix or file:///folder, or `{LOCAL}`.")
]
StorageOptions = Annotated[
    str | None,
    typer.Option(
        "--storage-options",
        envvar="LYCEUM_MOVE_STORAGE_OPTIONS",
        help="Keys of that object store (JSON), else those of now.",
    ),
]


def upgrade_command(
    *,
    to: Annotated[
        str | None, typer.Option("--to", help="Where the backup goes, as for `lyceum backup create`.")
    ] = None,
    key_file: Annotated[Path | None, typer.Option("--key-file", help="The key it is encrypted for.")] = None,
) -> None:
    """Make a backup of the stopped hub, then bring its data to this release; when that fails the data is as before."""
    settings = settings_here()
    from lyceum.hub.backups import as_hub_errors, backup_keys
    from lyceum.hub.upgrading import upgrade_hub

    with as_hub_errors():
        upgraded = upgrade_hub(settings, backup_keys(settings, key_file), to=to)
    if upgraded.backup_id is None:
        typer.echo(f"The data is of this release already (revision {upgraded.to_revision}).")
        return
    typer.echo(f"Upgraded from revision {upgraded.from_revision} to {upgraded.to_revision}.")
    if upgraded.from_postgres is not None:
        typer.echo(f"  PostgreSQL {upgraded.from_postgres} before; its data is kept in {upgraded.replaced}.")
    typer.echo(f"  The backup made before is {upgraded.backup_id}.")


def move_command(
    *,
    database: Database = None,
    database_owner: DatabaseOwner = None,
    storage: StoragePlace = None,
    storage_options: StorageOptions = None,
) -> None:
    """Copy the stopped hub's database or files to another place, compare them, and change lyceum.toml; nothing is removed."""
    settings = settings_here()
    if database is None and storage is None:
        raise HubRefused("Say what to move: the database with --database, the files with --storage, or both.")
    from lyceum.hub.backups import as_hub_errors
    from lyceum.hub.moving import Move, move_hub

    wanted = _new_database(database, database_owner) if database is not None else {}
    if storage is not None:
        wanted["storage_url"] = None if storage == LOCAL else storage
        wanted["storage_options"] = {} if storage == LOCAL else _options(storage_options, settings)
    move = Move(settings_here(**wanted), database=database is not None, storage=storage is not None)
    with as_hub_errors():
        moved = move_hub(settings, move)
    _say_moved(move, moved)


def _new_database(url: str, owner_url: str | None) -> dict[str, object]:
    if url == EMBEDDED:
        return {"database_url": None, "database_owner_url": None, "database_direct_url": None}
    if owner_url is None:
        raise HubRefused("A PostgreSQL of yours has two roles: give the owner's address with --database-owner.")
    return {"database_url": url, "database_owner_url": owner_url, "database_direct_url": None}


def _say_moved(move: "Move", moved: "Moved") -> None:
    what = moved.what
    if move.database:
        typer.echo(f"The database is moved: {what.rows:,} rows in {what.tables} tables, with the digests they had.")
    if move.storage:
        typer.echo(
            f"The files are moved: {what.files:,} of {what.file_bytes / 1_000_000:,.1f} MB, with the hashes they had."
        )
    typer.echo(f"  {moved.settings_file} names the new place; the old data is as it was, for you to remove.")
    if moved.in_environment:
        typer.echo(
            f"  ! {', '.join(moved.in_environment)} of your environment wins over that file: change it there too."
        )


def _options(text: str | None, settings: "Settings") -> dict[str, str]:
    if text is None:
        return {name: value.get_secret_value() for name, value in settings.storage_options.items()}
    try:
        given = json.loads(text)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise HubRefused('--storage-options must be a JSON object, such as {"aws_region": "eu-central-1"}.')
    return {str(name): str(value) for name, value in given.items()}
