"""A notice as a destination takes it: a message for Slack, an event for PagerDuty, signed JSON for everybody else."""

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import orjson

from lyceum.notify.kinds import KINDS
from lyceum.notify.letters import page_url
from lyceum.notify.wording import FALLBACK, notice_words, one_line
from lyceum.notify.work import Action

SLACK_TEXT_MAX = 2900
"""Of a section block Slack takes 3,000 characters."""
SLACK_HEADER_MAX = 150
PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
PAGERDUTY_SUMMARY_MAX = 1024
SIGNATURE_HEADER = "lyceum-signature"
TIMESTAMP_HEADER = "lyceum-timestamp"
ID_HEADER = "lyceum-id"
KIND_HEADER = "lyceum-kind"
_ROUTING_KEY = re.compile(r"[0-9A-Za-z]{32}")
_SEVERITY: dict[str, str] = {"info": "info", "warning": "warning", "critical": "critical"}
"""Of a notice that says itself how grave it is."""


class Secrets(msgspec.Struct, frozen=True):
    """What only the hub knows of a destination."""

    url: str
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A notice that an organisation has sent somewhere, in the language of the hub."""

    notice_id: UUID
    kind: str
    facts: dict[str, str | int]
    at: datetime
    organisation: str
    action: Action = "trigger"
    dedup_key: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request that is ready to be sent."""

    url: str = field(repr=False)
    content: bytes
    headers: dict[str, str] = field(repr=False)


def is_routing_key(text: str) -> bool:
    """Say whether a text could be an integration key of PagerDuty's Events API v2."""
    return _ROUTING_KEY.fullmatch(text) is not None


def for_slack(secrets: Secrets, told: Told, *, hub: str) -> Outgoing:
    """Return a message for an incoming webhook of Slack, with a plain text for notifications and blocks for the channel."""
    said = notice_words(told.kind, told.facts, FALLBACK)
    url = page_url(told.kind, told.facts, hub=hub)
    body = f"{_slack(said.body)}\n<{url}|{said.button}>"
    message = {
        "text": _slack(said.title)[:SLACK_TEXT_MAX],
        "blocks": [
            # plain text is shown as it is; marked text has three characters of its own
            {"type": "header", "text": {"type": "plain_text", "text": said.title[:SLACK_HEADER_MAX], "emoji": False}},
            {"type": "section", "text": {"type": "mrkdwn", "text": body[:SLACK_TEXT_MAX]}},
            {"type": "context", "elements": [{"type": "plain_text", "text": told.organisation, "emoji": False}]},
        ],
    }
    return _json(secrets.url, message)


def for_pagerduty(secrets: Secrets, told: Told, *, hub: str) -> Outgoing:
    """Return an event for PagerDuty's Events API v2; what is told again of the same object is the same alert there."""
    said = notice_words(told.kind, told.facts, FALLBACK)
    kind = KINDS[told.kind]
    if told.action != "trigger":
        # of these PagerDuty takes nothing but which alert it is about
        named = {"routing_key": secrets.secret, "event_action": told.action, "dedup_key": _dedup_key(told)}
        return _json(secrets.url, named)
    event = {
        "routing_key": secrets.secret,
        "event_action": "trigger",
        "dedup_key": _dedup_key(told),
        "client": "Lyceum",
        "client_url": hub,
        "links": [{"href": page_url(told.kind, told.facts, hub=hub), "text": said.button}],
        "payload": {
            "summary": one_line(f"{said.title}: {said.body}")[:PAGERDUTY_SUMMARY_MAX],
            "source": told.organisation,
            "severity": _SEVERITY.get(str(told.facts.get("level")), kind.severity),
            "timestamp": told.at.isoformat(),
            "component": told.kind,
            "custom_details": told.facts,
        },
    }
    return _json(secrets.url, event)


def for_webhook(secrets: Secrets, told: Told, *, hub: str, sent_at: int) -> Outgoing:
    """Return signed JSON. `sent_at` is in seconds since 1970 and is part of what is signed, so that nothing can be sent again."""
    said = notice_words(told.kind, told.facts, FALLBACK)
    content = orjson.dumps(
        {
            "id": str(told.notice_id),
            "kind": told.kind,
            "severity": _SEVERITY.get(str(told.facts.get("level")), KINDS[told.kind].severity),
            "organisation": told.organisation,
            "at": told.at.isoformat(),
            "title": said.title,
            "body": said.body,
            "url": page_url(told.kind, told.facts, hub=hub),
            "data": told.facts,
        }
    )
    signed = hmac.new(secrets.secret.encode(), f"{sent_at}.".encode() + content, hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/json",
        ID_HEADER: str(told.notice_id),
        KIND_HEADER: told.kind,
        TIMESTAMP_HEADER: str(sent_at),
        SIGNATURE_HEADER: f"sha256={signed}",
    }
    return Outgoing(secrets.url, content, headers)


def _dedup_key(told: Told) -> str:
    if told.dedup_key is not None:
        return told.dedup_key
    kind = KINDS[told.kind]
    about = str(told.facts[kind.object_at[1]]) if kind.object_at else str(told.notice_id)
    return hashlib.sha256(f"{told.organisation} {told.kind} {about}".encode()).hexdigest()


def _json(url: str, message: dict[str, Any]) -> Outgoing:
    return Outgoing(url, orjson.dumps(message), {"content-type": "application/json"})


def _slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
