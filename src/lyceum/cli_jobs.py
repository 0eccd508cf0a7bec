"""`lyceum jobs`: what the hub is working on, for the person at its machine or with a key."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from lyceum.cli_client import hub_client
from lyceum.cli_table import table_lines

if TYPE_CHECKING:
    from lyceum_client.answers import Job

LISTED_MAX = 50

jobs = typer.Typer(name="jobs", help="Look at the hub's jobs, call them off, try them again.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
JobId = Annotated[str, typer.Argument(help="The job's id.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="Most jobs to show.")]
OfHub = Annotated[bool, typer.Option("--hub", help="A job of any organisation; for whoever runs the hub.")]


@jobs.command("list")
def list_command(
    *,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only jobs in this state; may be given again.")
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only jobs of this kind.")] = None,
    whole_hub: Annotated[bool, typer.Option("--hub", help="Of all organisations and of the hub itself.")] = False,
    limit: Limit = LISTED_MAX,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    with hub_client() as client:
        listed = client.jobs.list_of_hub if whole_hub else client.jobs.list
        _print_jobs(islice(listed(states=state or (), kind=kind), limit), as_json=as_json)


@jobs.command("dead")
def dead_command(*, limit: Limit = LISTED_MAX, as_json: AsJson = False) -> None:
    """List the jobs that failed for good, of all organisations and of the hub itself."""
    with hub_client() as client:
        _print_jobs(islice(client.jobs.list_of_hub(states=["dead"]), limit), as_json=as_json)


@jobs.command("show")
def show_command(job_id: JobId, *, of_hub: OfHub = False) -> None:
    """Print all that is known of a job as JSON."""
    with hub_client() as client:
        typer.echo(_as_json(client.jobs.get(job_id, of_hub=of_hub), indent=2))


@jobs.command("logs")
def logs_command(job_id: JobId, *, of_hub: OfHub = False, as_json: AsJson = False) -> None:
    """Print what a job has said."""
    from dataclasses import asdict

    with hub_client() as client:
        for line in client.jobs.log(job_id, of_hub=of_hub):
            if as_json:
                typer.echo(json.dumps(asdict(line), default=str))
                continue
            facts = " ".join(f"{name}={value}" for name, value in line.facts.items())
            typer.echo(f"{line.at:%Y-%m-%d %H:%M:%S} {line.level:7} {line.message}{'  ' if facts else ''}{facts}")


@jobs.command("cancel")
def cancel_command(job_id: JobId, *, of_hub: OfHub = False) -> None:
    """Call a job off; one that runs stops within a second."""
    with hub_client() as client:
        job = client.jobs.cancel(job_id, of_hub=of_hub)
    typer.echo(f"{job.id} is {job.state}{', and will stop' if job.state == 'running' else ''}.")


@jobs.command("retry")
def retry_command(job_id: JobId, *, of_hub: OfHub = False) -> None:
    """Have a job that is dead or was called off tried again."""
    with hub_client() as client:
        job = client.jobs.retry(job_id, of_hub=of_hub)
    typer.echo(f"{job.id} is {job.state}.")


def _print_jobs(found: "Iterable[Job]", *, as_json: bool) -> None:
    if as_json:
        for job in found:
            typer.echo(_as_json(job))
        return
    from lyceum.hub.backups import age_text

    now = datetime.now(UTC)
    lines = [
        (
            job.id,
            job.state,
            job.kind,
            job.job_class,
            f"{job.attempt}/{job.attempts_max}",
            age_text((now - job.created_at).total_seconds()),
            _why(job),
        )
        for job in found
    ]
    if not lines:
        typer.echo("No jobs.")
        return
    table = [("ID", "STATE", "KIND", "CLASS", "TRIED", "PUT", "ERROR"), *lines]
    typer.echo("\n".join(table_lines(table)))


def _as_json(job: "Job", *, indent: int | None = None) -> str:
    from dataclasses import asdict

    return json.dumps(asdict(job), default=str, indent=indent)


def _why(job: "Job") -> str:
    return str((job.error or {}).get("detail", ""))[:80]
