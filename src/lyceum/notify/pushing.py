"""Browsers that are pushed to: they come, they are told, and they go when their push service says that they are gone."""

import hashlib
from typing import Any
from uuid import UUID

import msgspec
import orjson
from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum.accounts.public import Actor
from lyceum.kernel.config import Settings
from lyceum.kernel.db import NOBODY
from lyceum.kernel.ids import new_id
from lyceum.kernel.jobs.handlers import JobRun
from lyceum.kernel.jobs.queue import enqueue
from lyceum.kernel.outward import Outward
from lyceum.kernel.resources import Resources
from lyceum.kernel.security import Sealer
from lyceum.kernel.tx import aside, transaction
from lyceum.notify.errors import PushAway, PushRefused, SubscriptionInvalid, SubscriptionNotFound
from lyceum.notify.kinds import KINDS
from lyceum.notify.letters import page_url
from lyceum.notify.mailing import sender_of
from lyceum.notify.models import PushSubscriptionRow
from lyceum.notify.queries import find_locale
from lyceum.notify.schemas import NewPushSubscription, PushSubscriptionOut
from lyceum.notify.service import person_of
from lyceum.notify.web_push import PLAIN_BYTES_MAX, BrowserKeys, HubKey, encrypted, from_base64
from lyceum.notify.wording import language_of, notice_words, one_line
from lyceum.notify.work import PushNotice, PushToBrowser

SUBSCRIPTIONS_MAX = 20
"""Of one person; the oldest goes when another comes."""
KEPT_BY_SERVICE_SECONDS = 24 * 3600
"""How long a push service keeps a message for a browser that is not open."""
_SEALED_AS = "push subscription"
_KEY_NAME = "vapid"
_GONE = frozenset({404, 410})
_URGENCY = {"info": "normal", "warning": "normal", "critical": "high"}

_SECRET = text("SELECT definer.hub_secret(:name)")
_KEEP_SECRET = text("SELECT definer.hub_secret_keep(:name, :sealed)")
_DROP_SECRET = text("SELECT definer.hub_secret_drop(:name, :sealed)")
_FREE = text("SELECT definer.push_endpoint_free(:digest, :person)")
_OF_PERSON = text("SELECT definer.push_subscriptions_of(:person)")
_ONE = text("SELECT user_id, sealed FROM definer.push_subscription(:id)")
_END = text("SELECT definer.push_subscription_end(:id)")
_NOTICE = text("SELECT id, user_id, kind, data, read_at FROM definer.notice_to_send(:notice)")


class _Subscription(msgspec.Struct, frozen=True):
    endpoint: str
    p256dh: str
    auth: str


async def hub_key(resources: Resources) -> HubKey:
    """Return the hub's key for push services; it is made at the first question and kept sealed, the same for all processes."""
    async with aside(resources.database, NOBODY) as tx:
        sealed = await tx.scalar(_SECRET, {"name": _KEY_NAME})
    secret = resources.sealer.opened("hub secret", _KEY_NAME, sealed) if sealed is not None else None
    if secret is not None:
        return HubKey(secret)
    fresh = resources.sealer.seal("hub secret", _KEY_NAME, HubKey.new_secret())
    async with aside(resources.database, NOBODY) as tx:
        if sealed is not None:
            # sealed with another key of the hub; whoever subscribed with it has to do so again
            await tx.execute(_DROP_SECRET, {"name": _KEY_NAME, "sealed": sealed})
        await tx.execute(_KEEP_SECRET, {"name": _KEY_NAME, "sealed": fresh})
    return await hub_key(resources)


async def subscribe(tx: AsyncSession, who: Actor, sealer: Sealer, wanted: NewPushSubscription) -> PushSubscriptionOut:
    """Have a browser pushed to; one that is known already has its keys replaced, and is nobody else's any more.

    Raises `SubscriptionInvalid` and `AddressRefused`.
    """
    user_id = person_of(who)
    address = Outward().checked(wanted.endpoint)
    if address.scheme != "https":
        raise SubscriptionInvalid("The endpoint of a push subscription starts with https://.")
    BrowserKeys.of_text(wanted.keys.p256dh, wanted.keys.auth)
    digest = hashlib.sha256(wanted.endpoint.encode()).digest()
    await tx.execute(_FREE, {"digest": digest, "person": user_id})
    secret = msgspec.json.encode(_Subscription(wanted.endpoint, wanted.keys.p256dh, wanted.keys.auth))
    values = {
        "service": address.host,
        "device": one_line(wanted.device),
        "sealed": sealer.seal(_SEALED_AS, user_id.hex, secret),
    }
    statement = insert(PushSubscriptionRow).values(id=new_id(), user_id=user_id, endpoint_digest=digest, **values)
    known = statement.on_conflict_do_update(index_elements=["endpoint_digest"], set_=values)
    row = (await tx.scalars(known.returning(PushSubscriptionRow))).one()
    newest = (
        select(PushSubscriptionRow.id)
        .where(PushSubscriptionRow.user_id == user_id)
        .order_by(PushSubscriptionRow.id.desc())
        .limit(SUBSCRIPTIONS_MAX)
    )
    mine = delete(PushSubscriptionRow).where(PushSubscriptionRow.user_id == user_id)
    await tx.execute(mine.where(PushSubscriptionRow.id.not_in(newest)))
    return as_subscription(row)


async def list_subscriptions(tx: AsyncSession, who: Actor) -> list[PushSubscriptionOut]:
    """Return the caller's browsers, newest first; there are never more than `SUBSCRIPTIONS_MAX`."""
    mine = select(PushSubscriptionRow).where(PushSubscriptionRow.user_id == person_of(who))
    rows = await tx.scalars(mine.order_by(PushSubscriptionRow.id.desc()).limit(SUBSCRIPTIONS_MAX))
    return [as_subscription(row) for row in rows]


async def unsubscribe_browser(tx: AsyncSession, who: Actor, subscription_id: UUID) -> None:
    """Push to a browser of the caller no more; raises `SubscriptionNotFound`."""
    mine = PushSubscriptionRow.user_id == person_of(who)
    gone = delete(PushSubscriptionRow).where(PushSubscriptionRow.id == subscription_id, mine)
    if await tx.scalar(gone.returning(PushSubscriptionRow.id)) is None:
        raise SubscriptionNotFound(f"You have no browser {subscription_id} that is pushed to.")


def as_subscription(row: PushSubscriptionRow) -> PushSubscriptionOut:
    """Return a browser as its owner sees it."""
    return PushSubscriptionOut(id=row.id, service=row.service, device=row.device, created_at=row.created_at)


async def push_notice(run: JobRun, args: PushNotice) -> dict[str, int]:
    """Have a notice pushed to each of its reader's browsers, unless they have read it by now; return to how many."""
    async with transaction(run.resources.database, NOBODY) as tx:
        notice = (await tx.execute(_NOTICE, {"notice": args.notice_id})).one_or_none()
        if notice is None or notice.read_at is not None:
            return {"browsers": 0}
        browsers = list(await tx.scalars(_OF_PERSON, {"person": notice.user_id}))
        for browser in browsers:
            wanted = PushToBrowser(notice_id=notice.id, subscription_id=browser)
            await enqueue(tx, wanted, dedup_key=f"push:{notice.id}:{browser}", of_hub=True)
    return {"browsers": len(browsers)}


async def push_to_browser(run: JobRun, args: PushToBrowser) -> dict[str, bool]:
    """Push a notice to one browser; one that is gone is forgotten. Raises `PushAway` and `PushRefused`, and of `Outward`."""
    resources = run.resources
    async with transaction(resources.database, NOBODY) as tx:
        notice = (await tx.execute(_NOTICE, {"notice": args.notice_id})).one_or_none()
        browser = (await tx.execute(_ONE, {"id": args.subscription_id})).one_or_none()
        locale = await find_locale(tx, browser.user_id) if browser is not None else ""
    if notice is None or browser is None or notice.user_id != browser.user_id or notice.kind not in KINDS:
        return {"pushed": False}
    opened = resources.sealer.opened(_SEALED_AS, browser.user_id.hex, browser.sealed)
    subscription = msgspec.json.decode(opened, type=_Subscription) if opened is not None else None
    if subscription is None:
        return await _end(run, args.subscription_id)
    keys = BrowserKeys(from_base64(subscription.p256dh), from_base64(subscription.auth))
    key = await hub_key(resources)
    answer = await Outward.configured(resources.settings).ask(
        "POST",
        subscription.endpoint,
        headers={
            "authorization": key.authorization(subscription.endpoint, contact=_contact(resources.settings)),
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(KEPT_BY_SERVICE_SECONDS),
            "urgency": _URGENCY[KINDS[notice.kind].severity],
        },
        content=encrypted(_message(notice, locale, resources.settings), keys),
        redirects_max=0,
    )
    if answer.status in _GONE:
        return await _end(run, args.subscription_id)
    if answer.status == 429 or answer.status >= 500:
        raise PushAway(f"The push service takes nothing just now: it answered {answer.status}.")
    if answer.status >= 300:
        raise PushRefused(f"The push service does not take this message: it answered {answer.status}.")
    return {"pushed": True}


async def _end(run: JobRun, subscription_id: UUID) -> dict[str, bool]:
    async with transaction(run.resources.database, NOBODY) as tx:
        await tx.execute(_END, {"id": subscription_id})
    return {"pushed": False}


def _message(notice: Any, locale: str, settings: Settings) -> bytes:
    said = notice_words(notice.kind, notice.data, language_of(locale))
    message = {
        "id": str(notice.id),
        "kind": notice.kind,
        "title": said.title,
        "body": said.body,
        "url": page_url(notice.kind, notice.data, hub=settings.base_url),
    }
    while len(plain := orjson.dumps(message)) > PLAIN_BYTES_MAX:
        longest = max(("title", "body", "url"), key=lambda part: len(message[part]))
        message[longest] = (
            f"{message[longest][: len(message[longest]) // 2]}…" if longest != "url" else settings.base_url
        )
    return plain


def _contact(settings: Settings) -> str:
    url = settings.base_url
    return url if url.startswith("https://") else f"mailto:{sender_of(settings).addr_spec}"
