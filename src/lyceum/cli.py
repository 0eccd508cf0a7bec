"""The command line of a hub: `lyceum up`, `try`, `check`, `status`, `jobs`, `storage`, `worker`, `backup`, `upgrade`…

Heavy libraries are imported inside the commands, so that `lyceum --help` answers at once.
"""

import json
import sys
from typing import Annotated

import typer

from lyceum.cli_backup import backup
from lyceum.cli_check import check_command, checks
from lyceum.cli_erase import erase_command
from lyceum.cli_jobs import jobs
from lyceum.cli_settings import settings_here
from lyceum.cli_storage import storage
from lyceum.cli_uninstall import sample, uninstall_command
from lyceum.cli_upgrade import move_command, upgrade_command
from lyceum.hub.errors import HubFailed, HubNotRunning, HubRefused
from lyceum.walkthrough.command import try_command

EXIT_FAILED = 1
EXIT_REFUSED = 2
EXIT_NOT_RUNNING = 3

app = typer.Typer(
    name="lyceum",
    help="A self-hosted data-science hub: check tables, train models, serve and watch them in one place.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
admin = typer.Typer(name="admin", help="What only the person at this machine may do.", no_args_is_help=True)
app.add_typer(admin)
app.add_typer(backup)
app.add_typer(checks)
app.add_typer(jobs)
app.add_typer(storage)
app.add_typer(sample)
app.command("try")(try_command)
app.command("check")(check_command)
app.command("erase")(erase_command)
app.command("upgrade")(upgrade_command)
app.command("move")(move_command)
app.command("uninstall")(uninstall_command)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def main() -> None:
    """Run a command; errors are one sentence on stderr, with exit code 2 (refused), 3 (no hub runs) or 1 (failed)."""
    try:
        app()
    except HubNotRunning as error:
        _end(error, EXIT_NOT_RUNNING)
    except HubRefused as error:
        _end(error, EXIT_REFUSED)
    except HubFailed as error:
        _end(error, EXIT_FAILED)


@app.command()
def up() -> None:
    """Run the hub until Ctrl-C: PostgreSQL, Valkey, the API, predictions and workers."""
    import asyncio

    from lyceum.hub.forks import ForkServer

    # it imports for seconds, so it starts before we import anything ourselves
    forks = ForkServer()
    settings = settings_here()
    from lyceum.hub.printing import TerminalAudience
    from lyceum.hub.supervisor import Supervisor
    from lyceum.version import VERSION

    audience = TerminalAudience(colours=_shows_colours())
    typer.echo(f"Lyceum {VERSION}\n")
    _build_web_app()
    asyncio.run(Supervisor(settings, audience, forks, version=VERSION).run())
    typer.echo("Stopped.")


def _build_web_app() -> None:
    """On a checkout, build the web app when its sources have changed; without it the hub has its plain pages."""
    from pathlib import Path

    from lyceum.webbuild import WebNotBuilt, build, checkout_of

    package = Path(__file__).resolve().parent
    web = checkout_of(package)
    if web is None:
        return
    try:
        build(web, package / "_web", say=typer.echo)
    except WebNotBuilt as error:
        typer.echo(f"{error}\nThe hub starts without its web app and tries again at its next start.", err=True)


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Say how the running hub is; exit code 3 when none runs on this data."""
    from lyceum.hub.control import ask_hub

    answer = ask_hub(settings_here().home, "status")
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        return
    from lyceum.hub.printing import status_lines

    typer.echo("\n".join(status_lines(answer)))


@app.command()
def config(*, as_json: AsJson = False) -> None:
    """Show every setting: its value, where that comes from, what it means; secrets are masked."""
    settings = settings_here()
    from dataclasses import asdict

    from lyceum.hub.settings_table import setting_lines, setting_rows

    rows = setting_rows(settings)
    typer.echo(json.dumps([asdict(row) for row in rows], indent=2) if as_json else "\n".join(setting_lines(rows)))


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Check what the hub needs of this machine, with the fix for each; exit code 1 when something fails."""
    settings = settings_here()
    from dataclasses import asdict

    from lyceum.hub.doctor import examine, finding_lines

    findings = examine(settings)
    typer.echo(
        json.dumps([asdict(found) for found in findings], indent=2) if as_json else "\n".join(finding_lines(findings))
    )
    if any(found.verdict == "fail" for found in findings):
        raise typer.Exit(EXIT_FAILED)


@app.command()
def worker(
    *,
    classes: Annotated[
        str | None, typer.Option(help="Classes of jobs to take, such as high,normal; all of them.")
    ] = None,
    labels: Annotated[str | None, typer.Option(help="Labels of jobs to take besides those without one.")] = None,
    slots: Annotated[str | None, typer.Option(help="How many jobs run at once, such as light=16,heavy=1.")] = None,
) -> None:
    """Run one more worker, on this machine or another; LYCEUM_DATABASE_URL, …_STORAGE_URL, …_SECRET_KEY name the hub's."""
    from lyceum.cli_worker import run_worker

    run_worker(classes=classes, labels=labels, slots=slots)


@app.command()
def migrate() -> None:
    """Bring a PostgreSQL of yours to this release; prints the SQL for its two roles when it may not create them."""
    settings = settings_here()
    from lyceum.hub.managed import managed_database, migrate_managed

    revision = migrate_managed(managed_database(settings))
    typer.echo(f"The database is at revision {revision}.")


@app.command()
def version() -> None:
    """Print the release."""
    from lyceum.version import VERSION

    typer.echo(VERSION)


@admin.command("link")
def admin_link() -> None:
    """Print a one-time link that makes whoever opens it the administrator; it works for 30 minutes."""
    from lyceum.hub.control import ask_hub

    typer.echo(ask_hub(settings_here().home, "admin-link")["url"])


@admin.command("key")
def admin_key() -> None:
    """Print an API key for whoever sits at this machine, who is then the administrator if nobody was; works for half a day."""
    from lyceum.hub.control import ask_hub

    typer.echo(ask_hub(settings_here().home, "admin-key")["key"])


@admin.command("reset-link")
def admin_reset_link(email: Annotated[str, typer.Argument(help="Address of the account.")]) -> None:
    """Print a one-time link that sets the password of an account, to hand over to its owner; it works for two hours."""
    from lyceum.hub.control import ask_hub

    typer.echo(ask_hub(settings_here().home, f"admin-reset-link {email}")["url"])


@admin.command("reset-factors")
def admin_reset_factors(email: Annotated[str, typer.Argument(help="Address of the account.")]) -> None:
    """Take the second factors from somebody who has lost them all: they sign in with their password, and are told by letter."""
    from lyceum.hub.control import ask_hub

    removed = ask_hub(settings_here().home, f"admin-reset-factors {email}")["removed"]
    typer.echo(f"{email} had {removed} second factor{'' if removed == 1 else 's'}, and has none now.")


def _shows_colours() -> bool:
    import os

    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _end(error: Exception, code: int) -> None:
    sys.stderr.write(f"{error}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
