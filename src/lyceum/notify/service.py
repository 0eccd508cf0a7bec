"""Writes of notify: telling people, and their having read it."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from lyceum.accounts.errors import SignInNeeded
from lyceum.accounts.public import Actor
from lyceum.kernel.cache.shared import drop_after_commit
from lyceum.kernel.db import Scope, as_json
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.realtime.news import tell_after_commit
from lyceum.notify.kinds import Notice, facts_of
from lyceum.notify.models import DestinationRow, NoticeRow
from lyceum.notify.work import Action, MailNotice, PushNotice, SendToDestination

PEOPLE_MAX = 1000
"""Told of one thing at once; more are told by a job of the module that has something to say."""
_ADD = text(
    "SELECT id, user_id, is_new, mail, push, in_inbox, unread FROM definer.notices_add("
    ":ids, :people, :org_id, :kind, CAST(:facts AS jsonb), :object_kind, :address, :collapse_key, :by_default, :always)"
)
_ADMINISTRATORS = text("SELECT definer.administrators()")


async def notify(
    tx: AsyncSession,
    notice: Notice,
    to: Collection[UUID],
    *,
    collapse_key: str | None = None,
    beyond_members: bool = False,
    only_people: bool = False,
) -> None:
    """Tell people of something once `tx` commits, each by the ways they want, and unless `only_people` the organisation's destinations.

    Only members of the organisation that `tx` works for are told, unless it works for none or the notice goes
    `beyond_members`; at most `PEOPLE_MAX`. With a `collapse_key`, whoever has an unread notice with it has that one changed and is not told anew.
    """
    scope: Scope = tx.info["scope"]
    org_id = None if beyond_members else scope.org_id
    facts = facts_of(notice)
    people = list(dict.fromkeys(to))
    if len(people) > PEOPLE_MAX:
        raise ValueError(f"tell at most {PEOPLE_MAX} people in one transaction, not {len(people)}")
    if people:
        about = notice.object_at
        values = {
            "ids": [new_id() for _ in people],
            "people": people,
            "org_id": org_id,
            "kind": notice.kind,
            "facts": as_json(facts),
            "object_kind": about[0] if about else None,
            "address": str(facts[about[1]]) if about else None,
            "collapse_key": collapse_key,
            "by_default": list(notice.by_default),
            "always": list(notice.always),
        }
        for told in (await tx.execute(_ADD, values)).all():
            await _send_on(tx, notice.kind, told)
    if notice.of_organisation and org_id is not None and not only_people:
        await _send_to_destinations(tx, notice.kind, facts)


async def send_to(
    tx: AsyncSession,
    destination_id: UUID,
    notice: Notice,
    *,
    action: Action = "trigger",
    dedup_key: str | None = None,
) -> None:
    """Send a notice to one destination of the organisation once `tx` commits.

    What has the same `dedup_key`, of at most 255 characters, is one alert where there are alerts; `action` says what becomes of it.
    """
    args = SendToDestination(
        destination_id=destination_id,
        notice_id=new_id(),
        notice_kind=notice.kind,
        facts=facts_of(notice),
        at=datetime.now(UTC),
        action=action,
        dedup_key=dedup_key,
    )
    await enqueue(tx, args)


async def destinations_wanting(tx: AsyncSession, kind: str) -> list[UUID]:
    """Return the destinations of the organisation that `tx` works for to which a kind of notice is sent by itself."""
    wanted = select(DestinationRow.id).where(DestinationRow.notice_kinds.contains([kind]))
    return list(await tx.scalars(wanted.order_by(DestinationRow.id)))


async def destination_cards(tx: AsyncSession) -> dict[UUID, tuple[str, str]]:
    """Return the kind and the name of each destination of the organisation that `tx` works for."""
    rows = await tx.execute(
        select(DestinationRow.id, DestinationRow.kind, DestinationRow.name).order_by(DestinationRow.id)
    )
    return {row.id: (row.kind, row.name) for row in rows}


async def notify_administrators(tx: AsyncSession, notice: Notice, *, collapse_key: str | None = None) -> None:
    """Tell whoever runs the hub, as `notify` does; `tx` works for nobody."""
    await notify(tx, notice, list(await tx.scalars(_ADMINISTRATORS)), collapse_key=collapse_key, beyond_members=True)


async def mark_read(tx: AsyncSession, who: Actor, ids: Collection[UUID], *, up_to: UUID | None) -> None:
    """Say that the caller has read some notices, or all up to one; what they have not is left out."""
    user_id = person_of(who)
    unread = update(NoticeRow).where(NoticeRow.user_id == user_id, NoticeRow.read_at.is_(None))
    read = unread.values(read_at=datetime.now(UTC))
    if ids:
        await tx.execute(read.where(NoticeRow.id.in_(ids)))
    if up_to is not None:
        await tx.execute(read.where(NoticeRow.id <= up_to))
    await _tell_count(tx, user_id)


async def mark_unread(tx: AsyncSession, who: Actor, ids: Collection[UUID]) -> None:
    """Put notices of the caller back among those to read; what they have not is left out.

    One whose place an unread notice of the same key has taken meanwhile stays read.
    """
    user_id = person_of(who)
    newer = aliased(NoticeRow)
    taken = exists().where(
        newer.user_id == user_id, newer.collapse_key == NoticeRow.collapse_key, newer.read_at.is_(None)
    )
    back = update(NoticeRow).where(NoticeRow.user_id == user_id, NoticeRow.id.in_(ids), NoticeRow.in_inbox, ~taken)
    await tx.execute(back.values(read_at=None), execution_options={"synchronize_session": False})
    await _tell_count(tx, user_id)


async def _tell_count(tx: AsyncSession, user_id: UUID) -> None:
    drop_after_commit(tx, count_tag(user_id))
    tell_after_commit(tx, stream_of(user_id), {"unread": await count_unread(tx, user_id), "notice": None, "kind": None})


async def count_unread(tx: AsyncSession, user_id: UUID) -> int:
    """Return how many notices a person has not read, 100 for that many and more."""
    some = (
        select(NoticeRow.id)
        .where(NoticeRow.user_id == user_id, NoticeRow.in_inbox, NoticeRow.read_at.is_(None))
        .limit(100)
        .subquery()
    )
    return int(await tx.scalar(select(func.count()).select_from(some)) or 0)


def person_of(who: Actor) -> UUID:
    """Return who is asking; raises `SignInNeeded` for nobody."""
    if who.user_id is None:
        raise SignInNeeded("Sign in to see what is yours.")
    return who.user_id


def stream_of(user_id: UUID) -> str:
    """Return the stream that tells how many notices a person has not read."""
    return f"inbox/{user_id}"


def count_tag(user_id: UUID) -> str:
    """Return what a kept count hangs on."""
    return f"inbox:{user_id}"


async def _send_on(tx: AsyncSession, kind: str, told: Any) -> None:
    if told.in_inbox:
        drop_after_commit(tx, count_tag(told.user_id))
        news = {"unread": min(told.unread, 100), "notice": str(told.id), "kind": kind}
        tell_after_commit(tx, stream_of(told.user_id), news)
    if not told.is_new:
        return
    if told.mail == "at_once":
        await enqueue(tx, MailNotice(notice_id=told.id), of_hub=True)
    if told.push:
        await enqueue(tx, PushNotice(notice_id=told.id), of_hub=True)


async def _send_to_destinations(tx: AsyncSession, kind: str, facts: dict[str, str | int]) -> None:
    now = datetime.now(UTC)
    for destination_id in await destinations_wanting(tx, kind):
        args = SendToDestination(
            destination_id=destination_id, notice_id=new_id(), notice_kind=kind, facts=facts, at=now
        )
        await enqueue(tx, args)
