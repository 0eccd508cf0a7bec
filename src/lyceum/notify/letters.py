"""Letters as they are sent: a subject, a text, and the same as HTML, in the reader's language."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from lyceum.accounts.public import Letter
from lyceum.notify.kinds import KINDS
from lyceum.notify.wording import Facts, filled, language_of, notice_words, one_line, words_of

DIGEST_ITEMS_MAX = 30
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A letter in words."""

    subject: str
    text: str
    html: str
    language: str


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a letter is for; `unsubscribe_url` is where they say that they want no more of its kind."""

    display_name: str
    locale: str
    unsubscribe_url: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One notice in a letter of several."""

    title: str
    body: str
    url: str


@dataclass(frozen=True, slots=True)
class _Page:
    subject: str
    lines: Sequence[str]
    button: str
    url: str
    note: str = ""
    expires: str = ""
    items: Sequence[Item] = ()


def letter_rendered(letter: Letter, *, hub: str) -> Rendered:
    """Return a letter of accounts, most of which hold a one-time link. `hub` is the address people type, without a trailing slash."""
    language = language_of(letter.locale)
    words = words_of(language)
    said = words["letters"][letter.kind]
    page = _Page(
        subject=said["subject"],
        lines=said["lines"],
        button=said["button"],
        url=letter.url,
        note=said["note"],
        expires=filled(said.get("expires", words["layout"]["expires"]), {"expires_at": _moment(letter.expires_at)}),
    )
    return _rendered(page, Reader(letter.display_name, letter.locale), hub=hub)


def trial_rendered(reader: Reader, *, hub: str) -> Rendered:
    """Return the letter by which an administrator sees that mail goes out."""
    said = words_of(language_of(reader.locale))["letters"]["test"]
    return _rendered(_Page(said["subject"], said["lines"], said["button"], f"{hub}/", said["note"]), reader, hub=hub)


def notice_rendered(kind: str, facts: Facts, reader: Reader, *, hub: str) -> Rendered:
    """Return a notice as a letter; raises `KeyError` for a kind that this release does not know."""
    said = notice_words(kind, facts, language_of(reader.locale))
    return _rendered(_Page(said.title, [said.body], said.button, page_url(kind, facts, hub=hub)), reader, hub=hub)


def digest_rendered(items: Sequence[Item], reader: Reader, *, pace: str, hub: str) -> Rendered:
    """Return several notices as one letter; the first `DIGEST_ITEMS_MAX` are listed."""
    words = words_of(language_of(reader.locale))["digest"]
    count = str(len(items)) if len(items) <= DIGEST_ITEMS_MAX else f"{DIGEST_ITEMS_MAX}+"
    page = _Page(
        subject=filled(words[f"subject_{pace}"], {"count": count}),
        lines=[words["line"]],
        button=words["button"],
        url=f"{hub}/inbox",
        note=f"… {words['more']}" if len(items) > DIGEST_ITEMS_MAX else "",
        items=items[:DIGEST_ITEMS_MAX],
    )
    return _rendered(page, reader, hub=hub)


def item_of(kind: str, facts: Facts, locale: str, *, hub: str) -> Item:
    """Return a notice as one of several in a letter; raises `KeyError` for a kind that this release does not know."""
    said = notice_words(kind, facts, language_of(locale))
    return Item(said.title, said.body, page_url(kind, facts, hub=hub))


def page_url(kind: str, facts: Facts, *, hub: str) -> str:
    """Return where a notice leads in the web app; what was typed by somebody stays inside the hub's own paths."""
    path = KINDS[kind].page
    for name, fact in facts.items():
        path = path.replace(f"{{{name}}}", quote(str(fact), safe="/"))
    return f"{hub}/{path.lstrip('/')}"


def _rendered(page: _Page, reader: Reader, *, hub: str) -> Rendered:
    language = language_of(reader.locale)
    layout = words_of(language)["layout"]
    name = one_line(reader.display_name)
    shown: dict[str, Any] = {
        "language": language,
        "greeting": filled(layout["greeting"], {"display_name": name}) if name else layout["greeting_nobody"],
        "sent_by": filled(layout["sent_by"], {"hub": hub}),
        "layout": layout,
        "page": replace(page, subject=one_line(page.subject)),
        "settings_url": f"{hub}/settings/notifications",
        "unsubscribe_url": reader.unsubscribe_url,
    }
    text = _templates.get_template("letter.txt").render(shown)
    html = _templates.get_template("letter.html").render(shown)
    return Rendered(one_line(page.subject), text, html, language)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} {at.tzname() or ''}".strip()
