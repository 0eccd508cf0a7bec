"""Every page is found from the README, and what pages link to is there."""

import re
from pathlib import Path

import pytest

from fixtures.servers import REPOSITORY

README = REPOSITORY / "README.md"
DOCS = REPOSITORY / "docs"
DECISIONS = DOCS / "decisions" / "README.md"
PAGES = sorted({*REPOSITORY.glob("*.md"), *DOCS.rglob("*.md"), REPOSITORY / "client" / "README.md"})
LINK = re.compile(r"\]\(([^()\s]+)\)")
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def links_of(page: Path) -> list[tuple[Path, str]]:
    """Return where the page's relative links lead: a file, and the part of it that is meant or nothing."""
    targets = LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))
    parts = [target.partition("#") for target in targets if "://" not in target]
    return [((page.parent / path).resolve() if path else page, anchor) for path, _, anchor in parts]


def anchors_of(page: Path) -> set[str]:
    """Return the names by which the page's headings are linked to."""
    headings = HEADING.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_and_the_list_of_decisions_name_every_page() -> None:
    named = {path for index in (README, DECISIONS) for path, _ in links_of(index)}
    assert set(DOCS.rglob("*.md")) - named == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    lost = [
        f"{path.relative_to(REPOSITORY)}#{anchor}"
        for path, anchor in links_of(page)
        if not path.exists() or (anchor and anchor not in anchors_of(path))
    ]
    assert lost == []
