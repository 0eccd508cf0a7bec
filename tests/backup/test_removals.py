"""Whoever removes a stored file that rows may name asks first; this list is where to think of it."""

import ast
from collections import Counter

from fixtures.servers import REPOSITORY

REMOVES = {"delete", "delete_below", "rename"}
THOUGHT_OF = {
    # asks with the row locked
    "src/lyceum/files/sweeping.py": 4,
    # what arrives, what was copied in vain and what is too large no row names
    "src/lyceum/files/service.py": 8,
    "src/lyceum/files/parts.py": 2,
    # asks, and no kept version reads what goes
    "src/lyceum/data/datasets/life/jobs.py": 1,
    # the one that asks
    "src/lyceum/kernel/holding.py": 3,
}
"""Files with the number of their removals, and why those cannot take a file from under a backup."""


def removals(text: str) -> int:
    """Return how often a program names a removal or a renaming of a `storage`, to call it or to have it called."""
    return sum(
        isinstance(node, ast.Attribute) and node.attr in REMOVES and "storage" in ast.unparse(node.value)
        for node in ast.walk(ast.parse(text))
    )


def test_every_removal_of_a_stored_file_was_thought_of() -> None:
    found = Counter(
        {
            path.relative_to(REPOSITORY).as_posix(): removals(path.read_text(encoding="utf-8"))
            for path in (REPOSITORY / "src").rglob("*.py")
            if not path.is_relative_to(REPOSITORY / "src" / "lyceum" / "backup")
        }
    )
    told = "ask kernel/holding.py before a file goes that a row may name, then count it here"
    assert {name: count for name, count in found.items() if count} == THOUGHT_OF, told
