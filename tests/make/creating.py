"""How each POST that makes something is asked to make it: where, and with what, twice with different words.

A route that is not here fails `tests/kernel/test_idempotency_walk.py`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from fixtures.servers import TestDatabase
from fixtures.staffed import upload
from make.accounts import Member
from make.data import make_check, make_dataset, make_version
from make.train import make_run


@dataclass(frozen=True, slots=True)
class Creating:
    """A request that makes something, and another body for the same place."""

    path: str
    body: Any
    other: Any


@dataclass(frozen=True, slots=True)
class Place:
    """What there is for things to be made of: a dataset with a version and a check, and a run."""

    client: httpx.AsyncClient
    dataset: str
    run_id: UUID


def make_place(database: TestDatabase, client: httpx.AsyncClient, owner: Member) -> Place:
    """Make what the requests below refer to."""
    dataset_id, address = make_dataset(database, owner)
    version_id = make_version(database, owner, dataset_id)
    make_check(database, owner, dataset_id)
    return Place(client, address, make_run(database, owner, version_id))


async def _key(_place: Place) -> Creating:
    return Creating("/api/v1/api-keys", {"name": "one"}, {"name": "two"})


async def _upload(_place: Place) -> Creating:
    return Creating("/api/v1/uploads", {"file_name": "one.csv"}, {"file_name": "two.csv"})


async def _dataset(_place: Place) -> Creating:
    return Creating("/api/v1/datasets", {"name": "one"}, {"name": "two"})


async def _version(place: Place) -> Creating:
    wanted = {"upload_id": await upload(place.client, "one.csv", b"a\n1\n")}
    return Creating(f"/api/v1/datasets/{place.dataset}/versions", wanted, wanted | {"has_header": True})


async def _check(place: Place) -> Creating:
    path = f"/api/v1/datasets/{place.dataset}/checks"
    one, other = ({"definition": {"kind": "range", "column": "a", side: 0}} for side in ("min", "max"))
    return Creating(path, one, other)


async def _suggestion(place: Place) -> Creating:
    return Creating(f"/api/v1/datasets/{place.dataset}/checks/suggest", None, {})


async def _check_run(place: Place) -> Creating:
    return Creating(f"/api/v1/datasets/{place.dataset}/versions/1/check-runs", None, {})


async def _run(place: Place) -> Creating:
    wanted = {"dataset": place.dataset, "target": "a"}
    return Creating("/api/v1/runs", wanted, wanted | {"seed": 7})


async def _registration(place: Place) -> Creating:
    path = f"/api/v1/runs/{place.run_id}/register"
    return Creating(path, {"name": "one", "alias": None}, {"name": "two", "alias": None})


CREATING: dict[str, Callable[[Place], Awaitable[Creating]]] = {
    "/api/v1/api-keys": _key,
    "/api/v1/uploads": _upload,
    "/api/v1/datasets": _dataset,
    "/api/v1/datasets/{org}/{name}/versions": _version,
    "/api/v1/datasets/{org}/{name}/checks": _check,
    "/api/v1/datasets/{org}/{name}/checks/suggest": _suggestion,
    "/api/v1/datasets/{org}/{name}/versions/{number}/check-runs": _check_run,
    "/api/v1/runs": _run,
    "/api/v1/runs/{run_id}/register": _registration,
}
"""By the path of the route."""
