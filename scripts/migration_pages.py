"""Write the tables of counterparts into the pages on migrating, or check that they are what the code does.

    python scripts/migration_pages.py [--check]

Each row is made by converting: the left column is what is given, the right one what came of it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lyceum.data.quality.ascode.check_files import plain_of
from lyceum.data.quality.ascode.great_expectations import EXPECTATIONS, from_great_expectations
from lyceum.data.quality.ascode.imported import Imported, usable
from lyceum.data.quality.ascode.soda import SODA_CHECKS, from_soda

HOWTO = Path(__file__).resolve().parent.parent / "docs" / "howto"
BEGIN, END = "<!-- made by scripts/migration_pages.py -->\n", "<!-- end -->"
KWARGS: dict[str, Any] = {
    "column": "a",
    "column_A": "a",
    "column_B": "b",
    "column_list": ["a", "b"],
    "column_set": ["a", "b"],
    "min_value": 1,
    "max_value": 9,
    "value": 3,
    "value_set": ["x", "y"],
    "regex": "^x",
    "regex_list": ["^x", "y$"],
    "like_pattern": "x%",
    "type_": "integer",
    "type_list": ["int", "bigint"],
    "sum_total": 10,
}
SODA: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("missing", "column", {}),
    ("missing", "column", {"missing_values": ["n/a"]}),
    ("missing", "column", {"threshold": {"metric": "percent", "must_be_less_than": 5}}),
    ("invalid", "column", {"valid_values": ["x", "y"]}),
    ("invalid", "column", {"invalid_values": ["x"]}),
    ("invalid", "column", {"valid_min": 1, "valid_max": 9}),
    ("invalid", "column", {"valid_min_length": 1, "valid_max_length": 9}),
    ("invalid", "column", {"valid_format": {"regex": "^x", "name": "x"}}),
    ("invalid", "column", {"valid_reference_data": {"dataset": "pg/shop/public/customers", "column": "id"}}),
    ("duplicate", "column", {}),
    ("duplicate", "table", {"columns": ["a", "b"]}),
    ("row_count", "table", {"threshold": {"must_be_between": {"greater_than_or_equal": 1, "less_than_or_equal": 9}}}),
    ("schema", "table", {}),
    ("freshness", "table", {"column": "at", "threshold": {"unit": "hour", "must_be_less_than": 24}}),
    ("aggregate", "column", {"function": "avg", "threshold": {"must_be_between": {"greater_than_or_equal": 1}}}),
    ("duplicate", "column", {"threshold": {"must_be": 0, "level": "warn"}}),
)


def in_one_line(plain: Any) -> str:
    """Return something plain as YAML in one line, for a cell of a table."""
    text = yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
    return f"`{text.strip().replace('|', '&#124;')}`"


def became(imported: Imported) -> str:
    """Return what came of a conversion; raises SystemExit where nothing did."""
    checks, left_out = usable(imported)
    if left_out or not checks:
        sys.exit(f"{left_out} has no counterpart, and the table says that it has.")
    return "<br>".join(in_one_line(plain_of(check)) for check in checks)


def of_great_expectations() -> Iterator[str]:
    """Yield the table's lines."""
    yield from ("| expectation | check |", "|---|---|")
    for name in EXPECTATIONS:
        suite = {"expectations": [{"type": name, "kwargs": KWARGS}]}
        yield f"| `{name}` | {became(from_great_expectations(json.dumps(suite)))} |"


def of_soda() -> Iterator[str]:
    """Yield the table's lines."""
    if missing := set(SODA_CHECKS) - {name for name, _, _ in SODA}:
        sys.exit(f"The table has no row for {', '.join(sorted(missing))}.")
    yield from ("| contract | check |", "|---|---|")
    for name, holder, body in SODA:
        check = {name: body or None}
        columns = [{"name": "a", "data_type": "varchar"}, {"name": "b", "data_type": "integer"}]
        if holder == "column":
            contract: dict[str, Any] = {"dataset": "d", "columns": [{**columns[0], "checks": [check]}]}
        else:
            contract = {"dataset": "d", "columns": columns, "checks": [check]}
        text = yaml.safe_dump(contract)
        where = "" if holder == "column" else " (table)"
        given = in_one_line(check) if body else f"`{name}`"
        yield f"| {given}{where} | {became(from_soda(text, file_name='contract.yaml'))} |"


def main(arguments: list[str]) -> None:
    """Write or check the pages; exits with the pages that are not what the code does."""
    old = []
    for name, lines in (
        ("migrate-from-great-expectations.md", of_great_expectations()),
        ("migrate-from-soda.md", of_soda()),
    ):
        page = HOWTO / name
        text = page.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        new = f"{before}{BEGIN}{chr(10).join(lines)}\n{END}{after}"
        if new != text:
            old.append(name)
            if "--check" not in arguments:
                page.write_text(new, encoding="utf-8")
    if "--check" in arguments and old:
        sys.exit(f"{', '.join(old)}: run scripts/migration_pages.py.")


if __name__ == "__main__":
    main(sys.argv[1:])
