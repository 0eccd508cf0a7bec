"""The sweeper of uploads."""

from lyceum.files import service
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.jobs.schedules import Schedule

SWEEP_EVERY_SECONDS = 600


class SweepUploads(JobArgs, frozen=True, kw_only=True):
    """Remove the uploads nobody finished in time."""

    kind = "files.sweep_uploads"
    job_class = "background"
    attempts_max = 1


async def _sweep(run: JobRun, _args: SweepUploads) -> dict[str, int]:
    return {"removed": await service.sweep(run.resources)}


HANDLERS = (LightHandler(args_type=SweepUploads, run=_sweep),)
SCHEDULES = (Schedule(every_seconds=SWEEP_EVERY_SECONDS, make=SweepUploads),)
