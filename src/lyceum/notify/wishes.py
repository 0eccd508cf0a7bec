"""What people want to be told, by which ways, and how often: their changes, and the digests that follow from them."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import delete, insert, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor
from lyceum.kernel.db import NOBODY
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.jobs.recurring import ScheduleInvalid, next_time
from lyceum.kernel.tx import transaction
from lyceum.notify.errors import AlwaysSent, KindUnknown
from lyceum.notify.kinds import KINDS
from lyceum.notify.models import NoticePreferenceRow, NoticeSettingsRow
from lyceum.notify.queries import preferences_of
from lyceum.notify.schemas import PreferenceChange, Preferences
from lyceum.notify.service import person_of
from lyceum.notify.work import LookForDigests, MailDigest

DIGEST_TIMES = {"daily": "0 7 * * *", "weekly": "0 7 * * 1"}
"""At seven in the morning of the reader, weekly on Mondays."""
DIGESTS_AT_ONCE = 500

_DUE = text("SELECT user_id, mail_pace, zone FROM definer.digests_due(:at_most)")
_PUT_OFF = text("SELECT definer.digest_put_off(:person, :until)")


async def change_preferences(tx: AsyncSession, who: Actor, wanted: PreferenceChange) -> Preferences:
    """Have the caller told as they want; what they do not name goes by default.

    Raises `KindUnknown`, `AlwaysSent` and `ScheduleInvalid` for a zone that is none.
    """
    user_id = person_of(who)
    rows = [
        {"user_id": user_id, "kind": kind, "channel": channel, "wanted": is_wanted}
        for kind, channels in wanted.kinds.items()
        for channel, is_wanted in channels.items()
        if _says_something(kind, channel, is_wanted=is_wanted)
    ]
    values = {"mail_pace": wanted.mail_pace, "zone": wanted.zone, "next_digest_at": next_digest(wanted)}
    await tx.execute(delete(NoticePreferenceRow).where(NoticePreferenceRow.user_id == user_id))
    if rows:
        await tx.execute(insert(NoticePreferenceRow), rows)
    settings = upsert(NoticeSettingsRow).values(user_id=user_id, **values)
    await tx.execute(settings.on_conflict_do_update(index_elements=["user_id"], set_=values))
    return await preferences_of(tx, who)


def next_digest(wanted: PreferenceChange) -> datetime | None:
    """Return when the next digest of somebody who wants this is due, None for no digests."""
    now = datetime.now(UTC)
    first = next_time(DIGEST_TIMES["daily"], wanted.zone, after=now)
    cron = DIGEST_TIMES.get(wanted.mail_pace)
    return None if cron is None else first if wanted.mail_pace == "daily" else next_time(cron, wanted.zone, after=now)


async def look_for_digests(run: JobRun, _args: LookForDigests) -> dict[str, int]:
    """Have the digests sent that are due, and name the next time of each; return how many."""
    async with transaction(run.resources.database, NOBODY) as tx:
        due = (await tx.execute(_DUE, {"at_most": DIGESTS_AT_ONCE})).all()
    sent = 0
    for row in due:
        async with transaction(run.resources.database, NOBODY) as tx:
            sent += await _begin(tx, row.user_id, row.mail_pace, row.zone)
    return {"digests": sent}


async def _begin(tx: AsyncSession, user_id: UUID, pace: str, zone: str) -> int:
    now = datetime.now(UTC)
    try:
        until = next_time(DIGEST_TIMES.get(pace, DIGEST_TIMES["daily"]), zone, after=now)
    except ScheduleInvalid:
        # a zone that has gone from the tables since it was chosen
        until = next_time(DIGEST_TIMES["daily"], "UTC", after=now)
    if not await tx.scalar(_PUT_OFF, {"person": user_id, "until": until}) or pace not in DIGEST_TIMES:
        return 0
    await enqueue(tx, MailDigest(user_id=user_id, pace=pace), dedup_key=f"digest:{user_id}", of_hub=True)
    return 1


def _says_something(kind: str, channel: str, *, is_wanted: bool) -> bool:
    known = KINDS.get(kind)
    if known is None:
        raise KindUnknown(f"There is no kind of notice {kind!r}; there are {', '.join(KINDS)}.")
    if channel in known.always and not is_wanted:
        raise AlwaysSent(f"{kind} always comes by {channel}: it is about the safety of your account.")
    return is_wanted != (channel in known.by_default)
