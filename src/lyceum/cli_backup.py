"""`lyceum backup`: copies of the whole hub, made while it works, read through, put back, thinned out."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lyceum.cli_settings import settings_here

if TYPE_CHECKING:
    from lyceum.backup.create import Made
    from lyceum.backup.manifest import Manifest
    from lyceum.hub.restoring import Restored
    from lyceum.kernel.config import Settings

MEGABYTE = 1_000_000

backup = typer.Typer(name="backup", help="Make backups of the hub, check them, put them back.", no_args_is_help=True)

To = Annotated[
    str | None, typer.Option("--to", help="Folder or s3://bucket/prefix; else LYCEUM_BACKUP_TO, else the hub's home.")
]
From = Annotated[str | None, typer.Option("--from", help="Where the backups are, as for --to.")]
KeyFile = Annotated[
    Path | None, typer.Option("--key-file", help="Keys of age: age1… to make a backup, AGE-SECRET-KEY-1… to read one.")
]
BackupId = Annotated[str | None, typer.Argument(help="The backup's id; the newest one when left out.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@backup.command("create")
def create_command(*, to: To = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """Make a backup of database and files at one moment, while the hub works or while it is stopped."""
    settings = settings_here()
    from lyceum.hub.at_rest import hub_data
    from lyceum.hub.backups import as_hub_errors, backup_keys, make_backup, open_backups

    with as_hub_errors():
        keys = backup_keys(settings, key_file)
        with hub_data(settings) as data:
            destination = open_backups(settings, to)
            made = make_backup(data, destination, keys)
    if as_json:
        typer.echo(
            json.dumps(_facts(made.manifest) | {"objects_written": made.objects_written, "to": destination.name})
        )
        return
    typer.echo("\n".join(made_lines(made, destination.name)))


@backup.command("verify")
def verify_command(
    backup_id: BackupId = None, *, place: From = None, key_file: KeyFile = None, as_json: AsJson = False
) -> None:
    """Read a backup from end to end and compare every hash; exit code 1 names the first object that is damaged."""
    settings = settings_here()
    from lyceum.backup.verify import verify_backup
    from lyceum.hub.backups import as_hub_errors, backup_keys, open_backups

    with as_hub_errors():
        manifest = verify_backup(open_backups(settings, place), backup_id, backup_keys(settings, key_file))
    if as_json:
        typer.echo(json.dumps(_facts(manifest)))
        return
    typer.echo(f"Backup {manifest.id} is whole: {_sizes(manifest)}, every hash as it was.")


@backup.command("restore")
def restore_command(
    backup_id: BackupId = None,
    *,
    place: From = None,
    key_file: KeyFile = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in place of this hub's data, which is kept beside it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make this hub from a backup: in an empty home, and in an empty database and storage where the settings name such."""
    settings = settings_here()
    from lyceum.hub.backups import as_hub_errors, backup_keys, open_backups
    from lyceum.hub.restoring import restore_hub

    with as_hub_errors():
        keys = backup_keys(settings, key_file)
        restored = restore_hub(settings, open_backups(settings, place), backup_id, keys, replace=replace)
    if as_json:
        typer.echo(json.dumps(_facts(restored.manifest)))
        return
    typer.echo("\n".join(_restored_lines(restored, settings)))


@backup.command("list")
def list_command(*, place: From = None, key_file: KeyFile = None, as_json: AsJson = False) -> None:
    """List the backups, oldest first; sizes of encrypted ones take their key."""
    settings = settings_here()
    from lyceum.backup.errors import BackupDamaged
    from lyceum.backup.prune import made_at
    from lyceum.hub.backups import as_hub_errors, backup_keys, open_backups

    with as_hub_errors():
        destination = open_backups(settings, place)
        keys = backup_keys(settings, key_file)
        held = destination.backups()
        for one in held:
            try:
                manifest = None if one.is_encrypted and not keys.identities else destination.manifest(one, keys)
            except BackupDamaged as error:
                typer.echo(str(error), err=True)
                continue
            if as_json:
                facts = _facts(manifest) if manifest else {"id": one.id, "made_at": made_at(one.id).isoformat()}
                typer.echo(json.dumps(facts | {"encrypted": one.is_encrypted}))
                continue
            sizes = _sizes(manifest) if manifest else "sizes take the key"
            typer.echo(
                f"{one.id}  {made_at(one.id):%Y-%m-%d %H:%M} UTC  {sizes}{', encrypted' if one.is_encrypted else ''}"
            )
    if not held and not as_json:
        typer.echo(f"No backups in {destination.name}.")


@backup.command("prune")
def prune_command(
    *,
    place: From = None,
    keep: Annotated[int, typer.Option("--keep", min=0, help="Newest backups to keep.")] = 0,
    keep_daily: Annotated[int, typer.Option("--keep-daily", min=0, help="Days to keep the newest of.")] = 0,
    keep_weekly: Annotated[int, typer.Option("--keep-weekly", min=0, help="Weeks to keep the newest of.")] = 0,
    keep_monthly: Annotated[int, typer.Option("--keep-monthly", min=0, help="Months to keep the newest of.")] = 0,
) -> None:
    """Remove the backups that none of these keeps, and what interrupted ones left; takes no key."""
    settings = settings_here()
    from lyceum.backup.prune import Keep, prune_backups
    from lyceum.hub.backups import as_hub_errors, open_backups

    with as_hub_errors():
        wanted = Keep(newest=keep, daily=keep_daily, weekly=keep_weekly, monthly=keep_monthly)
        pruned = prune_backups(open_backups(settings, place), wanted)
    typer.echo(
        f"{len(pruned.kept)} kept, {len(pruned.removed)} removed, "
        f"with {pruned.objects} objects of {pruned.object_bytes / MEGABYTE:,.1f} MB."
    )


@backup.command("key")
def key_command(file: Annotated[Path, typer.Argument(help="File to write; one that is there is left alone.")]) -> None:
    """Make a key of age for backups: the file reads them, the line that is printed is enough to make them."""
    from lyceum.backup.keys import make_key_file
    from lyceum.hub.backups import as_hub_errors

    with as_hub_errors():
        typer.echo(make_key_file(file))


def made_lines(made: "Made", to: str) -> list[str]:
    """Return what was made as lines for people, with what is not in it."""
    manifest = made.manifest
    lines = [
        f"Backup {manifest.id} in {to}: {_sizes(manifest)}.",
        f"  {made.objects_written} new objects of {made.bytes_written / MEGABYTE:,.1f} MB, {made.seconds:.1f} s.",
    ]
    if not made.encrypted:
        lines.append("  It is not encrypted, so the hub's secret key and lyceum.toml are not in it: see --key-file.")
    if made.missing:
        lines.append(
            f"  ! The hub's storage has lost {len(made.missing)} files that rows need, {made.missing[0]} first: "
            f"the backup is made without them."
        )
    return lines


def _restored_lines(restored: "Restored", settings: "Settings") -> list[str]:
    manifest = restored.manifest
    lines = [
        f"Restored {manifest.id} into {settings.home} in {restored.seconds:.1f} s: {_sizes(manifest)}.",
        "  Row counts and digests of all tables and hashes of all files are those of the backup.",
    ]
    if not restored.keeps_secret_key:
        lines.append(
            "  The hub has another secret key than before: links it had signed no longer work; set LYCEUM_SECRET_KEY "
            "to the old one to change that."
        )
    if restored.settings_file:
        lines.append(f"  The settings of the hub that was backed up are in {restored.settings_file}: take what fits.")
    if restored.replaced:
        lines.append(f"  What lay there before is in {restored.replaced}: remove it once you are sure.")
    return lines


def _facts(manifest: "Manifest") -> dict[str, object]:
    return {
        "id": manifest.id,
        "made_at": manifest.made_at,
        "product_version": manifest.product_version,
        "revision": manifest.revision,
        "tables": len(manifest.tables),
        "rows": manifest.row_count,
        "files": len(manifest.files),
        "bytes": manifest.table_bytes + manifest.file_bytes,
    }


def _sizes(manifest: "Manifest") -> str:
    size = (manifest.table_bytes + manifest.file_bytes) / MEGABYTE
    return f"{manifest.row_count:,} rows in {len(manifest.tables)} tables and {len(manifest.files):,} files, {size:,.1f} MB"
