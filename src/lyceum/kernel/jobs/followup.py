"""Telling a module that a job of its ended without success, so that what it promised does not hang for ever."""

from uuid import UUID

import msgspec

from lyceum.kernel.jobs.ending import finish_in
from lyceum.kernel.jobs.handlers import Handlers, JobRun, LightHandler
from lyceum.kernel.jobs.models import JobRow
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.tx import transaction


class JobGaveUp(JobArgs, frozen=True, kw_only=True):
    """A job is dead or cancelled; the database adds one of these in the transaction that ended it."""

    kind = "jobs.gave_up"
    job_class = "high"
    seconds_max = 600
    job_id: UUID


def follow_up_handler(handlers: Handlers) -> LightHandler:
    """Return the handler that passes the news to the `gave_up` of the kind of job that ended."""

    async def tell(run: JobRun, args: JobGaveUp) -> None:
        async with transaction(run.resources.database, run.scope) as tx:
            row = await tx.get(JobRow, args.job_id)
            # one that was tried again since is not given up
            gave_up = row is not None and row.state in {"dead", "cancelled"}
            handler = handlers.by_kind.get(row.kind) if row is not None and gave_up else None
            if row is not None and handler is not None and handler.gave_up is not None:
                await handler.gave_up(tx, msgspec.convert(row.args, handler.args_type), row.error, row.state)
            # Told and ended in one transaction, so that a crash in between cannot tell twice.
            await finish_in(tx, run)

    return LightHandler(args_type=JobGaveUp, run=tell)
