"""What notify sends and takes over HTTP. Answers have no defaults, so that generated clients are exact."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from lyceum.notify.kinds import Channel

MailPace = Literal["at_once", "daily", "weekly", "never"]


class NoticeOut(BaseModel):
    """A notice: the reader's own words are made from `kind` and `data`. `page` is where it leads, below the public URL."""

    id: UUID
    kind: str
    data: dict[str, Any]
    severity: Literal["info", "warning", "critical"]
    object_kind: str | None
    address: str | None
    organisation: str | None
    page: str
    created_at: datetime
    read_at: datetime | None


class InboxPage(BaseModel):
    """A page of notices, newest first; `next` goes into `cursor` for the page after, null when there is none."""

    items: list[NoticeOut]
    next: str | None


class InboxCount(BaseModel):
    """How many notices are unread; 100 stands for that many and more."""

    unread: int


class ReadNotices(BaseModel):
    """Which notices have been read: some, or all up to one."""

    model_config = ConfigDict(extra="forbid")

    ids: list[UUID] = Field(default_factory=list, max_length=200)
    up_to: UUID | None = None


class UnreadNotices(BaseModel):
    """Which notices are to be read yet."""

    model_config = ConfigDict(extra="forbid")

    ids: list[UUID] = Field(min_length=1, max_length=200)


class ChannelWish(BaseModel):
    """Whether a kind comes by a channel; `always` where that cannot be turned off."""

    channel: Channel
    wanted: bool
    by_default: bool
    always: bool


class KindWish(BaseModel):
    """The channels of one kind of notice."""

    kind: str
    severity: Literal["info", "warning", "critical"]
    channels: list[ChannelWish]


class Preferences(BaseModel):
    """By which ways somebody is told what, how often by mail, and where their days begin."""

    kinds: list[KindWish]
    mail_pace: MailPace
    zone: str
    next_digest_at: datetime | None


class PreferenceChange(BaseModel):
    """What somebody wants otherwise from now on; what is not named goes by default."""

    model_config = ConfigDict(extra="forbid")

    kinds: dict[str, dict[Channel, bool]] = Field(default_factory=dict, max_length=100)
    mail_pace: MailPace = "at_once"
    zone: str = Field(default="UTC", max_length=64)


class UnsubscribeWish(BaseModel):
    """The token of a letter's link."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(min_length=1, max_length=400)


class Unsubscribed(BaseModel):
    """Of which kind no more letters come; `*` for all that may be left out, and then how often they came before."""

    kind: str
    mail_pace: MailPace | None


class ResubscribeWish(UnsubscribeWish):
    """The token of a letter's link, and for all letters how often they are to come again."""

    mail_pace: MailPace | None = None


class LetterTemplate(BaseModel):
    """A letter with sample facts; its HTML is at `html_path`."""

    name: str
    language: str
    subject: str
    text: str
    html_path: str


class LetterTemplates(BaseModel):
    """Every letter in every language."""

    templates: list[LetterTemplate]


class MailTrial(BaseModel):
    """Where the trial letter goes; without it to the administrator's own address."""

    model_config = ConfigDict(extra="forbid")

    to: str | None = Field(default=None, max_length=254)


class MailTrialDone(BaseModel):
    """The mail server took the letter."""

    to: str
    server: str
    seconds: float


class PushKey(BaseModel):
    """The key by which a push service knows this hub (VAPID), as browsers take it."""

    public_key: str


class NewPushKeys(BaseModel):
    """A browser's keys, as `PushSubscription.toJSON()` has them."""

    model_config = ConfigDict(extra="forbid")

    p256dh: str = Field(max_length=120)
    auth: str = Field(max_length=40)


class NewPushSubscription(BaseModel):
    """A browser to push to, as `PushSubscription.toJSON()` has it."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str = Field(max_length=2000)
    keys: NewPushKeys
    device: str = Field(default="", max_length=200)


class PushSubscriptionOut(BaseModel):
    """A browser that is pushed to; `service` is the host of its maker."""

    id: UUID
    service: str
    device: str
    created_at: datetime


class PushSubscriptions(BaseModel):
    """The caller's browsers, newest first."""

    subscriptions: list[PushSubscriptionOut]


class NewDestination(BaseModel):
    """Where an organisation wants notices sent.

    `url` is that of a Slack incoming webhook, or of a webhook of your own; PagerDuty takes the `routing_key` of an Events API v2
    integration, and a `url` only where its service has another address, as in the EU.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["slack", "pagerduty", "webhook"]
    name: str = Field(min_length=1, max_length=100)
    url: str | None = Field(default=None, max_length=2000)
    routing_key: str | None = Field(default=None, max_length=100)
    notice_kinds: list[str] = Field(min_length=1, max_length=50)


class Destination(BaseModel):
    """A destination without its secrets; `last_error` is that of the last try, null when it went well."""

    id: UUID
    kind: Literal["slack", "pagerduty", "webhook"]
    name: str
    host: str
    notice_kinds: list[str]
    created_at: datetime
    last_sent_at: datetime | None
    last_error: str | None


class DestinationMade(Destination):
    """A new destination; the secret by which a webhook's receiver checks signatures is shown this once, null for others."""

    secret: str | None


class DestinationPage(BaseModel):
    """A page of destinations, newest first, and the kinds of notices that can be sent to any."""

    items: list[Destination]
    notice_kinds: list[str]
    next: str | None


class DestinationTried(BaseModel):
    """What the destination answered to the trial."""

    status: int
    seconds: float
