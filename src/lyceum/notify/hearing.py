"""What notify hears of accounts, and whom it tells of it."""

from sqlalchemy import text

from lyceum.accounts import public as accounts
from lyceum.accounts.events import (
    AccessAsked,
    AccessDecided,
    LetterWanted,
    PersonLeft,
    SecurityChanged,
    SignedInFromNewDevice,
)
from lyceum.kernel.db import NOBODY, Scope
from lyceum.kernel.events import Subscription
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.tx import transaction
from lyceum.notify import kinds
from lyceum.notify.sending import want_letter
from lyceum.notify.service import notify, notify_administrators
from lyceum.notify.work import LookForDeadJobs

_FORGET_PERSON = text("SELECT definer.notices_of_person_forget(:person, :org_id)")
_DEAD = text("SELECT kind, jobs, reason FROM definer.jobs_newly_dead()")


async def _tell_of_sign_in(run: JobRun, event: SignedInFromNewDevice) -> None:
    async with transaction(run.resources.database, NOBODY) as tx:
        began = await accounts.sign_in_of(tx, event.session_id)
        if began is not None:
            at = f"{began.at:%Y-%m-%d %H:%M} UTC"
            notice = kinds.NewSignIn(device=began.device, place=began.place, at=at)
            # delivered twice, it is one notice
            await notify(tx, notice, [began.user_id], collapse_key=f"sign_in:{event.session_id}")


async def _tell_of_security(run: JobRun, event: SecurityChanged) -> None:
    async with transaction(run.resources.database, NOBODY) as tx:
        notice = kinds.SecurityWasChanged(what=event.what.replace("_", " "))
        await notify(tx, notice, [event.user_id], collapse_key=f"security:{run.job_id}")


async def _tell_deciders(run: JobRun, event: AccessAsked) -> None:
    async with transaction(run.resources.database, run.scope) as tx:
        asked = await accounts.access_request_of(tx, event.request_id)
    if asked is None or asked.state != "open":
        return
    notice = kinds.AccessAsked(
        object_kind=asked.object_kind, address=asked.address, asked_by=asked.asked_by_name, reason=asked.reason
    )
    # whoever asks works for an organisation of their own, and those who decide are told by theirs
    async with transaction(run.resources.database, Scope(org_id=asked.org_id)) as tx:
        await notify(tx, notice, asked.deciders, collapse_key=f"access:{event.request_id}")


async def _tell_asker(run: JobRun, event: AccessDecided) -> None:
    async with transaction(run.resources.database, run.scope) as tx:
        asked = await accounts.access_request_of(tx, event.request_id)
        if asked is None or asked.state == "open":
            return
        notice: kinds.Notice = kinds.AccessRefused(object_kind=asked.object_kind, address=asked.address)
        if asked.state == "approved":
            notice = kinds.AccessGranted(
                object_kind=asked.object_kind, address=asked.address, role=asked.role or "viewer"
            )
        # whoever asks may be in no organisation that the object belongs to
        await notify(tx, notice, [asked.asked_by], collapse_key=f"decided:{event.request_id}", beyond_members=True)


async def _forget_in_organisation(run: JobRun, event: PersonLeft) -> None:
    async with transaction(run.resources.database, NOBODY) as tx:
        await tx.execute(_FORGET_PERSON, {"person": event.user_id, "org_id": event.org_id})


async def tell_of_dead_jobs(run: JobRun, _args: LookForDeadJobs) -> dict[str, int]:
    """Tell administrators of the jobs that died since the last look, once a kind until they have read it."""
    async with transaction(run.resources.database, NOBODY) as tx:
        dead = (await tx.execute(_DEAD)).all()
        for row in dead:
            notice = kinds.JobsDied(job_kind=row.kind, jobs=row.jobs, reason=row.reason)
            await notify_administrators(tx, notice, collapse_key=f"jobs_died:{row.kind}")
    return {"kinds": len(dead)}


SUBSCRIPTIONS = (
    Subscription(LetterWanted, "notify.letter", want_letter),
    Subscription(SignedInFromNewDevice, "notify.sign_in", _tell_of_sign_in),
    Subscription(SecurityChanged, "notify.security", _tell_of_security),
    Subscription(AccessAsked, "notify.access_asked", _tell_deciders),
    Subscription(AccessDecided, "notify.access_decided", _tell_asker),
    Subscription(PersonLeft, "notify.person_left", _forget_in_organisation),
)
