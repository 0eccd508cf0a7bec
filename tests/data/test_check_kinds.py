"""The kinds of checks as the API describes them."""

from typing import Any

import pytest
from fastapi import FastAPI

from fixtures.people import as_person
from lyceum.data.quality.engine.public import KINDS, checks_from_plain
from make.accounts import Member

VALUES: dict[str, Any] = {
    "text": "a",
    "number": 0.5,
    "whole_number": 3,
    "number_or_text": 2,
    "flag": True,
    "texts": ["a"],
    "values": [1, "x"],
    "expected_columns": [{"name": "a", "type": "integer"}],
}
SENSIBLE: dict[str, dict[str, Any]] = {
    "range": {"min": 1},
    "length": {"min": 1},
    "row_count": {"min": 1},
    "statistic": {"min": 1},
    "conditional": {"when": "a > 1", "then": "b < 2"},
    "expression": {"expression": "a > 1"},
    "referential": {"to": "main/other"},
    "outliers": {"column": "a", "robust_z_max": 6.0},
    "sql": {"query": "SELECT 1 FROM data"},
    "cross_column": {"right": "b"},
}


async def _described(app: FastAPI, member: Member) -> dict[str, dict[str, Any]]:
    async with as_person(app, member) as mine:
        answer = await mine.get("/api/v1/check-kinds")
    assert answer.status_code == 200, answer.text
    return {item["kind"]: item for item in answer.json()["items"]}


async def test_all_kinds_are_described_in_their_order_with_what_stands_beside_their_fields(
    app: FastAPI, member: Member
) -> None:
    kinds = await _described(app, member)
    assert list(kinds) == list(KINDS)
    not_null = kinds["not_null"]
    assert not_null["by_rows"] is True
    assert not_null["about"].startswith("No value of the column is missing")
    assert [field["name"] for field in not_null["fields"]] == ["column", "at_most_failing", "partition_by"]
    assert not_null["fields"][0] == {
        "name": "column",
        "type": "text",
        "required": True,
        "default": None,
        "choices": [],
        "names_columns": True,
        "about": "",
    }
    assert "tolerated share" in not_null["fields"][1]["about"]
    method = next(field for field in kinds["drift"]["fields"] if field["name"] == "method")
    assert (method["default"], method["choices"][0], method["type"]) == ("psi", "psi", "choice")
    assert kinds["row_count"]["by_rows"] is False


@pytest.mark.parametrize("kind", KINDS)
async def test_a_check_made_of_the_described_fields_is_one_the_engine_takes(
    app: FastAPI, member: Member, kind: str
) -> None:
    fields = (await _described(app, member))[kind]["fields"]
    plain: dict[str, Any] = {"kind": kind}
    for field in fields:
        if field["required"]:
            plain[field["name"]] = field["choices"][0] if field["choices"] else VALUES[field["type"]]
    [check] = checks_from_plain([plain | SENSIBLE.get(kind, {})])
    assert type(check) is KINDS[kind]
