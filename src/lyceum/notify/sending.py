"""The jobs that send letters: of one-time links, of single notices, and of what has gathered for a digest."""

import hashlib
from uuid import UUID

from sqlalchemy import text

from lyceum.accounts import public as accounts
from lyceum.accounts.events import LetterWanted
from lyceum.kernel.db import NOBODY
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.tx import transaction
from lyceum.notify.kinds import KINDS
from lyceum.notify.letters import (
    Reader,
    digest_rendered,
    item_of,
    letter_rendered,
    notice_rendered,
)
from lyceum.notify.mailing import message_of, send
from lyceum.notify.queries import find_reader
from lyceum.notify.unsubscribing import EVERY_KIND, links_for
from lyceum.notify.work import MailDigest, MailNotice, SendLetter

_NOTICE = text("SELECT id, user_id, kind, data, mailed_at FROM definer.notice_to_send(:notice)")
_GATHERED = text("SELECT id, kind, data FROM definer.digest_of(:person, :at_most)")
_MAILED = text("SELECT definer.notices_mailed(:ids)")

GATHERED_MAX = 500
"""Of one digest, which lists the newest of them."""

Sent = dict[str, bool]


async def want_letter(run: JobRun, event: LetterWanted) -> None:
    """Have the letter of a link sent, with more patience than an event's delivery has."""
    async with transaction(run.resources.database, run.scope) as tx:
        await enqueue(tx, SendLetter(link_id=event.link_id), dedup_key=f"letter:{event.link_id}", of_hub=True)


async def send_letter(run: JobRun, args: SendLetter) -> Sent:
    """Send the letter of a link that still works. Raises what `mailing.send` raises."""
    settings = run.resources.settings
    async with transaction(run.resources.database, NOBODY) as tx:
        letter = await accounts.letter_of(tx, args.link_id, resources=run.resources)
    if letter is None or settings.mail_url is None:
        return {"sent": False}
    rendered = letter_rendered(letter, hub=settings.base_url)
    # not the link's own id, of which its secret is made
    ident = f"letter-{hashlib.sha256(args.link_id.bytes).hexdigest()[:32]}"
    await send(message_of(rendered, settings, to=letter.to, display_name=letter.display_name, ident=ident), settings)
    return {"sent": True}


async def mail_notice(run: JobRun, args: MailNotice) -> Sent:
    """Send a notice that has not been sent yet. Raises what `mailing.send` raises."""
    settings = run.resources.settings
    async with transaction(run.resources.database, NOBODY) as tx:
        notice = (await tx.execute(_NOTICE, {"notice": args.notice_id})).one_or_none()
        reader = await find_reader(tx, notice.user_id) if notice is not None else None
    if notice is None or reader is None or notice.mailed_at or settings.mail_url is None or notice.kind not in KINDS:
        return {"sent": False}
    may_refuse = "mail" not in KINDS[notice.kind].always
    links = links_for(settings, notice.user_id, notice.kind) if may_refuse else None
    shown = Reader(reader.display_name, reader.locale, links.page if links else None)
    rendered = notice_rendered(notice.kind, notice.data, shown, hub=settings.base_url)
    message = message_of(
        rendered,
        settings,
        to=reader.email,
        display_name=reader.display_name,
        ident=f"notice-{notice.id}",
        unsubscribe=links.one_click if links else None,
    )
    await send(message, settings)
    await _note_mailed(run, [notice.id])
    return {"sent": True}


async def mail_digest(run: JobRun, args: MailDigest) -> Sent:
    """Send what has gathered for a person, if there is anything. Raises what `mailing.send` raises."""
    settings = run.resources.settings
    async with transaction(run.resources.database, NOBODY) as tx:
        values = {"person": args.user_id, "at_most": GATHERED_MAX}
        gathered = [row for row in await tx.execute(_GATHERED, values) if row.kind in KINDS]
        reader = await find_reader(tx, args.user_id)
    if not gathered or reader is None or settings.mail_url is None:
        return {"sent": False}
    links = links_for(settings, args.user_id, EVERY_KIND)
    items = [item_of(row.kind, row.data, reader.locale, hub=settings.base_url) for row in gathered]
    shown = Reader(reader.display_name, reader.locale, links.page)
    message = message_of(
        digest_rendered(items, shown, pace=args.pace, hub=settings.base_url),
        settings,
        to=reader.email,
        display_name=reader.display_name,
        ident=f"digest-{gathered[0].id}",
        unsubscribe=links.one_click,
    )
    await send(message, settings)
    await _note_mailed(run, [row.id for row in gathered])
    return {"sent": True}


async def _note_mailed(run: JobRun, ids: list[UUID]) -> None:
    async with transaction(run.resources.database, NOBODY) as tx:
        await tx.execute(_MAILED, {"ids": ids})
