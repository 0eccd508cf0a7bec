"""Write the table of docs/security.md from docs/asvs.csv: each requirement of OWASP ASVS 5.0, levels 1 and 2.

    .venv/bin/python scripts/asvs.py [--check]

With `--check` nothing is written, and it fails where the page is not what the file says. Standard library only.
"""

import csv
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "docs" / "asvs.csv"
PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- table: scripts/asvs.py -->", "<!-- end of table -->"
STATES = {
    "met": "met",
    "part": "met in part",
    "operator": "by whoever runs the hub",
    "not met": "not met yet",
    "n/a": "does not apply",
}
CHAPTERS = {
    1: "Encoding and sanitisation",
    2: "Validation and business logic",
    3: "Web frontend",
    4: "API and web service",
    5: "Files",
    6: "Authentication",
    7: "Sessions",
    8: "Authorisation",
    9: "Self-contained tokens",
    10: "OAuth and OIDC",
    11: "Cryptography",
    12: "Communication",
    13: "Configuration",
    14: "Data protection",
    15: "Coding and architecture",
    16: "Logging and errors",
    17: "WebRTC",
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """What is said of one requirement; `shown_by` is a test (`file` or `file::name`), a page, or nothing."""

    number: str
    level: int
    state: str
    where: str
    shown_by: str

    @property
    def chapter(self) -> int:
        """The chapter it stands in."""
        return int(self.number.split(".")[0])


def read_requirements(source: Path = SOURCE) -> list[Requirement]:
    """Return the rows of the file in its order."""
    with source.open(encoding="utf-8", newline="") as file:
        return [
            Requirement(row["requirement"], int(row["level"]), row["state"], row["where"], row["shown_by"])
            for row in csv.DictReader(file)
        ]


def table_of(requirements: list[Requirement]) -> str:
    """Return the tables in Markdown, one a chapter, behind one that counts."""
    counts = Counter(requirement.state for requirement in requirements)
    lines = ["| state | requirements |", "|---|---|"]
    lines += [f"| {said} | {counts[state]} |" for state, said in STATES.items()]
    for chapter, title in CHAPTERS.items():
        lines += ["", f"### V{chapter} {title}", "", "| requirement | level | state | where, or why not | shown by |"]
        lines += ["|---|---|---|---|---|"]
        lines += [_row(requirement) for requirement in requirements if requirement.chapter == chapter]
    return "\n".join(lines)


def page_with(table: str, page: str) -> str:
    """Return the page with the table between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Write or check the page; return the exit code."""
    page = PAGE.read_text(encoding="utf-8")
    wanted = page_with(table_of(read_requirements()), page)
    if "--check" not in arguments:
        PAGE.write_text(wanted, encoding="utf-8")
    elif page != wanted:
        print("docs/security.md is not what docs/asvs.csv says; run scripts/asvs.py.", file=sys.stderr)
        return 1
    return 0


def _row(requirement: Requirement) -> str:
    shown = f"`{requirement.shown_by}`" if requirement.shown_by else ""
    cells = (requirement.number, str(requirement.level), STATES[requirement.state], requirement.where, shown)
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
