"""Schemas that build on each other, over HTTP."""

import json

import httpx
import pytest

from fixtures.staffed import ok


@pytest.mark.deep
async def test_a_long_line_of_schemas_ends_with_a_refusal(client: httpx.AsyncClient) -> None:
    await ok(client.post("/schema-registry/subjects/R0/versions", json={"schema": record(0, "int")}))
    for number in range(1, 101):
        before = {"name": f"R{number - 1}", "subject": f"R{number - 1}", "version": 1}
        body = {"schema": record(number, before["name"]), "references": [before]}
        await ok(client.post(f"/schema-registry/subjects/R{number}/versions", json=body))
    last = {"name": "R100", "subject": "R100", "version": 1}
    body = {"schema": record(101, "R100"), "references": [last]}
    refused = await client.post("/schema-registry/subjects/R101/versions", json=body)
    assert (refused.status_code, refused.json()["error_code"]) == (422, 42201), refused.text


def record(number: int, kind: object) -> str:
    return json.dumps({"type": "record", "name": f"R{number}", "fields": [{"name": "f", "type": kind}]})
