"""How delimiters and decimal marks are told apart, and which moments are moments."""

import pytest

from fixtures.staged_tables import Stage, column, profile_of, rows_of, types_of
from lyceum.data.datasets.reading.public import ReadingLimits


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(stage: Stage, mark: str) -> None:
    staged = stage(f'name{mark}note\nAnn{mark}"a{mark}b"\nBob{mark}c, d\n' if mark != "," else 'name,note\nAnn,"a,b"\n')
    assert staged.delimiter == mark
    assert rows_of(staged)[0] == ("Ann", f"a{mark}b")


def test_decimal_commas_do_not_pass_for_delimiters(stage: Stage) -> None:
    staged = stage("a;b;c\n" + "1,5;2,5;3,5\n" * 50)
    assert staged.delimiter == ";"
    assert rows_of(staged)[0] == (1.5, 2.5, 3.5)


@pytest.mark.parametrize("values", [("1,5", "9.5"), ("1,5", "1,234", "9.5"), ("1e5", "9.5", "2,25")])
def test_commas_and_points_in_one_column_stay_text(stage: Stage, values: tuple[str, ...]) -> None:
    staged = stage("x;y\n" + "".join(f"{value};a\n" for value in values))
    assert [row[0] for row in rows_of(staged)] == list(values)
    assert staged.notes == ("Column 'x' holds numbers with commas and numbers with decimal points; kept as text.",)


def test_commas_that_may_mark_thousands_stay_text(stage: Stage) -> None:
    staged = stage("x;y\n1,234;a\n567;a\n-12,345;a\n")
    assert [row[0] for row in rows_of(staged)] == ["1,234", "567", "-12,345"]
    assert staged.notes == (
        "Column 'x' holds numbers such as 1,234, whose comma may mark thousands or decimals; kept as text.",
    )


@pytest.mark.parametrize("telling", ["1,5", "0,125", "1234,567"])
def test_one_comma_that_can_only_be_decimal_tells_what_all_are_and_is_noted(stage: Stage, telling: str) -> None:
    staged = stage(f"x;y\n1,234;a\n{telling};a\n7;a\n")
    assert [row[0] for row in rows_of(staged)] == [1.234, float(telling.replace(",", ".")), 7.0]
    assert staged.notes == ("Column 'x' is read with decimal commas, so 1,5 is one and a half.",)


def test_decimals_after_numbers_beyond_64_bits_make_all_of_them_decimals(stage: Stage) -> None:
    values = ["12345678901234567890"] * 500 + ["2.5"] * 500
    staged = stage(column(*values), limits=ReadingLimits(block_bytes=1024, cell_bytes_max=512))
    assert [row[0] for row in rows_of(staged)] == [float(value) for value in values]


@pytest.mark.parametrize(
    "moment", ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+02:00", "0001-01-01 00:30 +01:00"]
)
def test_moments_that_no_calendar_of_four_digits_holds_stay_text(stage: Stage, moment: str) -> None:
    staged = stage(column("2024-01-01T00:00:00Z", moment))
    assert [row[0] for row in rows_of(staged)] == ["2024-01-01T00:00:00Z", moment]
    assert staged.notes[-1] == "Column 'x' holds moments outside the years 1 to 9999 in UTC; kept as text."
    assert profile_of(staged).column("x").distinct == 2


@pytest.mark.parametrize("value", ["0000-01-01", "0000-01-01 10:00"])
def test_the_year_zero_stays_text(stage: Stage, value: str) -> None:
    staged = stage(column("2024-01-01", value))
    assert rows_of(staged) == [("2024-01-01",), (value,)]


def test_the_first_and_the_last_moment_of_the_calendar_are_profiled(stage: Stage) -> None:
    staged = stage(column("0001-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"))
    assert types_of(staged) == ["timestamp_utc"]
    found = profile_of(staged).column("x")
    assert (found.min, found.max) == ("0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59.999999+00:00")


@pytest.mark.parametrize(
    "content,rows",
    [
        ("Name;Preis, netto\nAnn;1,5\nBob;2,5\nEve;10,25\n", [("Ann", 1.5), ("Bob", 2.5), ("Eve", 10.25)]),
        ("Ort;Wert, a;Wert, b\nRom;1,5;2,5\nBern;3,5;4,5\n", [("Rom", 1.5, 2.5), ("Bern", 3.5, 4.5)]),
        ("id,tags;more\n1,a;b\n2,c;d\n", [(1, "a;b"), (2, "c;d")]),
        ("n\tv, w\n1\t1,5\n2\t2,5\n", [(1, 1.5), (2, 2.5)]),
    ],
)
def test_of_two_delimiters_that_fit_the_one_that_gives_values_is_taken(
    stage: Stage, content: str, rows: list[tuple[object, ...]]
) -> None:
    assert rows_of(stage(content)) == rows


def test_decimal_commas_in_every_column_without_a_header_are_numbers(stage: Stage) -> None:
    assert rows_of(stage("1,5;2,5;3,5\n2,5;3,5;4,5\n", has_header=False)) == [(1.5, 2.5, 3.5), (2.5, 3.5, 4.5)]


@pytest.mark.parametrize("text", ["Ann Smith", "10:30"])
@pytest.mark.parametrize("delimiter", [None, ","])
def test_one_column_of_texts_with_spaces_or_colons_is_one_column(
    stage: Stage, text: str, delimiter: str | None
) -> None:
    staged = stage(f"full{text[-3]}name\n" + f"{text}\n" * 3, delimiter=delimiter)
    assert rows_of(staged) == [(text,)] * 3
    assert staged.notes[0] == "Only one column was found; name the delimiter if there should be more."


def test_a_named_delimiter_that_cuts_nothing_is_taken_and_remarked_on(stage: Stage) -> None:
    staged = stage("a;b\n1;2\n", delimiter=",")
    assert rows_of(staged) == [("1;2",)]
    assert staged.notes[0] == "Only one column was found when split at commas; split at semicolons there would be 2."
