"""Which columns of a table hold what identifies people: found by how values look, and for names by what a column is called.

At most `SCANNED_ROWS_MAX` rows are looked at, every n-th of the table. A column is marked where at least half of its values
are of one kind, or where addresses stand within some of its texts. What looks like a kind is held against its check digits
where it has some: cards against Luhn's (ISO/IEC 7812-1), IBAN against ISO 7064 mod 97-10 and the length its country has
(ISO 13616). Phone numbers and names have none, so that they need a second sign: a leading plus or a column's name.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import polars as pl

SCANNED_ROWS_MAX = 100_000
JUDGED_VALUES_MAX = 2_000
"""Distinct values of a column that are held against check digits."""
OF_VALUES_MIN = 0.5
WITHIN_VALUES_MIN = 0.01
WITHIN_COUNT_MIN = 2
CARD_DIGITS = range(13, 20)
PHONE_DIGITS = range(7, 16)


class PersonalKind(StrEnum):
    """What a column tells of people."""

    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    IBAN = "iban"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class PersonalColumn:
    """A column that seems to hold what identifies people."""

    name: str
    kind: PersonalKind
    fraction: float
    """Of the values looked at, 0 to 1."""
    reason: str
    """For a person: what was seen. It holds no value."""


_EMAIL = r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,24}"
_NAME = "\\p{Lu}[\\p{L}\\p{M}'\u2019.-]*"
_LOOKS = {
    PersonalKind.EMAIL: rf"^{_EMAIL}$",
    PersonalKind.IBAN: r"^[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]){11,30}$",
    PersonalKind.CARD: r"^[2-6](?:[ -]?[0-9]){12,18}$",
    PersonalKind.PHONE: r"^(?:\+[0-9()/. -]{6,24}|\(?0[0-9)]*[()/. -][0-9()/. -]{4,22})$",
    PersonalKind.NAME: rf"^{_NAME}(?:,? (?:(?:de|del|der|di|da|la|le|van|von|zu|bin|al|y|e) )*{_NAME}){{0,4}}$",
}
_WORDS = {
    PersonalKind.PHONE: "phone telephone tel mobile cell cellphone fax telefon handy mobil rufnummer",
    PersonalKind.NAME: (
        "firstname lastname surname forename givenname familyname fullname middlename maidenname vorname nachname"
        " patient customername contactname personname employeename"
    ),
}
"""What names of columns say, joined or as words of their own."""
_IBAN_LENGTHS = {
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE",), 16),
    **dict.fromkeys(("DK", "FI", "FK", "FO", "GL", "NL", "SD"), 18),
    **dict.fromkeys(("MK", "SI"), 19),
    **dict.fromkeys(("AT", "BA", "EE", "KZ", "LT", "LU", "MN", "XK"), 20),
    **dict.fromkeys(("CH", "HR", "LI", "LV"), 21),
    **dict.fromkeys(("BG", "BH", "CR", "DE", "GB", "GE", "IE", "ME", "RS", "VA"), 22),
    **dict.fromkeys(("AE", "GI", "IL", "IQ", "OM", "SO", "TL"), 23),
    **dict.fromkeys(("AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"), 24),
    **dict.fromkeys(("LY", "PT", "ST"), 25),
    **dict.fromkeys(("IS", "TR"), 26),
    **dict.fromkeys(("BI", "DJ", "FR", "GR", "IT", "MC", "MR", "SM"), 27),
    **dict.fromkeys(("AL", "AZ", "BY", "CY", "DO", "GT", "HN", "HU", "LB", "NI", "PL", "SV"), 28),
    **dict.fromkeys(("BR", "EG", "PS", "QA", "UA"), 29),
    **dict.fromkeys(("JO", "KW", "MU", "YE"), 30),
    **dict.fromkeys(("MT", "SC"), 31),
    **dict.fromkeys(("LC",), 32),
    **dict.fromkeys(("RU",), 33),
}
"""Characters of an IBAN by country, from the registry of ISO 13616."""


def find_personal(table: pl.LazyFrame, *, rows: int) -> tuple[PersonalColumn, ...]:
    """Return the columns of a table of `rows` rows that seem to hold what identifies people, in its order.

    Of columns of texts all kinds are looked for; of whole numbers, cards, and phone numbers where their name says so.
    """
    schema = table.collect_schema()
    looked_at = [name for name, kind in schema.items() if kind == pl.String or kind.is_integer()]
    if not looked_at or not rows:
        return ()
    every = -(-rows // SCANNED_ROWS_MAX)
    sample = table.select(looked_at).gather_every(every).collect(engine="streaming")
    found = (_kind_of(sample[name]) for name in looked_at)
    return tuple(column for column in found if column is not None)


def _kind_of(column: pl.Series) -> PersonalColumn | None:
    is_text = column.dtype == pl.String
    values = column.drop_nulls().cast(pl.String).str.strip_chars()
    values = values.filter(values != "")
    if values.is_empty():
        return None
    for kind in PersonalKind if is_text else (PersonalKind.CARD, PersonalKind.PHONE):
        fraction = _fraction(values, kind, column.name, is_text=is_text)
        if fraction >= OF_VALUES_MIN:
            return PersonalColumn(column.name, kind, fraction, f"{_share(fraction)} of its values {_ARE[kind]}.")
    within = values.str.contains(_EMAIL).sum() if is_text else 0
    if within >= max(WITHIN_COUNT_MIN, WITHIN_VALUES_MIN * len(values)):
        fraction = float(within / len(values))
        reason = f"{_share(fraction)} of its texts have e-mail addresses in them."
        return PersonalColumn(column.name, PersonalKind.EMAIL, fraction, reason)
    return None


def _fraction(values: pl.Series, kind: PersonalKind, name: str, *, is_text: bool) -> float:
    """Return the share of values that are of the kind."""
    named = _is_named(name, kind)
    if kind is PersonalKind.NAME and not named:
        return 0.0
    if kind is PersonalKind.PHONE and named:
        looks = values.str.contains(r"^\+?[0-9()/. -]{7,24}$")
    elif kind is PersonalKind.PHONE and not is_text:
        return 0.0
    else:
        looks = values.str.contains(_LOOKS[kind])
    share = float(looks.mean() or 0)  # type: ignore[arg-type]
    if share < OF_VALUES_MIN or kind not in _JUDGES:
        return share
    # the same value again says nothing more of whether the column holds such
    likely = values.filter(looks).unique(maintain_order=True).head(JUDGED_VALUES_MAX).to_list()
    return share * sum(map(_JUDGES[kind], likely)) / len(likely)


def _is_named(name: str, kind: PersonalKind) -> bool:
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name))]
    known = set(_WORDS.get(kind, "").split())
    return bool(known & {*words, *(first + second for first, second in pairwise(words))})


def _is_card(text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()]
    if len(digits) not in CARD_DIGITS or len(set(digits)) == 1:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(text: str) -> bool:
    written = text.replace(" ", "").upper()
    if len(written) != _IBAN_LENGTHS.get(written[:2]):
        return False
    return int("".join(str(int(char, 36)) for char in written[4:] + written[:4])) % 97 == 1


def _is_phone(text: str) -> bool:
    # a date or an amount is no number to call
    return sum(map(str.isdigit, text)) in PHONE_DIGITS and not re.fullmatch(
        r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4}|\d+\.\d+", text
    )


_JUDGES: dict[PersonalKind, Callable[[str], bool]] = {
    PersonalKind.CARD: _is_card,
    PersonalKind.IBAN: _is_iban,
    PersonalKind.PHONE: _is_phone,
}
_ARE = {
    PersonalKind.EMAIL: "are e-mail addresses",
    PersonalKind.PHONE: "look like phone numbers",
    PersonalKind.CARD: "are card numbers with the right check digit",
    PersonalKind.IBAN: "are account numbers (IBAN) with the right check digits",
    PersonalKind.NAME: "look like names, as the column's name says",
}


def _share(fraction: float) -> str:
    return f"{fraction:.0%}" if fraction >= 0.01 else "Less than 1%"
