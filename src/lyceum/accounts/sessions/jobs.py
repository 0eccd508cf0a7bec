"""Jobs of sessions: replacing the keys that access tokens are signed with, and forgetting what has long ended."""

from datetime import timedelta

from sqlalchemy import text

from lyceum.accounts.sessions.access_tokens import ACCESS_SECONDS
from lyceum.accounts.sessions.signing_keys import SigningKeys
from lyceum.kernel.forgetting import forget_in_batches
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.jobs.schedules import Schedule

ROTATE_EVERY_SECONDS = 3600
FORGET_EVERY_SECONDS = 3600
FORGET_AT_ONCE = 1000
KEPT_AFTER_REPLACED = timedelta(seconds=2 * ACCESS_SECONDS)
KEPT_AFTER_ENDED = timedelta(days=30)

_FORGET_LINKS = text("SELECT definer.links_forget(:kept_for, :at_most)")
_FORGET_GUESSES = text("SELECT definer.failures_forget(:at_most)")
_FORGET = text("SELECT definer.sessions_forget(:kept_for, :at_most)")


class RotateSigningKeys(JobArgs, frozen=True, kw_only=True):
    """Make the next key when the present one has signed for `signing_key_days`, and forget those long replaced."""

    kind = "accounts.rotate_signing_keys"
    job_class = "background"
    attempts_max = 3
    seconds_max = 300


class ForgetSessions(JobArgs, frozen=True, kw_only=True):
    """Remove the sessions that ended and one-time links that ran out a month ago, and wrong guesses that count no more."""

    kind = "accounts.forget_sessions"
    job_class = "background"
    attempts_max = 1
    seconds_max = FORGET_EVERY_SECONDS


async def rotate_signing_keys(run: JobRun, _args: RotateSigningKeys) -> dict[str, int]:
    """Return how many keys were made and forgotten."""
    resources = run.resources
    keys = SigningKeys(resources.database, resources.sealer)
    every = timedelta(days=resources.settings.signing_key_days)
    made, forgotten = await keys.rotate(every=every, kept_for=KEPT_AFTER_REPLACED)
    return {"made": int(made), "forgotten": forgotten}


async def forget_sessions(run: JobRun, _args: ForgetSessions) -> dict[str, int]:
    """Return how many of each were removed."""
    database, kept = run.resources.database, {"kept_for": KEPT_AFTER_ENDED}
    return {
        "sessions": await forget_in_batches(database, _FORGET, kept, at_once=FORGET_AT_ONCE),
        "links": await forget_in_batches(database, _FORGET_LINKS, kept, at_once=FORGET_AT_ONCE),
        "guesses": await forget_in_batches(database, _FORGET_GUESSES, at_once=FORGET_AT_ONCE),
    }


HANDLERS = (
    LightHandler(args_type=RotateSigningKeys, run=rotate_signing_keys),
    LightHandler(args_type=ForgetSessions, run=forget_sessions),
)
SCHEDULES = (
    Schedule(every_seconds=ROTATE_EVERY_SECONDS, make=RotateSigningKeys),
    Schedule(every_seconds=FORGET_EVERY_SECONDS, make=ForgetSessions),
)
