"""Reads of notify: what is in the inbox, and what somebody wants to be told."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor, organisation_names
from lyceum.notify.kinds import CHANNELS, KINDS, Notice
from lyceum.notify.letters import page_url
from lyceum.notify.models import NoticePreferenceRow, NoticeRow, NoticeSettingsRow
from lyceum.notify.schemas import ChannelWish, KindWish, NoticeOut, Preferences
from lyceum.notify.service import person_of

_READER = text("SELECT email, display_name, locale FROM definer.reader_of_letters(:person)")


@dataclass(frozen=True, slots=True)
class LetterReader:
    """Where a person's letters go, and in which language."""

    email: str
    display_name: str
    locale: str


async def find_reader(tx: AsyncSession, user_id: UUID) -> LetterReader | None:
    """Return where a person's letters go; None for whoever is suspended or has no address that is known to be theirs."""
    row = (await tx.execute(_READER, {"person": user_id})).one_or_none()
    return LetterReader(row.email, row.display_name, row.locale) if row is not None else None


async def find_locale(tx: AsyncSession, user_id: UUID) -> str:
    """Return the locale of a person, empty where none is known."""
    reader = await find_reader(tx, user_id)
    return reader.locale if reader is not None else ""


async def list_notices(
    tx: AsyncSession, who: Actor, *, limit: int, before: UUID | None = None, unread: bool = False
) -> list[NoticeOut]:
    """Return the caller's notices of all organisations, newest first; two queries."""
    user_id = person_of(who)
    query = select(NoticeRow).where(NoticeRow.user_id == user_id, NoticeRow.in_inbox)
    if before is not None:
        query = query.where(NoticeRow.id < before)
    if unread:
        query = query.where(NoticeRow.read_at.is_(None))
    rows = (await tx.scalars(query.order_by(NoticeRow.id.desc()).limit(limit))).all()
    names = await organisation_names(tx, {row.org_id for row in rows if row.org_id is not None}, who=who)
    return [_as_notice(row, names.get(row.org_id) if row.org_id else None) for row in rows]


async def preferences_of(tx: AsyncSession, who: Actor) -> Preferences:
    """Return by which ways the caller is told what."""
    user_id = person_of(who)
    rows = await tx.scalars(select(NoticePreferenceRow).where(NoticePreferenceRow.user_id == user_id))
    said = {(row.kind, row.channel): row.wanted for row in rows}
    settings = await tx.get(NoticeSettingsRow, user_id)
    return Preferences(
        kinds=[_as_wish(kind, said) for kind in KINDS.values()],
        mail_pace=settings.mail_pace if settings else "at_once",
        zone=settings.zone if settings else "UTC",
        next_digest_at=settings.next_digest_at if settings else None,
    )


def _as_wish(kind: type[Notice], said: dict[tuple[str, str], bool]) -> KindWish:
    channels = [
        ChannelWish(
            channel=channel,
            wanted=channel in kind.always or said.get((kind.kind, channel), channel in kind.by_default),
            by_default=channel in kind.by_default,
            always=channel in kind.always,
        )
        for channel in CHANNELS
    ]
    return KindWish(kind=kind.kind, severity=kind.severity, channels=channels)


def _as_notice(row: NoticeRow, organisation: str | None) -> NoticeOut:
    known = KINDS.get(row.kind)
    return NoticeOut(
        id=row.id,
        kind=row.kind,
        data=row.data,
        severity=known.severity if known else "info",
        object_kind=row.object_kind,
        address=row.address,
        organisation=organisation,
        page=page_url(row.kind, row.data, hub="") if known else "/",
        created_at=row.created_at,
        read_at=row.read_at,
    )
