"""Columns that hold what identifies people are found by their values, and others are left alone."""

import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lyceum.data.quality.engine.personal import PersonalKind, find_personal


def kinds_in(**columns: list[str] | list[int] | list[str | None]) -> dict[str, str]:
    frame = pl.DataFrame(columns)
    return {found.name: found.kind for found in find_personal(frame.lazy(), rows=frame.height)}


def luhn_digit(digits: str) -> str:
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[::-2])
    return str(-(doubled + sum(int(digit) for digit in digits[-2::-2])) % 10)


def iban_of(country: str, account: str) -> str:
    number = int("".join(str(int(char, 36)) for char in account + country + "00"))
    return f"{country}{98 - number % 97:02}{account}"


CARDS = st.from_regex(r"\A4[0-9]{14}\Z").map(lambda digits: digits + luhn_digit(digits))
ACCOUNTS = st.from_regex(r"\A[0-9]{18}\Z").map(lambda account: iban_of("DE", account))


@given(st.lists(CARDS, min_size=1, max_size=20))
def test_card_numbers_are_found_however_they_are_grouped(cards: list[str]) -> None:
    grouped = [" ".join(card[at : at + 4] for at in range(0, 16, 4)) for card in cards]
    dashed = [card.replace(" ", "-") for card in grouped]
    whole = [int(card) for card in cards]
    assert set(kinds_in(a=cards, b=grouped, c=dashed, d=whole).values()) == {PersonalKind.CARD}
    assert len(kinds_in(a=cards, b=grouped, c=dashed, d=whole)) == 4


@given(st.lists(ACCOUNTS, min_size=1, max_size=20), st.integers(0, 9))
def test_account_numbers_are_found_and_with_other_check_digits_are_none(accounts: list[str], other: int) -> None:
    spaced = [" ".join(account[at : at + 4] for at in range(0, 22, 4)) for account in accounts]
    assert kinds_in(a=accounts, b=spaced) == {"a": PersonalKind.IBAN, "b": PersonalKind.IBAN}
    wrong = [f"DE{(int(account[2:4]) + 1 + other) % 100:02}{account[4:]}" for account in accounts]
    assert kinds_in(a=wrong) == {}


def test_numbers_of_as_many_digits_are_no_cards() -> None:
    chance = random.Random(7)
    numbers = [chance.randrange(4 * 10**15, 5 * 10**15) for _ in range(500)]
    assert kinds_in(order=numbers, text=[str(number) for number in numbers]) == {}


@pytest.mark.parametrize(
    "values, kind",
    [
        (["ada@example.org", "grace.hopper+x@mail.example.co.uk", None], PersonalKind.EMAIL),
        (["+49 30 1234567", "0049 (0)30/1234567", "030 1234567"], PersonalKind.PHONE),
        (["write to ada@example.org, please", "nothing", "or to bo@example.org"], PersonalKind.EMAIL),
    ],
)
def test_what_is_written_to_be_reached_is_found_whatever_the_column_is_called(
    values: list[str | None], kind: PersonalKind
) -> None:
    assert kinds_in(x=values) == {"x": kind}


@pytest.mark.parametrize("name", ["first_name", "lastName", "Full Name", "customer_name", "Nachname", "patient"])
def test_names_are_found_where_the_column_says_so(name: str) -> None:
    assert kinds_in(**{name: ["Ada Lovelace", "Ludwig van Beethoven", "Émilie O'Brien", "Ng"]}) == {
        name: PersonalKind.NAME
    }


def test_numbers_are_phone_numbers_where_the_column_says_so() -> None:
    assert kinds_in(phone=[4930123456, 4930765432], mobile_nr=["555-0100 22", "555-0101 22"]) == {
        "phone": PersonalKind.PHONE,
        "mobile_nr": PersonalKind.PHONE,
    }
    assert kinds_in(customer=[4930123456, 4930765432]) == {}


@pytest.mark.parametrize(
    "column",
    [
        {"city": ["New York", "San Francisco", "Berlin"]},
        {"day": ["01.02.2024", "03.04.2024"]},
        {"phone": ["2024-01-01", "2024-02-01"]},
        {"amount": ["0.123456", "0.654321"]},
        {"id": ["0012345", "0012346"]},
        {"version": ["v1@2", "a@b"]},
        {"name": ["Widget", "Gadget"]},
        {"first_name": ["12", "abc", "x9"]},
        {"empty": [None, None]},
        {"blank": [" ", ""]},
    ],
)
def test_what_only_resembles_it_is_left_alone(column: dict[str, list[str | None]]) -> None:
    assert kinds_in(**column) == {}


def test_few_addresses_among_many_texts_are_found_and_the_reason_holds_no_value() -> None:
    texts = ["all is well"] * 990 + ["ask ada@example.org"] * 10
    frame = pl.DataFrame({"note": texts})
    [found] = find_personal(frame.lazy(), rows=frame.height)
    assert (found.kind, found.fraction, found.reason) == (
        PersonalKind.EMAIL,
        0.01,
        "1% of its texts have e-mail addresses in them.",
    )


def test_of_a_large_table_every_so_manieth_row_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lyceum.data.quality.engine.personal.SCANNED_ROWS_MAX", 100)
    frame = pl.DataFrame({"x": ["nobody"] * 500 + ["ada@example.org"] * 500})
    frame.write_parquet(tmp_path / "x.parquet")
    [found] = find_personal(pl.scan_parquet(tmp_path / "x.parquet"), rows=1000)
    assert found.fraction == 0.5
