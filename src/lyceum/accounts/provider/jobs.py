"""Jobs of the hub as identity provider: telling programs that sessions have ended, and forgetting tokens."""

import logging
from urllib.parse import urlencode

from sqlalchemy import text

from lyceum.accounts.provider.tokens import logout_token
from lyceum.accounts.sessions.public import AccessTokens, SigningKeys
from lyceum.kernel.db import NOBODY
from lyceum.kernel.forgetting import forget_in_batches
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.jobs.schedules import Schedule
from lyceum.kernel.outward import Outward
from lyceum.kernel.problems import Problem
from lyceum.kernel.tx import aside

TELL_EVERY_SECONDS = 15
TOLD_AT_ONCE = 50
TELL_SECONDS_MAX = 5.0
FORGET_EVERY_SECONDS = 3600
FORGET_AT_ONCE = 1000
_DUE = text("SELECT client_id, url, user_id, session_id FROM definer.oauth_logouts_due(:at_most)")
_FORGET = text("SELECT definer.oauth_forget(:at_most)")

log = logging.getLogger(__name__)


class TellOfLogouts(JobArgs, frozen=True, kw_only=True):
    """Tell programs that sessions have ended which people signed in at them from."""

    kind = "accounts.tell_of_logouts"
    job_class = "normal"
    attempts_max = 1
    seconds_max = 600


class ForgetOauthTokens(JobArgs, frozen=True, kw_only=True):
    """Remove programs' tokens that ran out yesterday or before."""

    kind = "accounts.forget_oauth_tokens"
    job_class = "background"
    attempts_max = 1
    seconds_max = FORGET_EVERY_SECONDS


async def tell_of_logouts(run: JobRun, _args: TellOfLogouts) -> dict[str, int]:
    """Return how many programs were told, and how many of them did not take it; each is told once."""
    resources = run.resources
    outward = Outward.configured(resources.settings)
    tokens = AccessTokens(SigningKeys(resources.database, resources.sealer), issuer=resources.settings.base_url)
    told = {"told": 0, "failed": 0}
    async with aside(resources.database, NOBODY) as tx:
        due = list(await tx.execute(_DUE, {"at_most": TOLD_AT_ONCE}))
    for one in due:
        token = await logout_token(
            resources, tokens, client_id=one.client_id, user_id=one.user_id, session_id=one.session_id
        )
        told["told"] += 1
        try:
            answer = await outward.ask(
                "POST",
                one.url,
                headers={"content-type": "application/x-www-form-urlencoded"},
                content=urlencode({"logout_token": token}).encode(),
                seconds_max=TELL_SECONDS_MAX,
                redirects_max=0,
            )
            cause = None if answer.status < 300 else f"it answers {answer.status}"
        except Problem as problem:
            cause = problem.detail
        if cause is not None:
            told["failed"] += 1
            log.warning("a program was not told of a logout", extra={"client_id": str(one.client_id), "cause": cause})
    return told


async def forget_tokens(run: JobRun, _args: ForgetOauthTokens) -> dict[str, int]:
    """Return how many were removed."""
    return {"removed": await forget_in_batches(run.resources.database, _FORGET, at_once=FORGET_AT_ONCE)}


HANDLERS = (
    LightHandler(args_type=TellOfLogouts, run=tell_of_logouts),
    LightHandler(args_type=ForgetOauthTokens, run=forget_tokens),
)
SCHEDULES = (
    Schedule(every_seconds=TELL_EVERY_SECONDS, make=TellOfLogouts),
    Schedule(every_seconds=FORGET_EVERY_SECONDS, make=ForgetOauthTokens),
)
