"""`lyceum uninstall` and `lyceum sample remove`: taking back what was made."""

from typing import Annotated

import typer

from lyceum.cli_settings import settings_here
from lyceum.hub.errors import HubRefused

sample = typer.Typer(name="sample", help="The sample that `lyceum try` works with.", no_args_is_help=True)


@sample.callback()
def _sample() -> None:
    """Keep `remove` a command of its own, beside others to come."""


def uninstall_command(
    *,
    keep_data: Annotated[
        bool, typer.Option("--keep-data", help="Remove only what a hub makes again: logs, sockets, copies of programs.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop the hub and remove what it made, database and files included; backups stay, and so do the installed packages."""
    settings = settings_here()
    from lyceum.hub.uninstalling import refuse_no_hub, uninstall_hub

    refuse_no_hub(settings.home)
    if not yes:
        what = "logs, sockets and copies of programs" if keep_data else "ALL ITS DATA"
        typer.echo(f"This stops the hub in {settings.home} and removes {what}.")
        if typer.prompt(f"Type {settings.home.name} to go on", default="", show_default=False) != settings.home.name:
            raise HubRefused("That is not its name, so nothing was removed.")
    done = uninstall_hub(settings, keep_data=keep_data)
    typer.echo(f"Removed {len(done.removed)} folders and files of the hub in {settings.home}.")
    if done.stays:
        typer.echo(f"  Still there: {', '.join(path.name for path in done.stays)}.")
    if done.elsewhere:
        typer.echo(f"  Not touched: {', '.join(done.elsewhere)}.")


@sample.command("remove")
def remove_command() -> None:
    """Archive the datasets and models that `lyceum try` made of the sample, and revoke the keys it made for them."""
    from lyceum.walkthrough.errors import InputRefused, WalkthroughFailed
    from lyceum.walkthrough.sample_data import remove_sample
    from lyceum_client import LyceumError

    settings = settings_here()
    try:
        removed = remove_sample(settings)
    except (InputRefused, WalkthroughFailed, LyceumError) as error:
        raise HubRefused(str(error)) from None
    for what in removed:
        typer.echo(f"Removed {what}.")
    if not removed:
        typer.echo("There is nothing of the sample on this hub.")
