"""Where organisations have notices sent: made, tried, removed, and sent to by jobs."""

import secrets as random_secrets
import time
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, Power, organisation_names, require
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.outward import Answer, Outward
from lyceum.kernel.problems import Problem
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import Sealer
from lyceum.kernel.tx import aside, transaction
from lyceum.notify.errors import (
    DestinationAway,
    DestinationInvalid,
    DestinationNotFound,
    DestinationRefused,
    KindUnknown,
    OrganisationOther,
)
from lyceum.notify.kinds import KINDS
from lyceum.notify.models import DestinationRow
from lyceum.notify.previews import sample_of
from lyceum.notify.schemas import Destination, DestinationMade, DestinationTried, NewDestination
from lyceum.notify.wire import (
    PAGERDUTY_URL,
    Outgoing,
    Secrets,
    Told,
    for_pagerduty,
    for_slack,
    for_webhook,
    is_routing_key,
)
from lyceum.notify.work import SendToDestination

DESTINATIONS_MAX = 20
SENT_ON: tuple[str, ...] = tuple(kind for kind, notice in KINDS.items() if notice.of_organisation)
"""The kinds of notices that an organisation may have sent on."""
WEBHOOK_MARK = "lyw_"
_SEALED_AS = "destination"
_ANSWER_BYTES_MAX = 64 * 1024
_ERROR_CHARACTERS_MAX = 300


async def make_destination(
    tx: AsyncSession, who: Actor, org: str, sealer: Sealer, wanted: NewDestination
) -> DestinationMade:
    """Have notices of some kinds sent somewhere; a webhook's secret is shown this once.

    Raises `OrganisationOther`, `KindUnknown`, `DestinationInvalid` and `AddressRefused`.
    """
    org_id = organisation_for(who, org)
    unknown = next((kind for kind in wanted.notice_kinds if kind not in SENT_ON), None)
    if unknown is not None:
        raise KindUnknown(f"No kind of notice {unknown!r} can be sent on; there are {', '.join(SENT_ON)}.")
    if int(await tx.scalar(select(func.count()).select_from(DestinationRow)) or 0) >= DESTINATIONS_MAX:
        raise DestinationInvalid(f"An organisation has at most {DESTINATIONS_MAX} destinations; remove one first.")
    kept = _secrets_of(wanted)
    row = DestinationRow(
        id=(destination_id := new_id()),
        org_id=org_id,
        kind=wanted.kind,
        name=wanted.name,
        host=Outward().checked(kept.url).host,
        sealed=sealer.seal(_SEALED_AS, destination_id.hex, msgspec.json.encode(kept)),
        notice_kinds=list(dict.fromkeys(wanted.notice_kinds)),
        created_by=who.user_id,
    )
    tx.add(row)
    await tx.flush()
    await tx.refresh(row)
    secret = kept.secret if wanted.kind == "webhook" else None
    return DestinationMade(**as_destination(row).model_dump(), secret=secret)


async def list_destinations(
    tx: AsyncSession, who: Actor, org: str, *, limit: int, before: UUID | None = None
) -> list[Destination]:
    """Return the organisation's destinations, newest first, without their secrets."""
    org_id = organisation_for(who, org)
    query = (
        select(DestinationRow).where(DestinationRow.org_id == org_id).order_by(DestinationRow.id.desc()).limit(limit)
    )
    if before is not None:
        query = query.where(DestinationRow.id < before)
    return [as_destination(row) for row in await tx.scalars(query)]


async def remove_destination(tx: AsyncSession, who: Actor, org: str, destination_id: UUID) -> None:
    """Send nothing there any more; raises `DestinationNotFound`."""
    org_id = organisation_for(who, org)
    gone = delete(DestinationRow).where(DestinationRow.id == destination_id, DestinationRow.org_id == org_id)
    if await tx.scalar(gone.returning(DestinationRow.id)) is None:
        raise _not_found(destination_id)


async def try_destination(resources: Resources, who: Actor, org: str, destination_id: UUID) -> DestinationTried:
    """Send a sample now and return what the destination answered.

    Raises `DestinationNotFound`, `DestinationRefused`, `DestinationAway`, and what `Outward` raises.
    """
    org_id = organisation_for(who, org)
    async with aside(resources.database, who.scope) as tx:
        row = await tx.get(DestinationRow, destination_id)
    if row is None or row.org_id != org_id:
        raise _not_found(destination_id)
    kind = row.notice_kinds[0]
    told = Told(new_id(), kind, sample_of(KINDS[kind]), datetime.now(UTC), who.org_name)
    began = time.monotonic()
    answer = await _send(resources, row, told)
    return DestinationTried(status=answer.status, seconds=round(time.monotonic() - began, 3))


async def send_to_destination(run: JobRun, args: SendToDestination) -> dict[str, bool]:
    """Send a notice to a destination that is still there, and note how that went. Raises what `try_destination` raises."""
    resources = run.resources
    async with transaction(resources.database, run.scope) as tx:
        row = await tx.get(DestinationRow, args.destination_id)
        if row is None or args.notice_kind not in KINDS:
            return {"sent": False}
        if args.action == "acknowledge" and row.kind != "pagerduty":
            return {"sent": False}
        names = await organisation_names(tx, {row.org_id})
    told = Told(
        args.notice_id,
        args.notice_kind,
        args.facts,
        args.at,
        names.get(row.org_id, ""),
        action=args.action,
        dedup_key=args.dedup_key,
    )
    try:
        await _send(resources, row, told)
    except Problem as problem:
        await _note(run, row.id, error=problem.detail)
        raise
    await _note(run, row.id, error=None)
    return {"sent": True}


def organisation_for(who: Actor, org: str) -> UUID:
    """Return the organisation whose destinations the caller may change; raises `OrganisationOther` and `NotAllowed`."""
    org_id = require(who, Power.DESTINATIONS_MANAGE)
    if org != who.org_name:
        raise OrganisationOther(f"You are not acting in an organisation {org!r}.")
    return org_id


def as_destination(row: DestinationRow) -> Destination:
    """Return a destination as its organisation sees it."""
    return Destination(
        id=row.id,
        kind=row.kind,
        name=row.name,
        host=row.host,
        notice_kinds=row.notice_kinds,
        created_at=row.created_at,
        last_sent_at=row.last_sent_at,
        last_error=row.last_error,
    )


def _secrets_of(wanted: NewDestination) -> Secrets:
    if wanted.kind == "pagerduty":
        if wanted.routing_key is None or not is_routing_key(wanted.routing_key):
            raise DestinationInvalid("PagerDuty's integration key (Events API v2) has 32 letters and digits.")
        return Secrets(wanted.url or PAGERDUTY_URL, wanted.routing_key)
    if wanted.url is None or wanted.routing_key is not None:
        raise DestinationInvalid(f"A destination of kind {wanted.kind} takes a `url`, and no `routing_key`.")
    secret = WEBHOOK_MARK + random_secrets.token_urlsafe(32) if wanted.kind == "webhook" else ""
    return Secrets(wanted.url, secret)


async def _send(resources: Resources, row: DestinationRow, told: Told) -> Answer:
    opened = resources.sealer.opened(_SEALED_AS, row.id.hex, row.sealed)
    if opened is None:
        raise DestinationRefused(f"{row.name} was sealed with another LYCEUM_SECRET_KEY; remove it and make it again.")
    outgoing = _outgoing(row.kind, msgspec.json.decode(opened, type=Secrets), told, hub=resources.settings.base_url)
    answer = await Outward.configured(resources.settings).ask(
        "POST", outgoing.url, headers=outgoing.headers, content=outgoing.content, bytes_max=_ANSWER_BYTES_MAX
    )
    if answer.status in {408, 425, 429} or answer.status >= 500:
        raise DestinationAway(f"{row.host} takes nothing just now: it answered {answer.status}.")
    if not 200 <= answer.status < 300:
        raise DestinationRefused(f"{row.host} does not take what is sent to {row.name}: it answered {answer.status}.")
    return answer


def _outgoing(kind: str, kept: Secrets, told: Told, *, hub: str) -> Outgoing:
    if kind == "slack":
        return for_slack(kept, told, hub=hub)
    if kind == "pagerduty":
        return for_pagerduty(kept, told, hub=hub)
    return for_webhook(kept, told, hub=hub, sent_at=int(time.time()))


async def _note(run: JobRun, destination_id: UUID, *, error: str | None) -> None:
    values = {"last_error": error[:_ERROR_CHARACTERS_MAX] if error else None}
    sent = {} if error else {"last_sent_at": datetime.now(UTC)}
    async with transaction(run.resources.database, run.scope) as tx:
        await tx.execute(update(DestinationRow).where(DestinationRow.id == destination_id).values(**values, **sent))


def _not_found(destination_id: UUID) -> DestinationNotFound:
    return DestinationNotFound(f"There is no destination {destination_id} in this organisation.")
