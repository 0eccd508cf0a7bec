"""The pages about security name tests that exist, and every place where a rule of security is off."""

import re
from collections import Counter
from pathlib import Path

import asvs

from fixtures.servers import REPOSITORY

EXEMPTION = re.compile(r"# noqa: ((?:[A-Z]+\d+(?:, )?)+)")
MET_BY_WHAT_THERE_IS_NOT = {
    "1.2.9": "no regular expression is built from what users send",
    "1.3.10": "no format string comes from users",
    "1.4.1": "the language, and libraries in child processes",
    "3.7.1": "no browser plug-in is used",
    "4.1.2": "the hub redirects nothing to https",
    "6.2.10": "passwords do not expire",
    "6.4.2": "there are no password hints or secret questions",
    "11.2.3": "the algorithms in use",
    "12.3.2": "what the clients do by themselves",
}
"""Requirements that nothing shows: what they ask for is that something is not there, or a choice."""
ROW = re.compile(r"\| `([^`]+)` \| (S\d+) \| (\d+) \| (.+) \|")


def test_the_table_is_what_its_file_says_and_holds_every_requirement_once() -> None:
    requirements = asvs.read_requirements()
    assert asvs.main(["--check"]) == 0
    # of release 5.0.0: 70 of level 1 and 183 more of level 2
    assert Counter(requirement.level for requirement in requirements) == {1: 70, 2: 183}
    assert len({requirement.number for requirement in requirements}) == len(requirements)
    assert {requirement.state for requirement in requirements} <= asvs.STATES.keys()
    assert all(requirement.where for requirement in requirements)


def test_what_is_met_is_shown_by_something() -> None:
    by_nothing = {
        requirement.number
        for requirement in asvs.read_requirements()
        if requirement.state == "met" and not requirement.shown_by
    }
    assert by_nothing == MET_BY_WHAT_THERE_IS_NOT.keys()


def test_every_test_and_page_it_names_exists() -> None:
    missing = []
    for requirement in asvs.read_requirements():
        path, _, name = requirement.shown_by.partition("::")
        if (path and not (REPOSITORY / path).is_file()) or (
            name and not re.search(rf"^(async )?def {re.escape(name)}\(", (REPOSITORY / path).read_text(), re.MULTILINE)
        ):
            missing.append(requirement.shown_by)
    assert missing == []


def test_every_place_where_a_rule_of_security_is_off_is_explained() -> None:
    used: Counter[tuple[str, str]] = Counter()
    for folder in ("src", "client/src"):
        for file in (REPOSITORY / folder).rglob("*.py"):
            for codes in EXEMPTION.findall(file.read_text(encoding="utf-8")):
                place = str(file.relative_to(REPOSITORY))
                used.update((place, code) for code in codes.split(", ") if re.fullmatch(r"S\d+", code))
    page = Path(REPOSITORY / "docs" / "security-exceptions.md").read_text(encoding="utf-8")
    explained = {(file, code): int(times) for file, code, times, _ in ROW.findall(page)}
    assert explained == dict(used)
