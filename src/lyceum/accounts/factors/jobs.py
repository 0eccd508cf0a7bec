"""Jobs of second factors: forgetting what nobody came back to."""

from sqlalchemy import text

from lyceum.kernel.forgetting import forget_in_batches
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.jobs.schedules import Schedule

FORGET_EVERY_SECONDS = 900
FORGET_AT_ONCE = 1000
_FORGET = text("SELECT definer.factors_forget(:at_most)")


class ForgetSecondFactorLeftovers(JobArgs, frozen=True, kw_only=True):
    """Remove tickets and challenges that have run out, and apps that never gave a code."""

    kind = "accounts.forget_second_factor_leftovers"
    job_class = "background"
    attempts_max = 1
    seconds_max = FORGET_EVERY_SECONDS


async def forget_leftovers(run: JobRun, _args: ForgetSecondFactorLeftovers) -> dict[str, int]:
    """Return how many were removed of what there was most."""
    return {"removed": await forget_in_batches(run.resources.database, _FORGET, at_once=FORGET_AT_ONCE)}


HANDLERS = (LightHandler(args_type=ForgetSecondFactorLeftovers, run=forget_leftovers),)
SCHEDULES = (Schedule(every_seconds=FORGET_EVERY_SECONDS, make=ForgetSecondFactorLeftovers),)
