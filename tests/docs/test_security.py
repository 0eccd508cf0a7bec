"""The pages about security name tests that exist, and every place where a rule of security is off."""

import re
from collections import Counter
from pathlib import Path

import asvs

from fixtures.servers import REPOSITORY

EXEMPTION = re.compile(r"# noqa: ((?:[A-Z]+\d+(?:, )?)+)")
ROW = re.compile(r"\| `([^`]+)` \| (S\d+) \| (\d+) \| (.+) \|")


def test_the_table_is_what_its_file_says_and_holds_every_requirement_once() -> None:
    requirements = asvs.read_requirements()
    assert asvs.main(["--check"]) == 0
    # of release 5.0.0: 70 of level 1 and 183 more of level 2
    assert Counter(requirement.level for requirement in requirements) == {1: 70, 2: 183}
    assert len({requirement.number for requirement in requirements}) == len(requirements)
    assert {requirement.state for requirement in requirements} <= asvs.STATES.keys()
    assert all(requirement.where for requirement in requirements)


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
