"""Who is told of what became of an incident: by the organisation's rules, or without any by whoever made the dataset."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from uuid import UUID

from sqlalchemy import exists, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Power, members_with
from lyceum.data.datasets.public import addresses_of_datasets, owner_of_dataset, tags_of_dataset
from lyceum.data.incidents.models import AlertIncidentRow, AlertRow, AlertRuleRow, IncidentRow
from lyceum.data.incidents.routing import Decision, Facts, Rule, decide, out_of_quiet
from lyceum.data.incidents.rules import as_asked, rules_of
from lyceum.data.incidents.saying import over_notice, single_notice, told_together
from lyceum.data.incidents.seeing import CHECK, worse
from lyceum.data.incidents.timeline import note
from lyceum.data.incidents.work import Change, EscalateAlert, SendAlert, TellOfIncident
from lyceum.data.quality.public import tags_of_check
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.tx import transaction
from lyceum.notify.public import (
    Action,
    Incident,
    Notice,
    destination_cards,
    destinations_wanting,
    notify,
    send_to,
)

INCIDENTS_TOGETHER_MAX = 1_000
RATE_WINDOW = timedelta(hours=1)
_ALERTING: frozenset[Change] = frozenset({"opened", "reopened", "worsened", "woken"})
_TOLD_ANYWAY: frozenset[Change] = frozenset({"worsened", "woken"})
"""Of what a rule tells though it has told of the incident a short while ago."""
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(:place, 1))")


async def tell(run: JobRun, args: TellOfIncident) -> dict[str, int]:
    """Return how many were told, or will be: alerts, people and destinations."""
    async with transaction(run.resources.database, run.scope) as tx:
        row = await tx.get(IncidentRow, args.incident_id, with_for_update=True)
        if row is None:
            return {"told": 0}
        if args.change in _ALERTING:
            return {"told": await _alert(tx, row, args.change)}
        if args.change == "overdue":
            return {"told": await _remind(tx, row)}
        return {"told": await _follow_up(tx, row, args.change)}


async def send_alert(run: JobRun, args: SendAlert) -> dict[str, int]:
    """Tell of what an alert has gathered and is not over, looked after or resting by now; return how many incidents that were."""
    async with transaction(run.resources.database, run.scope) as tx:
        alert = await tx.get(AlertRow, args.alert_id, with_for_update=True)
        if alert is None or alert.state != "waiting":
            return {"incidents": 0}
        rule = await tx.get(AlertRuleRow, alert.rule_id) if alert.rule_id is not None else None
        rows = await _still_to_tell(tx, alert.id)
        if rule is None or not rows:
            alert.state = "dropped"
            await tx.flush()
            return {"incidents": 0}
        later = await _has_to_wait(tx, rule)
        if later is not None:
            later = out_of_quiet(as_asked(rule), _gravest(rows), later)
            alert.send_at = later
            await tx.flush()
            await enqueue(tx, SendAlert(alert_id=alert.id), run_at=later)
            return {"incidents": 0}
        alert.state, alert.sent_at, alert.destination_id = "sent", datetime.now(UTC), rule.destination_id
        people = [UUID(user) for user in rule.people]
        await _send(tx, rows, rule.destination_id, people, collapse_key=f"alert:{alert.id}")
        for row in rows:
            await note(tx, row, "alerted", data={"rule": rule.name})
        if rule.escalate_minutes is not None:
            after = alert.sent_at + timedelta(minutes=rule.escalate_minutes)
            await enqueue(tx, EscalateAlert(alert_id=alert.id), run_at=after)
        await tx.flush()
        return {"incidents": len(rows)}


async def escalate(run: JobRun, args: EscalateAlert) -> dict[str, int]:
    """Tell others of those incidents of an alert that nobody has acknowledged; return how many those are. Once an alert."""
    async with transaction(run.resources.database, run.scope) as tx:
        alert = await tx.get(AlertRow, args.alert_id, with_for_update=True)
        if alert is None or alert.state != "sent" or alert.escalated_at is not None:
            return {"incidents": 0}
        rule = await tx.get(AlertRuleRow, alert.rule_id) if alert.rule_id is not None else None
        rows = await _still_to_tell(tx, alert.id)
        if rule is None or not rows:
            return {"incidents": 0}
        now = datetime.now(UTC)
        at = out_of_quiet(as_asked(rule), _gravest(rows), now)
        if at > now:
            await enqueue(tx, EscalateAlert(alert_id=alert.id), run_at=at)
            return {"incidents": 0}
        alert.escalated_at = now
        people = [UUID(user) for user in rule.escalate_people]
        key = f"escalation:{alert.id}"
        await _send(tx, rows, rule.escalate_destination_id, people, collapse_key=key)
        for row in rows:
            await note(tx, row, "escalated", data={"rule": rule.name})
        await _remember_sent(tx, alert.org_id, rule.escalate_destination_id, [row.id for row in rows])
        await tx.flush()
        return {"incidents": len(rows)}


async def _alert(tx: AsyncSession, row: IncidentRow, change: Change) -> int:
    now = datetime.now(UTC)
    if row.state != "open" or (row.snoozed_until is not None and row.snoozed_until > now):
        # who said that they look after it, or later, did not know how bad it would be
        return await _remind(tx, row) if change == "worsened" else 0
    rules, repeat_minutes = await rules_of(tx, row.org_id)
    address = (await addresses_of_datasets(tx, [row.dataset_id])).get(row.dataset_id, "?")
    facts = await _facts(tx, row, address, rules)
    decisions = decide(rules, facts, now)
    for decision in decisions:
        again_after = timedelta(minutes=repeat_minutes[decision.rule_id])
        if change in _TOLD_ANYWAY or not await _was_alerted(tx, decision.rule_id, row.id, since=now - again_after):
            await _gather(tx, row, decision)
    return len(decisions) or await _tell_by_default(tx, row, address)


async def _facts(tx: AsyncSession, row: IncidentRow, address: str, rules: Sequence[Rule]) -> Facts:
    """Return what the rules ask of an incident; tags are read only where a rule names some."""
    of_dataset: frozenset[str] = frozenset()
    of_check: frozenset[str] = frozenset()
    if any(rule.dataset_tags for rule in rules):
        of_dataset = await tags_of_dataset(tx, row.dataset_id)
    if row.kind == CHECK and any(rule.check_tags for rule in rules):
        of_check = await tags_of_check(tx, UUID(row.subject))
    return Facts(row.id, address, row.kind, row.severity, of_dataset, of_check)


async def _gather(tx: AsyncSession, row: IncidentRow, decision: Decision) -> None:
    rule = await tx.get(AlertRuleRow, decision.rule_id)
    made = insert(AlertRow).values(
        id=new_id(),
        org_id=row.org_id,
        rule_id=decision.rule_id,
        destination_id=rule.destination_id if rule is not None else None,
        group_key=decision.group_key,
        state="waiting",
        send_at=decision.send_at,
    )
    # an alert that is waiting takes one more; whoever sends it waits for this
    found = made.on_conflict_do_update(
        index_elements=["rule_id", "group_key"],
        # as text: a plan for any value could not be sure that it is this index
        index_where=text("state = 'waiting'"),
        # what cannot wait takes those with it that could
        set_={"send_at": func.least(AlertRow.send_at, made.excluded.send_at)},
    ).returning(AlertRow.id, AlertRow.send_at)
    alert = (await tx.execute(found)).one()
    await _add_incident(tx, row.org_id, alert.id, row.id)
    key = f"alert:{alert.id}:{alert.send_at.isoformat()}"
    await enqueue(tx, SendAlert(alert_id=alert.id), run_at=alert.send_at, dedup_key=key)


async def _tell_by_default(tx: AsyncSession, row: IncidentRow, address: str) -> int:
    """Tell whoever made the dataset, and the destinations that get incidents by themselves, where no rule says otherwise."""
    owner = await owner_of_dataset(tx, row.dataset_id)
    destinations = await destinations_wanting(tx, Incident.kind)
    notice = single_notice(row, address)
    if owner is not None:
        await notify(tx, notice, [owner], collapse_key=f"incident:{row.id}", only_people=True)
    for destination_id in destinations:
        await send_to(tx, destination_id, notice, dedup_key=dedup_key(row.id))
        await _remember_sent(tx, row.org_id, destination_id, [row.id])
    return len(destinations) + (owner is not None)


async def _remind(tx: AsyncSession, row: IncidentRow) -> int:
    """Tell whoever looks after an incident that it is overdue; where nobody does, those who say who is told."""
    to = [row.assignee_id] if row.assignee_id is not None else await members_with(tx, row.org_id, Power.ALERTS_MANAGE)
    address = (await addresses_of_datasets(tx, [row.dataset_id])).get(row.dataset_id, "?")
    await notify(tx, single_notice(row, address), to, collapse_key=f"incident:{row.id}", only_people=True)
    return len(to)


async def _follow_up(tx: AsyncSession, row: IncidentRow, change: Change) -> int:
    """Have the destinations that were told of an incident know that somebody looks after it, or that it is over."""
    query = (
        select(AlertRow.destination_id)
        .join(AlertIncidentRow, AlertIncidentRow.alert_id == AlertRow.id)
        .where(AlertIncidentRow.incident_id == row.id, AlertRow.state == "sent", AlertRow.destination_id.is_not(None))
        .distinct()
    )
    destinations = [found for found in await tx.scalars(query) if found is not None]
    address = (await addresses_of_datasets(tx, [row.dataset_id])).get(row.dataset_id, "?")
    notice = over_notice(row, address)
    for destination_id in sorted(destinations):
        action: Action = "acknowledge" if change == "acknowledged" else "resolve"
        await send_to(tx, destination_id, notice, action=action, dedup_key=dedup_key(row.id))
    return len(destinations)


async def _send(
    tx: AsyncSession, rows: list[IncidentRow], destination_id: UUID | None, people: list[UUID], *, collapse_key: str
) -> None:
    addresses = await addresses_of_datasets(tx, {row.dataset_id for row in rows})
    together: Notice = told_together(rows, addresses)
    if people:
        await notify(tx, together, people, collapse_key=collapse_key, only_people=True)
    cards = await destination_cards(tx) if destination_id is not None else {}
    if destination_id not in cards:
        return
    if cards[destination_id][0] != "pagerduty" or len(rows) == 1:
        await send_to(tx, destination_id, together, dedup_key=dedup_key(rows[0].id))
        return
    # each is an alert of its own there, which somebody acknowledges
    for row in rows:
        notice = single_notice(row, addresses.get(row.dataset_id, "?"))
        await send_to(tx, destination_id, notice, dedup_key=dedup_key(row.id))


async def _has_to_wait(tx: AsyncSession, rule: AlertRuleRow) -> datetime | None:
    """Return when there may be told more of which as much was within an hour as the rule allows; None for now.

    A destination is counted over all rules; people are over this one.
    """
    most = rule.delivery.get("per_hour_max")
    if most is None:
        return None
    await tx.execute(_ONE_AT_A_TIME, {"place": str(rule.destination_id or rule.id)})
    now = datetime.now(UTC)
    is_there = (
        AlertRow.rule_id == rule.id if rule.destination_id is None else AlertRow.destination_id == rule.destination_id
    )
    sent = list(
        await tx.scalars(
            select(AlertRow.sent_at)
            .where(is_there, AlertRow.sent_at > now - RATE_WINDOW)
            .order_by(AlertRow.sent_at.desc())
            .limit(most)
        )
    )
    oldest = sent[-1] if sent else None
    return None if len(sent) < most or oldest is None else oldest + RATE_WINDOW


def _gravest(rows: Sequence[IncidentRow]) -> str:
    return reduce(worse, (row.severity for row in rows))


async def _still_to_tell(tx: AsyncSession, alert_id: UUID) -> list[IncidentRow]:
    rests = func.coalesce(IncidentRow.snoozed_until > func.now(), False)
    query = (
        select(IncidentRow)
        .join(AlertIncidentRow, AlertIncidentRow.incident_id == IncidentRow.id)
        .where(AlertIncidentRow.alert_id == alert_id, IncidentRow.state == "open", ~rests)
        .order_by(IncidentRow.id.desc())
        .limit(INCIDENTS_TOGETHER_MAX)
    )
    return list(await tx.scalars(query))


async def _was_alerted(tx: AsyncSession, rule_id: UUID, incident_id: UUID, *, since: datetime) -> bool:
    query = exists().where(
        AlertIncidentRow.incident_id == incident_id,
        AlertRow.id == AlertIncidentRow.alert_id,
        AlertRow.rule_id == rule_id,
        AlertRow.sent_at > since,
    )
    return bool(await tx.scalar(select(query)))


async def _remember_sent(tx: AsyncSession, org_id: UUID, destination_id: UUID | None, incident_ids: list[UUID]) -> None:
    """Keep that a destination was told, which is told how it goes on."""
    if destination_id is None:
        return
    now = datetime.now(UTC)
    alert_id = new_id()
    await tx.execute(
        insert(AlertRow).values(
            id=alert_id,
            org_id=org_id,
            destination_id=destination_id,
            group_key="",
            state="sent",
            send_at=now,
            sent_at=now,
        )
    )
    for incident_id in incident_ids:
        await _add_incident(tx, org_id, alert_id, incident_id)


async def _add_incident(tx: AsyncSession, org_id: UUID, alert_id: UUID, incident_id: UUID) -> None:
    line = insert(AlertIncidentRow).values(alert_id=alert_id, incident_id=incident_id, org_id=org_id)
    await tx.execute(line.on_conflict_do_nothing())


def dedup_key(incident_id: UUID) -> str:
    """Return what an incident is called where there are alerts."""
    return f"lyceum-incident-{incident_id}"
