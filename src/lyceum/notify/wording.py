"""The words of letters and notices, by language."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("en", "de")
FALLBACK = "en"

Facts = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class NoticeWords:
    """A notice in words: one line, what there is to say, and what the button is called."""

    title: str
    body: str
    button: str


class _Known(dict[str, str | int]):
    # a notice of an earlier release may lack a fact
    def __missing__(self, key: str) -> str:
        return "…"


def language_of(locale: str) -> str:
    """Return the language that comes nearest to a locale such as `de-AT`."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    return language if language in LANGUAGES else FALLBACK


@cache
def words_of(language: str) -> dict[str, Any]:
    """Return everything that is said in a language, as the file in `words/` has it."""
    text = files("lyceum.notify").joinpath("words", f"{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def notice_words(kind: str, facts: Facts, language: str) -> NoticeWords:
    """Return a notice in words; raises `KeyError` for a kind that this release does not know."""
    said = words_of(language)["notices"][kind]
    return NoticeWords(filled(said["title"], facts), filled(said["body"], facts), said["button"])


def filled(template: str, facts: Facts) -> str:
    """Return a sentence of ours with its facts, each on one line: they may be what somebody typed."""
    return template.format_map(_Known({name: one_line(fact) for name, fact in facts.items()}))


def one_line(text: str | int) -> str:
    """Return a text without line breaks and other control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
