"""The registry over HTTP: numbers, aliases, archiving, artefacts, and who may do what."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from fixtures.app import client_of, rows_of
from fixtures.query_count import counted_queries, rows_looked_at
from fixtures.rights import Ask, each, statuses
from fixtures.servers import TestDatabase
from fixtures.staffed import ok
from lyceum.kernel.config import Settings
from make.accounts import Member, make_member
from make.data import make_dataset, make_version
from make.serve import make_registered
from make.train import make_run

_MORE_VERSIONS = """
    INSERT INTO model_versions (id, org_id, model_id, number, operation_id, format, artifact_path, artifact_sha256,
                                artifact_bytes, signature, parity, origin)
    SELECT gen_random_uuid(), org_id, model_id, n, gen_random_uuid(), format, artifact_path, artifact_sha256,
           artifact_bytes, signature, parity, origin
    FROM model_versions, generate_series(2, 1000) n
"""
_MORE_MODELS = """
    INSERT INTO models (id, org_id, name) SELECT gen_random_uuid(), org_id, 'other-' || n
    FROM models, generate_series(1, 1000) n
"""


@pytest.fixture
async def client(app: FastAPI, member: Member) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the test's own organisation."""
    async with client_of(app, key=member.key) as opened:
        yield opened


def _finished_run(database: TestDatabase, owner: Member) -> str:
    dataset_id, _ = make_dataset(database, owner)
    return str(make_run(database, owner, make_version(database, owner, dataset_id)))


async def test_a_run_becomes_the_champion_of_a_new_model(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    run_id = _finished_run(database, member)
    version = await ok(client.post(f"/api/v1/runs/{run_id}/register", json={"name": "Delays"}), 201)
    address = f"{member.org_name}/Delays"
    assert (version["model"], version["number"], version["format"]) == (address, 1, "onnx")
    assert version["parity"]["within_tolerance"] is True
    assert version["origin"]["run_id"] == run_id
    assert version["endpoint"] == f"/api/v1/models/{address}@1/predict"
    model = await ok(client.get(f"/api/v1/models/{member.org_name}/delays"))
    assert (model["address"], model["latest_version"], model["aliases"]) == (address, 1, {"champion": 1})
    assert await ok(client.get(f"/api/v1/models/{address}/versions/1")) == version


async def test_registering_again_returns_the_same_version(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    path = f"/api/v1/runs/{_finished_run(database, member)}/register"
    answers = await asyncio.gather(*(ok(client.post(path, json={"name": "delays"}), 201) for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["number"] == 1


async def test_runs_registered_at_once_are_numbered_without_a_gap(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    runs = [_finished_run(database, member) for _ in range(6)]
    made = await asyncio.gather(
        *(ok(client.post(f"/api/v1/runs/{run_id}/register", json={"name": "delays"}), 201) for run_id in runs)
    )
    assert sorted(version["number"] for version in made) == [1, 2, 3, 4, 5, 6]
    model = await ok(client.get(f"/api/v1/models/{member.org_name}/delays"))
    assert model["latest_version"] == 6
    listed = (await ok(client.get(f"/api/v1/models/{member.org_name}/delays/versions")))["items"]
    assert len(listed) == 6


async def test_a_run_may_be_registered_with_several_models(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    path = f"/api/v1/runs/{_finished_run(database, member)}/register"
    for name in ("delays", "delays-eu"):
        version = await ok(client.post(path, json={"name": name, "alias": None}), 201)
        assert (version["model"], version["number"]) == (f"{member.org_name}/{name}", 1)
    assert (await ok(client.get(f"/api/v1/models/{member.org_name}/delays")))["aliases"] == {}


@pytest.mark.parametrize("name", ["a/b", "-a", "a b", "ä", ".", "a@b"])
async def test_a_name_no_address_can_hold_is_refused(
    client: httpx.AsyncClient, member: Member, database: TestDatabase, name: str
) -> None:
    path = f"/api/v1/runs/{_finished_run(database, member)}/register"
    answer = await client.post(path, json={"name": name})
    assert (answer.status_code, answer.json()["code"]) == (422, "model_name_invalid")


@pytest.mark.parametrize("alias", ["latest", "3", "Champion", "a b", "-x", ""])
async def test_an_alias_that_is_none_is_refused_and_nothing_is_registered(
    client: httpx.AsyncClient, member: Member, database: TestDatabase, alias: str
) -> None:
    path = f"/api/v1/runs/{_finished_run(database, member)}/register"
    answer = await client.post(path, json={"name": "delays", "alias": alias})
    assert (answer.status_code, answer.json()["code"]) == (422, "model_name_invalid")
    assert (await client.get(f"/api/v1/models/{member.org_name}/delays")).status_code == 404


async def test_an_alias_moves_between_versions(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    _, address = make_registered(database, member, versions=3)
    moved = await ok(client.put(f"/api/v1/models/{address}/aliases/champion", json={"version": 1}))
    assert moved["aliases"] == {"champion": 1}
    both = await ok(client.put(f"/api/v1/models/{address}/aliases/challenger", json={"version": 3}))
    assert both["aliases"] == {"challenger": 3, "champion": 1}
    gone = await client.put(f"/api/v1/models/{address}/aliases/champion", json={"version": 4})
    assert (gone.status_code, gone.json()["code"]) == (404, "model_version_not_found")
    for alias, version in (("latest", 1), ("Champion", 1)):
        answer = await client.put(f"/api/v1/models/{address}/aliases/{alias}", json={"version": version})
        assert answer.status_code == 422
    for number in (0, -1, 2**31, 10**30, "1.5", None):
        answer = await client.put(f"/api/v1/models/{address}/aliases/champion", json={"version": number})
        assert answer.status_code == 422
    assert (await ok(client.get(f"/api/v1/models/{address}")))["aliases"] == {"challenger": 3, "champion": 1}


@pytest.mark.parametrize("number", ["0", "-1", str(2**31), "9" * 40, "x", "latest"])
async def test_what_is_no_version_number_is_refused(
    client: httpx.AsyncClient, member: Member, database: TestDatabase, number: str
) -> None:
    _, address = make_registered(database, member)
    for path in ("", "/artifact"):
        assert (await client.get(f"/api/v1/models/{address}/versions/{number}{path}")).status_code == 422


async def test_an_archived_model_is_out_of_service_and_its_name_is_free(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    run_id = _finished_run(database, member)
    await ok(client.post(f"/api/v1/runs/{run_id}/register", json={"name": "delays"}), 201)
    address = f"{member.org_name}/delays"
    assert (await client.delete(f"/api/v1/models/{address}")).status_code == 204
    assert (await client.delete(f"/api/v1/models/{address}")).status_code == 404
    for path in ("", "/versions", "/versions/1", "/versions/1/artifact"):
        assert (await client.get(f"/api/v1/models/{address}{path}")).status_code == 404
    asked = await client.post(f"/api/v1/models/{address}/predict", json={"rows": []})
    assert asked.status_code == 404
    listed = (await ok(client.get("/api/v1/models")))["items"]
    assert not [model for model in listed if model["organisation"] == member.org_name]
    again = await ok(client.post(f"/api/v1/runs/{run_id}/register", json={"name": "delays"}), 201)
    assert (again["number"], again["model"]) == (1, address)


async def test_the_artefact_is_sent_as_it_was_stored(
    client: httpx.AsyncClient, member: Member, database: TestDatabase, hub_settings: Settings
) -> None:
    content = bytes(range(256)) * 100_000
    run_id = _finished_run(database, member)
    digest = hashlib.sha256(content).hexdigest()
    rows_of(
        database,
        """
        UPDATE training_runs SET artifact = jsonb_build_object(
            'path', %s::text, 'sha256', %s::text, 'byte_count', %s::int, 'signature', '{}'::jsonb) WHERE id = %s
        """,
        f"models/{run_id}.onnx",
        digest,
        len(content),
        run_id,
    )
    _write(hub_settings.home / "files" / "models" / f"{run_id}.onnx", content)
    version = await ok(client.post(f"/api/v1/runs/{run_id}/register", json={"name": "delays"}), 201)
    sent = await client.get(f"/api/v1/models/{version['model']}/versions/1/artifact")
    assert sent.status_code == 200
    assert hashlib.sha256(sent.content).hexdigest() == digest == version["artifact_sha256"]
    assert int(sent.headers["content-length"]) == len(content) == version["artifact_bytes"]
    assert sent.headers["content-disposition"] == 'attachment; filename="delays-1.onnx"'
    assert sent.headers["content-type"] == "application/octet-stream"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


async def test_an_artefact_that_is_missing_is_said_to_be(
    client: httpx.AsyncClient, member: Member, database: TestDatabase
) -> None:
    _, address = make_registered(database, member)
    answer = await client.get(f"/api/v1/models/{address}/versions/1/artifact")
    assert (answer.status_code, answer.json()["code"]) == (404, "file_missing")


@pytest.mark.parametrize("count", [1, 30])
async def test_a_list_of_models_takes_three_queries(
    fresh_app: FastAPI, fresh_database: TestDatabase, count: int
) -> None:
    owner, other = make_member(fresh_database), make_member(fresh_database)
    made = [make_registered(fresh_database, owner, versions=2)[1] for _ in range(count)]
    make_registered(fresh_database, other)
    async with client_of(fresh_app, key=owner.key) as client:
        await client.get("/api/v1/me")
        with counted_queries(fresh_app) as queries:
            page = await ok(client.get("/api/v1/models"))
    assert [model["address"] for model in page["items"]] == made[::-1]
    assert all(model["aliases"] == {"champion": 2} for model in page["items"])
    assert len(queries) == 3


@pytest.mark.parametrize(
    "path", ["", "/versions/7", "/versions?limit=1"], ids=["the model", "a version", "the first page"]
)
async def test_of_a_thousand_models_and_versions_no_other_one_is_read(
    fresh_app: FastAPI, fresh_database: TestDatabase, path: str
) -> None:
    owner = make_member(fresh_database)
    _, address = make_registered(fresh_database, owner)
    rows_of(fresh_database, _MORE_VERSIONS)
    rows_of(fresh_database, _MORE_MODELS)
    rows_of(fresh_database, "ANALYZE models, model_versions")
    async with client_of(fresh_app, key=owner.key) as client:
        await client.get("/api/v1/me")
        with counted_queries(fresh_app) as queries:
            await ok(client.get(f"/api/v1/models/{address}{path}"))
    for table in ("models", "model_versions"):
        looked_at = rows_looked_at(queries, fresh_database, owner.org_id, table=table)
        assert 1 <= max(looked_at.values()) <= 2, looked_at


@pytest.mark.parametrize("count", [1, 30])
async def test_a_list_of_versions_takes_two_queries(app: FastAPI, database: TestDatabase, count: int) -> None:
    owner = make_member(database)
    _, address = make_registered(database, owner, versions=count)
    async with client_of(app, key=owner.key) as client:
        await client.get("/api/v1/me")
        with counted_queries(app) as queries:
            page = await ok(client.get(f"/api/v1/models/{address}/versions"))
        assert [version["number"] for version in page["items"]] == list(range(count, 0, -1))
        assert len(queries) == 2
        halves = await ok(client.get(f"/api/v1/models/{address}/versions", params={"limit": max(1, count // 2)}))
        rest = await ok(client.get(f"/api/v1/models/{address}/versions", params={"cursor": halves["next"]}))
    assert halves["items"] + rest["items"] == page["items"]


def _asks(database: TestDatabase, owner: Member, *, visibility: str = "private") -> list[Ask]:
    _, address = make_registered(database, owner, visibility=visibility)
    read, write = ("models:read",), ("models:read", "models:write")
    return [
        Ask("GET", "/models", read, lists=True),
        Ask("GET", f"/models/{address}", read),
        Ask("GET", f"/models/{address}/versions", read),
        Ask("GET", f"/models/{address}/versions/1", read),
        Ask("PUT", f"/models/{address}/aliases/champion", write, {"version": 1}),
        Ask("DELETE", f"/models/{address}", ("models:write",)),
    ]


async def test_nobody_is_asked_to_sign_in(app: FastAPI, member: Member, database: TestDatabase) -> None:
    asks = _asks(database, member)
    asks.append(Ask("GET", f"{asks[3].path}/artifact", ()))
    async with client_of(app) as client:
        assert await statuses(client, asks) == each(asks, 401)


async def test_a_stranger_finds_nothing_of_a_private_model(fresh_app: FastAPI, fresh_database: TestDatabase) -> None:
    owner, stranger = make_member(fresh_database), make_member(fresh_database)
    asks = _asks(fresh_database, owner)
    asks.append(Ask("GET", f"{asks[3].path}/artifact", ()))
    async with client_of(fresh_app, key=stranger.key) as client:
        assert await statuses(client, asks[1:]) == each(asks[1:], 404)
        assert await ok(client.get("/api/v1/models")) == {"items": [], "next": None}


@pytest.mark.parametrize("visibility", ["internal", "public"])
async def test_a_shown_model_is_read_and_not_changed_by_another_organisation(
    fresh_app: FastAPI, fresh_database: TestDatabase, visibility: str
) -> None:
    owner, stranger = make_member(fresh_database), make_member(fresh_database)
    asks = _asks(fresh_database, owner, visibility=visibility)
    async with client_of(fresh_app, key=stranger.key) as client:
        found = await statuses(client, asks)
        model = await ok(client.get(f"/api/v1{asks[1].path}"))
    assert found == each(asks[:4], 200) | each(asks[4:], 404)
    assert (model["aliases"], model["latest_version"]) == ({"champion": 1}, 1)


async def test_a_viewer_reads_and_does_not_write(app: FastAPI, member: Member, database: TestDatabase) -> None:
    viewer = make_member(database, organisation=(member.org_id, member.org_name), role="viewer")
    asks = _asks(database, member)
    async with client_of(app, key=viewer.key) as client:
        assert await statuses(client, asks) == each(asks[:4], 200) | each(asks[4:], 403)


async def test_every_power_a_route_takes_is_needed(app: FastAPI, member: Member, database: TestDatabase) -> None:
    asks = _asks(database, member)
    for lacking in ("models:read", "models:write"):
        scopes = tuple({"models:read", "models:write"} - {lacking})
        narrow = make_member(database, organisation=(member.org_id, member.org_name), scopes=scopes)
        refused = [ask for ask in asks if lacking in ask.powers]
        async with client_of(app, key=narrow.key) as client:
            assert await statuses(client, refused) == each(refused, 403)
