"""Which changes each of the seven modes allows, where a subject has three versions."""

import json
from typing import Any

import httpx
from fastapi import FastAPI

from fixtures.app import client_of
from fixtures.staffed import ok
from make.accounts import Member

MODES = (
    *("NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD"),
    *("FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"),
)
A: dict[str, Any] = {"name": "a", "type": "int"}
B: dict[str, Any] = {"name": "b", "type": "long"}
C: dict[str, Any] = {"name": "c", "type": "int", "default": 0}
HISTORY = ([A, B], [A], [A, C])
"""Only the oldest version knows `b`, so that only those see it who look at all of them."""


# what comes as the fourth version, and the modes that allow it
FOURTH: dict[str, tuple[list[dict[str, Any]], set[str]]] = {
    "b comes back as it was, with a default": ([A, C, B | {"default": 0}], set(MODES)),
    "b comes back as a text: nobody reads it as a long, and no long is read as one": (
        [A, C, {"name": "b", "type": "string", "default": ""}],
        {"NONE", "BACKWARD", "FORWARD", "FULL"},
    ),
    "b comes back narrower: who knew it reads it, but what it was is not read": (
        [A, C, {"name": "b", "type": "int", "default": 0}],
        {"NONE", "BACKWARD", "FORWARD", "FORWARD_TRANSITIVE", "FULL"},
    ),
    "without b, which who knew it needs": (
        [A, {"name": "d", "type": "int", "default": 0}],
        {"NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FULL"},
    ),
    "with what no version has a value for": (
        [A, C, B, {"name": "d", "type": "int"}],
        {"NONE", "FORWARD", "FORWARD_TRANSITIVE"},
    ),
    "without what every version needs": ([C], {"NONE", "BACKWARD", "BACKWARD_TRANSITIVE"}),
    "with another type of what every version needs": ([{"name": "a", "type": "string"}, C], {"NONE"}),
}


def _schema(fields: list[dict[str, Any]]) -> dict[str, str]:
    return {"schema": json.dumps({"type": "record", "name": "Reading", "fields": fields})}


async def _allowing(client: httpx.AsyncClient, subject: str) -> dict[str, set[str]]:
    """Return for each schema that could be the fourth the modes under which it could."""
    allowing: dict[str, set[str]] = {what: set() for what in FOURTH}
    for mode in MODES:
        await ok(client.put(f"/schema-registry/config/{subject}", json={"compatibility": mode}))
        for what, (fields, _) in FOURTH.items():
            path = f"/schema-registry/compatibility/subjects/{subject}/versions"
            if (await ok(client.post(path, json=_schema(fields))))["is_compatible"]:
                allowing[what].add(mode)
    return allowing


async def test_each_mode_compares_with_the_versions_and_in_the_directions_that_its_name_says(
    app: FastAPI, member: Member
) -> None:
    async with client_of(app, key=member.key) as client:
        await ok(client.put("/schema-registry/config/readings", json={"compatibility": "NONE"}))
        versions = "/schema-registry/subjects/readings/versions"
        for fields in HISTORY:
            await ok(client.post(versions, json=_schema(fields)))
        assert await ok(client.get(versions)) == [1, 2, 3]
        assert await _allowing(client, "readings") == {what: modes for what, (_, modes) in FOURTH.items()}

        # registering goes by the same, and says so
        text = FOURTH["b comes back as a text: nobody reads it as a long, and no long is read as one"][0]
        refused = await client.post(versions, json=_schema(text))
        assert (refused.status_code, refused.json()["error_code"]) == (409, 409)
        # a version that was deleted is none to compare with
        await ok(client.delete(f"{versions}/1"))
        await ok(client.post(versions, json=_schema(text)))
        assert await ok(client.get(versions)) == [2, 3, 4]
