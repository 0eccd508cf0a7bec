"""No copyleft ships, and what comes inside wheels is known."""

import re
from pathlib import Path

import pytest
from licences import LEFT_OUT_OF_BUNDLES, Package, fault_of, faults, is_permissive

SOURCES = Path(__file__).resolve().parents[2] / "src"


def package(*, licence: str, name: str = "something", libraries: tuple[str, ...] = ()) -> Package:
    return Package(name=name, version="1.0", licence=licence, ships=True, libraries=libraries)


@pytest.mark.parametrize(
    "licence, permissive",
    [
        ("MIT", True),
        ("MIT AND Apache-2.0", True),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND (GPL-2.0-only OR BSD-3-Clause)", True),
        ("MIT AND GPL-2.0-only", False),
        ("(MIT OR GPL-2.0-only) AND AGPL-3.0-only", False),
        ("LGPL-3.0-only", False),
        ("SSPL-1.0", False),
        ("My Own Licence", False),
    ],
)
def test_one_side_of_or_is_enough_and_both_of_and_are_needed(licence: str, permissive: bool) -> None:  # noqa: FBT001 - a table
    assert is_permissive(licence) is permissive


@pytest.mark.parametrize("licence", ["GPL-3.0-only", "AGPL-3.0-only", "SSPL-1.0", "LGPL-3.0-only", "MPL-2.0"])
def test_copyleft_is_refused_unless_it_is_listed(licence: str) -> None:
    assert f"is under {licence}" in (fault_of(package(licence=licence)) or "")


def test_a_listed_package_is_allowed_the_licence_it_is_listed_with_alone() -> None:
    assert fault_of(package(name="psycopg", licence="LGPL-3.0-only")) is None
    assert fault_of(package(name="orjson", licence="MPL-2.0 AND (Apache-2.0 OR MIT)")) is None
    assert fault_of(package(name="psycopg", licence="GPL-3.0-only")) is not None
    assert fault_of(package(name="psycopg", licence="LGPL-3.0-only AND GPL-3.0-only")) is not None


def test_a_package_that_does_not_say_is_refused() -> None:
    assert "does not say its licence" in (fault_of(package(licence="")) or "")


def test_a_library_nobody_looked_up_is_refused() -> None:
    (fault,) = faults([package(name="numpy", licence="MIT", libraries=("libgfortran", "libsurprise"))])
    assert "numpy 1.0 brings libsurprise" in fault


def test_a_program_that_is_left_out_of_bundles_is_run_nowhere() -> None:
    left_out = set(re.findall(r"bin/(\w+)\$", " ".join(LEFT_OUT_OF_BUNDLES.values())))
    assert left_out == {"psql"}
    words = {word for file in SOURCES.rglob("*.py") for word in re.findall(r"\w+", file.read_text(encoding="utf-8"))}
    assert left_out & words == set()
