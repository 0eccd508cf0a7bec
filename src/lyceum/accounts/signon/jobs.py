"""Jobs of signing on: asking providers about people while they are away, and forgetting what was shown once."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text, update

from lyceum.accounts.signon.discovery import IdentityProviders
from lyceum.accounts.signon.errors import (
    GrantRefused,
    SignOnProviderAway,
    SignOnProviderNotFound,
    SignOnProviderUnusable,
    SignOnRefused,
)
from lyceum.accounts.signon.exchange import Identity, identity_by_refresh
from lyceum.accounts.signon.giving import give_roles, list_rules_of, rules_met
from lyceum.accounts.signon.joining import REFRESH_PURPOSE, refresh_about
from lyceum.accounts.signon.leaving import leave
from lyceum.accounts.signon.models import SignOnIdentityRow
from lyceum.accounts.signon.queries import Provider, provider_by_name
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.forgetting import forget_in_batches
from lyceum.kernel.jobs.handlers import JobRun, LightHandler
from lyceum.kernel.jobs.queue import JobArgs
from lyceum.kernel.jobs.schedules import Schedule
from lyceum.kernel.outward import Outward
from lyceum.kernel.resources import Resources
from lyceum.kernel.tx import aside

REFRESH_EVERY_SECONDS = 60
REFRESHED_AT_ONCE = 50
AGAIN_AFTER = timedelta(minutes=10)
"""When somebody is asked about again whose provider did not answer, or whose asker died."""
FORGET_EVERY_SECONDS = 3600
FORGET_AT_ONCE = 1000

_DUE = text(
    "SELECT identity_id, user_id, provider_name, issuer, subject, refresh_token_sealed "
    "FROM definer.sign_on_due(:at_most, :again_after)"
)
_FORGET = text("SELECT definer.sign_on_used_forget(:at_most)")

log = logging.getLogger(__name__)


class RefreshSignOns(JobArgs, frozen=True, kw_only=True):
    """Ask providers which groups people are in by now, and whether they are still there."""

    kind = "accounts.refresh_sign_ons"
    job_class = "background"
    attempts_max = 1
    seconds_max = 600


class ForgetSignOns(JobArgs, frozen=True, kw_only=True):
    """Remove states and ids of logout tokens that could not be used again anyway."""

    kind = "accounts.forget_sign_ons"
    job_class = "background"
    attempts_max = 1
    seconds_max = FORGET_EVERY_SECONDS


async def refresh_sign_ons(run: JobRun, _args: RefreshSignOns) -> dict[str, int]:
    """Return how many people were asked about, and how many of them have left."""
    resources = run.resources
    providers = IdentityProviders(Outward.configured(resources.settings))
    told = {"asked": 0, "left": 0}
    while True:
        async with aside(resources.database, NOBODY) as tx:
            due = list(await tx.execute(_DUE, {"at_most": REFRESHED_AT_ONCE, "again_after": AGAIN_AFTER}))
        for one in due:
            told["asked"] += 1
            told["left"] += await _refresh(providers, resources, one)
        if len(due) < REFRESHED_AT_ONCE:
            return told


async def _refresh(providers: IdentityProviders, resources: Resources, due: Any) -> bool:
    """Ask about one person; return whether they have left. One who cannot be asked about now is left as they are."""
    try:
        provider = await provider_by_name(resources, due.provider_name)
        about = refresh_about(due.issuer, due.subject)
        opened = resources.sealer.opened(REFRESH_PURPOSE, about, due.refresh_token_sealed)
        if opened is None:
            return False
        identity = await identity_by_refresh(
            providers, provider, refresh_token=opened.decode(), issuer=due.issuer, subject=due.subject
        )
    except GrantRefused:
        async with aside(resources.database, Scope(user_id=due.user_id)) as tx:
            await leave(tx, due.user_id, provider, identity_id=due.identity_id)
        return True
    except (SignOnRefused, SignOnProviderAway, SignOnProviderUnusable, SignOnProviderNotFound) as problem:
        log.warning("a provider could not be asked about somebody", extra={"cause": problem.detail})
        return False
    return await _note(resources, provider, identity, due)


async def _note(resources: Resources, provider: Provider, identity: Identity, due: Any) -> bool:
    token = resources.sealer.seal(
        REFRESH_PURPOSE, refresh_about(due.issuer, due.subject), (identity.refresh_token or "").encode()
    )
    values: dict[str, Any] = {"refresh_token_sealed": token}
    if provider.refresh_minutes is None:
        values = {"refresh_token_sealed": None, "refresh_after": None}
    else:
        values["refresh_after"] = datetime.now(UTC) + timedelta(minutes=provider.refresh_minutes)
    async with aside(resources.database, Scope(user_id=due.user_id)) as tx:
        noted = update(SignOnIdentityRow).where(SignOnIdentityRow.id == due.identity_id)
        if identity.groups is None:
            await tx.execute(noted.values(**values))
            return False
        rules = rules_met(await list_rules_of(tx, provider.id), identity.groups)
        if provider.admits == "mapped" and not rules:
            await leave(tx, due.user_id, provider, identity_id=due.identity_id)
            return True
        await tx.execute(noted.values(**values, groups=list(identity.groups)))
        await give_roles(tx, due.user_id, provider.id, rules)
    return False


async def forget_sign_ons(run: JobRun, _args: ForgetSignOns) -> dict[str, int]:
    """Return how many were removed."""
    return {"removed": await forget_in_batches(run.resources.database, _FORGET, at_once=FORGET_AT_ONCE)}


HANDLERS = (
    LightHandler(args_type=RefreshSignOns, run=refresh_sign_ons),
    LightHandler(args_type=ForgetSignOns, run=forget_sign_ons),
)
SCHEDULES = (
    Schedule(every_seconds=REFRESH_EVERY_SECONDS, make=RefreshSignOns),
    Schedule(every_seconds=FORGET_EVERY_SECONDS, make=ForgetSignOns),
)
