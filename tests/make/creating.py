"""How each POST that makes something is asked to make it: where, and with what, twice with different words.

A route that is not here fails `tests/kernel/test_idempotency_walk.py`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from fixtures.app import rows_of
from fixtures.servers import TestDatabase
from fixtures.staffed import upload
from make.accounts import Member, make_key, make_member
from make.data import make_check, make_check_run, make_dataset, make_version
from make.incidents import make_incident
from make.train import make_run


@dataclass(frozen=True, slots=True)
class Creating:
    """A request that makes something, and another body for the same place; the owner's key sends it, or who is named."""

    path: str
    body: Any
    other: Any
    client: httpx.AsyncClient | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What there is for things to be made of: a dataset with a version and a check, and a run."""

    app: FastAPI
    client: httpx.AsyncClient
    database: TestDatabase
    owner: Member
    dataset_id: UUID
    dataset: str
    run_id: UUID


def make_place(app: FastAPI, database: TestDatabase, client: httpx.AsyncClient, owner: Member) -> Place:
    """Make what the requests below refer to."""
    dataset_id, address = make_dataset(database, owner)
    version_id = make_version(database, owner, dataset_id)
    make_check(database, owner, dataset_id)
    return Place(app, client, database, owner, dataset_id, address, make_run(database, owner, version_id))


async def _key(_place: Place) -> Creating:
    return Creating("/api/v1/api-keys", {"name": "one"}, {"name": "two"})


async def _upload(_place: Place) -> Creating:
    return Creating("/api/v1/uploads", {"file_name": "one.csv"}, {"file_name": "two.csv"})


async def _dataset(_place: Place) -> Creating:
    return Creating("/api/v1/datasets", {"name": "one"}, {"name": "two"})


async def _version(place: Place) -> Creating:
    wanted = {"upload_id": await upload(place.client, "one.csv", b"a\n1\n")}
    return Creating(f"/api/v1/datasets/{place.dataset}/versions", wanted, wanted | {"has_header": True})


async def _push(place: Place) -> Creating:
    return Creating(f"/api/v1/datasets/{place.dataset}/records", [{"a": 1}], [{"a": 2}])


async def _stream(place: Place) -> Creating:
    wanted = {"name": "one", "servers": ["203.0.113.7:9092"], "topic": "flights"}
    return Creating(f"/api/v1/datasets/{place.dataset}/streams", wanted, wanted | {"topic": "trains"})


async def _restoration(place: Place) -> Creating:
    return Creating(f"/api/v1/datasets/{place.dataset}/versions/1/restore", None, {})


async def _sql_import(place: Place) -> Creating:
    wanted = {"url": "postgresql://u:p@203.0.113.7/data", "table": "one"}
    return Creating(f"/api/v1/datasets/{place.dataset}/sql-imports", wanted, wanted | {"table": "two"})


async def _diff(place: Place) -> Creating:
    wanted = {"before": 1, "after": 1}
    return Creating(f"/api/v1/datasets/{place.dataset}/diffs", wanted, wanted | {"key": ["a"]})


async def _erasure(place: Place) -> Creating:
    wanted = {"column": "a", "value": "nobody"}
    return Creating(f"/api/v1/datasets/{place.dataset}/erasures", wanted, wanted | {"value": "somebody"})


async def _fetch(place: Place) -> Creating:
    one, other = ({"url": f"https://203.0.113.7/{name}.csv"} for name in ("one", "two"))
    return Creating(f"/api/v1/datasets/{place.dataset}/fetches", one, other)


async def _check(place: Place) -> Creating:
    path = f"/api/v1/datasets/{place.dataset}/checks"
    one, other = ({"definition": {"kind": "range", "column": "a", side: 0}} for side in ("min", "max"))
    return Creating(path, one, other)


async def _suggestion(place: Place) -> Creating:
    return Creating(f"/api/v1/datasets/{place.dataset}/checks/suggest", None, {})


async def _suggestions(place: Place) -> Creating:
    path = f"/api/v1/datasets/{place.dataset}/checks/suggestions"
    return Creating(path, {"accept": [{"name": "row_count"}]}, {"refuse": ["row_count"]})


async def _imported(place: Place) -> Creating:
    path = f"/api/v1/datasets/{place.dataset}/checks/import"
    one, other = (
        {"text": f"dataset: a/b/c/d\nchecks:\n  - row_count:\n      threshold: {{must_be_greater_than: {n}}}\n"}
        for n in (1, 2)
    )
    return Creating(path, one, other)


async def _outside_run(place: Place) -> Creating:
    one, other = (
        {"text": f'{{"results": [{{"unique_id": "test.shop.{name}.1", "status": "pass"}}]}}'} for name in ("one", "two")
    )
    return Creating(f"/api/v1/datasets/{place.dataset}/versions/1/outside-runs", one, other)


async def _check_run(place: Place) -> Creating:
    return Creating(f"/api/v1/datasets/{place.dataset}/versions/1/check-runs", None, {})


async def _quarantine(place: Place) -> Creating:
    query = "SELECT id FROM dataset_versions WHERE dataset_id = %s"
    [version] = rows_of(place.database, query, place.dataset_id)
    check_id = make_check(place.database, place.owner, place.dataset_id)
    run_id = make_check_run(place.database, place.owner, version["id"], failing=(check_id,))
    return Creating(f"/api/v1/check-runs/{run_id}/quarantine", {"dataset": "one"}, {"dataset": "two"})


async def _odd_rows(place: Place) -> Creating:
    return Creating(f"/api/v1/datasets/{place.dataset}/versions/1/odd-rows", {"rows": 1}, {"rows": 2})


async def _incident_comment(place: Place) -> Creating:
    path = f"/api/v1/incidents/{make_incident(place.database, place.owner, place.dataset_id)}/comments"
    return Creating(path, {"comment": "one"}, {"comment": "two"})


async def _alert_rule(place: Place) -> Creating:
    path = f"/api/v1/organisations/{place.owner.org_name}/alert-rules"
    to = {"people": [str(place.owner.user_id)]}
    return Creating(path, {"name": "one", "to": to}, {"name": "two", "to": to})


async def _run(place: Place) -> Creating:
    wanted = {"dataset": place.dataset, "target": "a"}
    return Creating("/api/v1/runs", wanted, wanted | {"seed": 7})


async def _registration(place: Place) -> Creating:
    path = f"/api/v1/runs/{place.run_id}/register"
    return Creating(path, {"name": "one", "alias": None}, {"name": "two", "alias": None})


async def _rotation(place: Place) -> Creating:
    owner = place.owner
    key_id, _ = make_key(place.database, org_id=owner.org_id, user_id=owner.user_id, scopes=("datasets:read",))
    return Creating(f"/api/v1/api-keys/{key_id}/rotate", {"overlap_hours": 1}, {"overlap_hours": 2})


async def _group(place: Place) -> Creating:
    path = f"/api/v1/organisations/{place.owner.org_name}/groups"
    return Creating(path, {"name": "one"}, {"name": "two"})


async def _group_member(place: Place) -> Creating:
    groups = (await _group(place)).path
    group = (await place.client.post(groups, json={"name": f"of {uuid4()}"})).json()["id"]
    organisation = (place.owner.org_id, place.owner.org_name)
    one, other = (make_member(place.database, organisation=organisation, role="viewer") for _ in range(2))
    path = f"{groups}/{group}/members"
    return Creating(path, {"user_id": str(one.user_id)}, {"user_id": str(other.user_id)})


async def _grant(place: Place) -> Creating:
    groups = (await _group(place)).path
    group = (await place.client.post(groups, json={"name": f"of {uuid4()}"})).json()["id"]
    wanted = {"kind": "dataset", "address": place.dataset, "group_id": group}
    return Creating("/api/v1/grants", wanted | {"role": "viewer"}, wanted | {"role": "reviewer"})


async def _invitation(place: Place) -> Creating:
    path = f"/api/v1/organisations/{place.owner.org_name}/invitations"
    return Creating(path, {"role": "viewer"}, {"role": "reviewer"})


async def _destination(place: Place) -> Creating:
    path = f"/api/v1/organisations/{place.owner.org_name}/destinations"
    one, other = (
        {"kind": "webhook", "name": name, "url": "https://203.0.113.7/", "notice_kinds": ["run_finished", "run_failed"]}
        for name in ("one", "two")
    )
    return Creating(path, one, other)


Row = Callable[[Place], Awaitable[Creating]]

OF_OBJECTS: dict[str, Row] = {
    "/api/v1/api-keys": _key,
    "/api/v1/uploads": _upload,
    "/api/v1/datasets": _dataset,
    "/api/v1/datasets/{org}/{name}/versions": _version,
    "/api/v1/datasets/{org}/{name}/records": _push,
    "/api/v1/datasets/{org}/{name}/streams": _stream,
    "/api/v1/datasets/{org}/{name}/versions/{number}/restore": _restoration,
    "/api/v1/datasets/{org}/{name}/diffs": _diff,
    "/api/v1/datasets/{org}/{name}/sql-imports": _sql_import,
    "/api/v1/datasets/{org}/{name}/erasures": _erasure,
    "/api/v1/datasets/{org}/{name}/fetches": _fetch,
    "/api/v1/datasets/{org}/{name}/checks": _check,
    "/api/v1/datasets/{org}/{name}/checks/suggest": _suggestion,
    "/api/v1/datasets/{org}/{name}/checks/suggestions": _suggestions,
    "/api/v1/datasets/{org}/{name}/checks/import": _imported,
    "/api/v1/datasets/{org}/{name}/versions/{number}/check-runs": _check_run,
    "/api/v1/datasets/{org}/{name}/versions/{number}/outside-runs": _outside_run,
    "/api/v1/check-runs/{check_run_id}/quarantine": _quarantine,
    "/api/v1/datasets/{org}/{name}/versions/{number}/odd-rows": _odd_rows,
    "/api/v1/incidents/{incident_id}/comments": _incident_comment,
    "/api/v1/api-keys/{key_id}/rotate": _rotation,
    "/api/v1/organisations/{org}/groups": _group,
    "/api/v1/organisations/{org}/groups/{group_id}/members": _group_member,
    "/api/v1/grants": _grant,
    "/api/v1/organisations/{org}/invitations": _invitation,
    "/api/v1/organisations/{org}/destinations": _destination,
    "/api/v1/organisations/{org}/alert-rules": _alert_rule,
    "/api/v1/runs": _run,
    "/api/v1/runs/{run_id}/register": _registration,
}
"""By the path of the route; those of people and of the hub stand in `make.creating_people`."""
