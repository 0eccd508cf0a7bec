"""Forms that many texts have: addresses, identifiers, days and times as text, and the shape of codes."""

from dataclasses import dataclass

import polars as pl

TEXTS_LOOKED_AT_MAX = 10_000
SHAPES_MAX = 10
SHAPE_CHARS_MAX = 40
SHARE_MIN = 0.5
"""A form is told of where so many of the texts have it."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form by its pattern, and what texts that have it are called."""

    pattern: str
    plural: str
    is_of_time: bool = False


@dataclass(frozen=True, slots=True)
class TextPattern:
    """What share of the texts looked at has a form, by the form's name."""

    name: str
    fraction: float
    is_of_time: bool


@dataclass(frozen=True, slots=True)
class TextShape:
    """How many of the texts looked at have a shape: `A` for a capital, `a` for a small letter, `9` for a digit."""

    shape: str
    count: int


PATTERNS: dict[str, Form] = {
    "uuid": Form(r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$", "UUIDs"),
    "email": Form(r"^[^@\s]+@[^@\s]+\.[^@\s.]+$", "e-mail addresses"),
    "url": Form(r"^https?://[^\s]+$", "web addresses"),
    "ipv4": Form(
        r"^(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3}$", "addresses of IP version 4"
    ),
    "mac": Form(r"^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$", "MAC addresses"),
    "iso_timestamp": Form(
        r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[T ]([01][0-9]|2[0-3]):[0-5][0-9]"
        r"(:[0-5][0-9](\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?$",
        "times written as 2024-12-31T23:59:59",
        is_of_time=True,
    ),
    "iso_date": Form(
        r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$", "days written as 2024-12-31", is_of_time=True
    ),
    "day_first_date": Form(
        r"^(0?[1-9]|[12][0-9]|3[01])[./-](0?[1-9]|1[0-2])[./-][0-9]{4}$", "days written as 31.12.2024", is_of_time=True
    ),
    "month_first_date": Form(
        r"^(0?[1-9]|1[0-2])/(0?[1-9]|[12][0-9]|3[01])/[0-9]{4}$", "days written as 12/31/2024", is_of_time=True
    ),
    "compact_date": Form(
        r"^(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$", "days written as 20241231", is_of_time=True
    ),
    "time_of_day": Form(
        r"^([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$", "times of day written as 23:59", is_of_time=True
    ),
    "digits": Form(r"^[0-9]+$", "made of digits alone"),
}
"""By name, the more particular first: of those that equally many texts have, the first is told first."""


def patterns_of(texts: pl.Series) -> tuple[tuple[TextPattern, ...], tuple[TextShape, ...]]:
    """Return the forms that at least half of the texts have, the most frequent first, and their most frequent shapes."""
    if texts.is_empty():
        return (), ()
    held = texts.to_frame("text").select(
        pl.col("text").str.contains(form.pattern).mean().alias(name) for name, form in PATTERNS.items()
    )
    shares = {name: float(share) for name, share in held.row(0, named=True).items() if share >= SHARE_MIN}
    found = [TextPattern(name, share, PATTERNS[name].is_of_time) for name, share in shares.items()]
    found.sort(key=lambda each: -each.fraction)
    return tuple(found), _shapes(texts)


def _shapes(texts: pl.Series) -> tuple[TextShape, ...]:
    shaped = (
        texts.str.head(SHAPE_CHARS_MAX)
        .str.replace_all(r"\p{Lu}", "A")
        .str.replace_all(r"[\p{L}--\p{Lu}]", "a")
        .str.replace_all(r"\p{Nd}", "9")
    )
    counted = shaped.value_counts(sort=True, name="count").head(SHAPES_MAX)
    if counted.is_empty() or counted["count"][0] < len(texts) // 20:
        # free text has no shape
        return ()
    return tuple(TextShape(shape, count) for shape, count in counted.iter_rows())
