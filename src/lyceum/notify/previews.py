"""Every letter with sample facts, for an administrator to look at."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import get_args

import msgspec

from lyceum.accounts.public import Letter, LetterKind
from lyceum.notify.errors import TemplateNotFound
from lyceum.notify.kinds import KINDS, Notice
from lyceum.notify.letters import (
    Reader,
    Rendered,
    digest_rendered,
    item_of,
    letter_rendered,
    notice_rendered,
    trial_rendered,
)
from lyceum.notify.wording import LANGUAGES

SAMPLES: dict[str, str | int] = {
    "about": "main/flights",
    "address": "main/flights",
    "asked_by": "Ada <ada@example.org>",
    "at": "2026-03-29 07:00 UTC",
    "dataset": "main/flights",
    "device": "Firefox on Linux",
    "file_name": "flights & weather.csv",
    "incidents": 3,
    "job_kind": "train.fit_model",
    "jobs": 3,
    "level": "critical",
    "metric": "ROC AUC",
    "most": "main/flights (3), main/weather (1)",
    "object_kind": "dataset",
    "oldest": "main/flights, late.in_set (2026-02-11)",
    "opened": 5,
    "overdue": 1,
    "path": "/datasets/main/flights",
    "place": "192.0.2.7",
    "reason": "Row 17 has 12 values where the header names 15 columns.",
    "resolved": 4,
    "role": "viewer",
    "run_id": "01890000-0000-7000-8000-000000000000",
    "score": "0.7701",
    "summary": "27 of 18,000 rows have no wind_speed",
    "target": "late",
    "unresolved": 2,
    "week": "2026-W13",
    "what": "password",
}
"""For every fact that any kind carries."""
_LETTERS = tuple(get_args(LetterKind))
_DIGESTS = ("daily", "weekly")


def names() -> Iterator[str]:
    """Yield the name of every letter."""
    yield from _LETTERS
    yield from KINDS
    yield from (f"digest_{pace}" for pace in _DIGESTS)
    yield "test"


def preview(name: str, language: str, *, hub: str) -> Rendered:
    """Return a letter with sample facts; raises `TemplateNotFound`."""
    if language not in LANGUAGES or name not in set(names()):
        raise TemplateNotFound(f"There is no letter {name!r} in the language {language!r}.")
    reader = Reader("Ada Lovelace", language, f"{hub}/unsubscribe?token=sample")
    if name in KINDS:
        may_refuse = "mail" not in KINDS[name].always
        shown = reader if may_refuse else Reader(reader.display_name, language)
        return notice_rendered(name, sample_of(KINDS[name]), shown, hub=hub)
    if name.startswith("digest_"):
        items = [item_of(kind, sample_of(KINDS[kind]), language, hub=hub) for kind in KINDS]
        return digest_rendered(items, reader, pace=name.removeprefix("digest_"), hub=hub)
    if name == "test":
        return trial_rendered(Reader(reader.display_name, language), hub=hub)
    expires_at = datetime(2026, 3, 29, 7, tzinfo=UTC)
    url = f"{hub}/verify?token=sample"
    letter = Letter(name, "ada@example.org", reader.display_name, url, expires_at, language)  # type: ignore[arg-type] # looked up
    return letter_rendered(letter, hub=hub)


def sample_of(kind: type[Notice]) -> dict[str, str | int]:
    """Return sample facts of a kind."""
    return {field.name: SAMPLES[field.name] for field in msgspec.structs.fields(kind)}
