"""The sweeper of uploads, the count of what is kept, and the search for damage."""

from lyceum.files import damage, kept, sweeping
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.jobs.schedules import Schedule

SWEEP_EVERY_SECONDS = 600
RECOUNT_EVERY_SECONDS = 6 * 3600
LOOK_EVERY_SECONDS = 7 * 24 * 3600
SWEEP_SECONDS_MAX = 3600
LOOK_SECONDS_MAX = 4 * LOOK_EVERY_SECONDS
"""It reads slowly by intent, and tens of terabytes take longer than a week."""


class SweepUploads(JobArgs, frozen=True, kw_only=True):
    """Remove the uploads nobody finished in time."""

    kind = "files.sweep_uploads"
    job_class = "background"
    attempts_max = 1
    seconds_max = SWEEP_SECONDS_MAX


class RecountStorage(JobArgs, frozen=True, kw_only=True):
    """Count anew what organisations keep, and correct and log what was counted wrong."""

    kind = "files.recount_storage"
    job_class = "background"
    attempts_max = 1
    seconds_max = RECOUNT_EVERY_SECONDS


class LookForDamage(JobArgs, frozen=True, kw_only=True):
    """Read the stored files again, slowly, and tell which are not what was stored."""

    kind = "files.look_for_damage"
    job_class = "background"
    attempts_max = 3
    seconds_max = LOOK_SECONDS_MAX


async def _sweep(run: JobRun, _args: SweepUploads) -> dict[str, int]:
    return {"removed": await sweeping.sweep(run.resources)}


async def _recount(run: JobRun, _args: RecountStorage) -> dict[str, int]:
    return await kept.recount(run.resources)


async def _look(run: JobRun, _args: LookForDamage) -> dict[str, int]:
    return await damage.look_for_damage(run.resources)


HANDLERS = (
    LightHandler(args_type=SweepUploads, run=_sweep),
    LightHandler(args_type=RecountStorage, run=_recount),
    LightHandler(args_type=LookForDamage, run=_look),
)
SCHEDULES = (
    Schedule(every_seconds=SWEEP_EVERY_SECONDS, make=SweepUploads),
    Schedule(every_seconds=RECOUNT_EVERY_SECONDS, make=RecountStorage),
    Schedule(every_seconds=LOOK_EVERY_SECONDS, make=LookForDamage),
)
