"""Every route that shows something, as everyone to whom it shows nothing; a route nobody thought of is asked as well."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import polars as pl
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from fixtures.app import client_of, rows_of
from fixtures.people import alone, client_as, in_session
from fixtures.servers import TestDatabase
from lyceum.accounts.edge import OPEN, needs_of
from lyceum.accounts.policy import Actor, Power
from lyceum.data.datasets.addresses import table_key
from lyceum.kernel.config import Settings
from lyceum.kernel.ids import new_id
from make.accounts import Member, make_grant, make_group, make_key, make_member
from make.changing import changing
from make.creating import make_place
from make.creating_people import CREATING
from make.data import (
    make_anomaly,
    make_check,
    make_check_run,
    make_dataset,
    make_diff,
    make_erasure,
    make_odd_rows,
    make_version,
)
from make.handed import make_sql_source
from make.incidents import make_incident
from make.personal import OF_PERSON, make_personal
from make.schemas import make_schema
from make.serve import make_registered
from make.streams import make_dead_letter, make_stream_row
from make.train import make_run


def _insert_job_and_upload(database: TestDatabase, owner: Member, job_id: UUID, upload_id: UUID, run_id: UUID) -> None:
    rows_of(
        database,
        "INSERT INTO jobs (id, org_id, owner_id, kind, args, state) VALUES (%s, %s, %s, 'x', '{}', 'done')",
        job_id,
        owner.org_id,
        owner.user_id,
    )
    rows_of(database, "UPDATE training_runs SET job_id = %s WHERE id = %s", job_id, run_id)
    rows_of(
        database,
        """
        INSERT INTO uploads (id, org_id, created_by, file_name, state, content_key, bytes_received, expires_at)
        VALUES (%s, %s, %s, 'x', 'complete', 'x', 1, now() + interval '1 day')
        """,
        upload_id,
        owner.org_id,
        owner.user_id,
    )


def _insert_upload_in_parts(database: TestDatabase, owner: Member) -> UUID:
    upload_id = new_id()
    rows_of(
        database,
        """
        INSERT INTO uploads (id, org_id, created_by, file_name, bytes_declared, part_bytes, part_count, expires_at)
        VALUES (%s, %s, %s, 'x', 2, 1, 2, now() + interval '1 day')
        """,
        upload_id,
        owner.org_id,
        owner.user_id,
    )
    return upload_id


def _write_files(files: Path, table: str) -> None:
    """Write the contents that the rows of the factories name: an upload, an archive, a model, the rows of a table."""
    for key, byte_count in (("x", 1), ("exports/x", 1), ("models/none.onnx", 10)):
        (files / key).parent.mkdir(parents=True, exist_ok=True)
        (files / key).write_bytes(b"x" * byte_count)
    # the version is the table's first change after it was made
    pl.DataFrame({"a": [1, 2, 3]}).write_delta(files / table)
    pl.DataFrame({"a": [4]}).write_delta(files / table, mode="append")


def _insert_request(
    database: TestDatabase, owner: Member, request_id: UUID, dataset_id: UUID, address: str, reader: Member
) -> None:
    rows_of(
        database,
        """
        INSERT INTO access_requests (id, org_id, kind, object_id, address, user_id, reason)
        VALUES (%s, %s, 'dataset', %s, %s, %s, 'please')
        """,
        request_id,
        owner.org_id,
        dataset_id,
        address,
        reader.user_id,
    )


class Hidden:
    """An organisation with one of everything that somebody else may not see."""

    def __init__(self, database: TestDatabase, home: Path) -> None:
        self.owner = owner = make_member(database)
        dataset_id, dataset = make_dataset(database, owner)
        version_id = make_version(database, owner, dataset_id)
        check_id = make_check(database, owner, dataset_id)
        make_sql_source(database, owner, dataset_id)
        make_schema(database, owner, dataset_id=dataset_id)
        stream_id = make_stream_row(database, owner, dataset_id)
        model_id, model = make_registered(database, owner)
        run_id, job_id, upload_id, request_id = make_run(database, owner, version_id), new_id(), new_id(), new_id()
        _insert_job_and_upload(database, owner, job_id, upload_id, run_id)
        self._of_parts: dict[str, str | UUID] = {"upload_id": _insert_upload_in_parts(database, owner)}
        _write_files(home / "files", table_key(owner.org_id, dataset_id))
        # granted, all of it, to somebody else: that shows it to nobody but them
        self.granted = make_member(database)
        _insert_request(database, owner, request_id, dataset_id, dataset, self.granted)
        objects = {"dataset": dataset_id, "model": model_id, "run": run_id}
        grants = [make_grant(database, owner, kind, found, to=self.granted) for kind, found in objects.items()]
        self._of_models: dict[str, str | UUID] = {"name": model.partition("/")[2], "number": "1", "alias": "champion"}
        self._values: dict[str, str | UUID] = {
            "org": owner.org_name,
            "name": dataset.partition("/")[2],
            "number": "1",
            "version_id": version_id,
            "org_id": owner.org_id,
            "dataset_id": dataset_id,
            "file_name": "part.parquet",
            "check_id": check_id,
            "anomaly_id": make_anomaly(database, owner, dataset_id),
            "metric": "|rows",
            "diff_id": make_diff(database, owner, dataset_id, version_id),
            "erasure_id": make_erasure(database, owner, dataset_id),
            "check_run_id": make_check_run(database, owner, version_id, results_of=(check_id,)),
            "search_id": make_odd_rows(database, owner, version_id),
            "incident_id": make_incident(database, owner, dataset_id),
            "stream_id": stream_id,
            "letter_id": make_dead_letter(database, owner, stream_id),
            "run_id": run_id,
            "job_id": job_id,
            "upload_id": upload_id,
            "request_id": request_id,
            "grant_id": grants[0],
            "key_id": owner.key_id,
            "user_id": owner.user_id,
            "group_id": make_group(database, owner, owner),
            **make_personal(database, owner),
            "provider": "nowhere",
            "token": "x" * 60,
            "language": "en",
            "kind": "none",
        }
        self._instead: dict[str, dict[str, str | UUID]] = {
            "/api/v1/models/": self._of_models,
            "/api/v1/uploads/{upload_id}/parts": self._of_parts,
            "/api/v1/admin/mail/templates/": {"name": "verify_email"},
        }
        found_by = [dataset_id, model_id, owner.org_name]
        found_by += [*self._of_models.values(), *self._of_parts.values(), *self._values.values()]
        self.marks = {str(mark) for mark in found_by if len(str(mark)) > 10}

    def path(self, route: APIRoute, *, org: str | None = None) -> str:
        """Return what asks a route for what is hidden; `org` is the organisation it is said to be of."""
        values = self._values | next((of for start, of in self._instead.items() if route.path.startswith(start)), {})
        values |= {"org": org} if org is not None else {}

        def fill(found: re.Match[str]) -> str:
            assert found[1] in values, f"say in {__name__} what is to be asked for {found[1]} of {route.path}"
            return str(values[found[1]])

        signed = f"?org={self.owner.org_id}&signature=forged" if _takes_signature(route) else ""
        return re.sub(r"{(\w+)(?::\w+)?}", fill, route.path) + signed


def _takes_signature(route: APIRoute) -> bool:
    return "signature" in {param.name for param in route.dependant.query_params}


@pytest.fixture
def hidden(database: TestDatabase, hub_settings: Settings) -> Hidden:
    return Hidden(database, hub_settings.home)


@dataclass(frozen=True, slots=True)
class Other:
    """Somebody who has nothing to see there, and their own organisation."""

    client: httpx.AsyncClient
    org_name: str | None


def _paths(hidden: Hidden, route: APIRoute, other: Other) -> list[str]:
    """Return how somebody asks for what is hidden: where it is, and as if it were in their own organisation."""
    wheres = [hidden.path(route)]
    if other.org_name is not None and "{org}" in route.path and "_id}" in route.path:
        wheres.append(hidden.path(route, org=other.org_name))
    return wheres


def _fresh(member: Member) -> Actor:
    """Return somebody who has just signed in, and to whom no route says that they have to show it again."""
    return replace(in_session(member), session_id=new_id(), stepped_up_until=datetime.now(UTC) + timedelta(hours=1))


@pytest.fixture
async def others(app: FastAPI, database: TestDatabase, hidden: Hidden) -> AsyncIterator[dict[str, Other]]:
    """Everybody who has nothing to see there."""
    stranger = make_member(database)
    granted = hidden.granted
    colleague = make_member(database, organisation=(granted.org_id, granted.org_name))
    owner = hidden.owner
    left = make_member(database, organisation=(owner.org_id, owner.org_name))
    _, lefts_key = make_key(database, org_id=left.org_id, user_id=left.user_id)
    rows_of(database, "DELETE FROM memberships WHERE user_id = %s", left.user_id)
    async with AsyncExitStack() as stack:
        opened = {
            "a stranger": (client_of(app, key=stranger.key), stranger.org_name),
            "a stranger in a session": (client_as(app, _fresh(stranger)), stranger.org_name),
            "a colleague of whom it was granted to": (client_of(app, key=colleague.key), colleague.org_name),
            "one who left, with their key": (client_of(app, key=lefts_key), None),
            "one who left, signed in": (client_as(app, alone(left.user_id)), None),
            "nobody": (client_of(app), None),
        }
        yield {
            name: Other(await stack.enter_async_context(client), org_name)
            for name, (client, org_name) in opened.items()
        }


def _routes(app: FastAPI, *methods: str) -> Iterator[tuple[str, APIRoute]]:
    for route in app.routes:
        if isinstance(route, APIRoute) and route.path.startswith("/api/v1/"):
            yield from ((method, route) for method in sorted((route.methods or set()) & set(methods)))


async def test_nothing_hidden_is_shown_by_any_route(app: FastAPI, hidden: Hidden, others: dict[str, Other]) -> None:
    routes = list(_routes(app, "GET", "HEAD"))
    assert len(routes) >= 76
    for method, route in routes:
        asked = [(name, other.client, path) for name, other in others.items() for path in _paths(hidden, route, other)]
        for name, client, path in asked:
            reply = await client.request(method, path)
            told = f"{method} {path} as {name}: {reply.status_code} {reply.text[:300]}"
            assert reply.status_code < 500, told
            if "{" in route.path and OPEN not in (needs_of(route.endpoint) or ()):
                assert reply.status_code in {401, 403, 404}, told
            else:
                assert not [mark for mark in hidden.marks if mark in reply.text], told


ASKED_OTHERWISE = {
    "/api/v1/dataset-files/{org_id}/{dataset_id}/{file_name}": "at a signed address alone",
    "/api/v1/invitations/{token}": "by a link alone",
    "/api/v1/sign-on/{provider}": "by anybody, and leads a browser on",
    "/api/v1/sign-on/{provider}/callback": "by a browser that comes back",
    "/api/v1/authorizations": "answers what a program asks in the query",
    "/api/v1/oauth/userinfo": "takes the tokens of programs alone",
    "/api/v1/oauth/end-session": "leads a browser on",
    "/api/v1/me/deletion": "nobody here wants to leave",
}
"""Routes that show nothing to an owner who names what is theirs."""


async def test_the_same_routes_show_it_to_its_owner(app: FastAPI, hidden: Hidden, database: TestDatabase) -> None:
    """What the sweep asks for is there: for whoever owns it, or for whoever runs the hub."""
    fresh = _fresh(hidden.owner)
    operator = replace(fresh, powers=fresh.powers | {Power.HUB_OPERATE})
    runs_hub = "UPDATE users SET instance_admin = %s WHERE id = %s"
    rows_of(database, runs_hub, True, hidden.owner.user_id)
    wrong = {}
    async with (
        client_of(app, key=hidden.owner.key) as by_key,
        client_as(app, fresh) as in_person,
        client_as(app, operator) as of_hub,
    ):
        for method, route in _routes(app, "GET"):
            replies = [await client.request(method, hidden.path(route)) for client in (by_key, in_person, of_hub)]
            is_shown = 200 in {reply.status_code for reply in replies}
            if is_shown is (route.path in ASKED_OTHERWISE):
                wrong[route.path] = [f"{reply.status_code} {reply.text[:200]}" for reply in replies]
    rows_of(database, runs_hub, False, hidden.owner.user_id)
    assert wrong == {}


ANSWERED_OTHERWISE = {"POST /api/v1/invitations/{token}/accept": {"invitation_used"}}
"""What says something else than that it is not there, or not for them: codes by method and path."""


@pytest.mark.deep
async def test_nothing_hidden_is_changed_by_any_route(
    app: FastAPI, hidden: Hidden, others: dict[str, Other], database: TestDatabase
) -> None:
    """Each is sent what it takes, so that nothing but who asks, and for what, is in the way."""
    owner = hidden.owner
    bodies = changing(org_name=owner.org_name, user_id=owner.user_id)
    async with client_of(app, key=owner.key) as client:
        place = make_place(app, database, client, owner)
        bodies |= {f"POST {path}": (await creating(place)).body for path, creating in CREATING.items()}
    before = _everything(database, owner)
    answered: dict[str, set[str]] = {}
    for method, route in _routes(app, "POST", "PUT", "PATCH", "DELETE"):
        if "{" not in route.path:
            continue
        asked = [(name, other.client, path) for name, other in others.items() for path in _paths(hidden, route, other)]
        for name, client, path in asked:
            body = bodies.get(f"{method} {route.path}")
            reply = await client.request(method, path, json=body, headers={"if-match": '"1"'})
            told = f"{method} {path} as {name}: {reply.status_code} {reply.text[:300]}"
            assert 400 <= reply.status_code < 500, told
            if reply.status_code not in {401, 403, 404}:
                answered.setdefault(f"{method} {route.path}", set()).add(reply.json()["code"])
    assert _everything(database, owner) == before
    assert answered == ANSWERED_OTHERWISE


def _everything(database: TestDatabase, owner: Member) -> dict[str, list[str]]:
    tables = (
        *("datasets", "dataset_versions", "checks", "check_runs", "models", "model_versions", "model_aliases"),
        *("training_runs", "jobs", "uploads", "api_keys", "memberships", "groups", "group_members", "grants"),
        *("destinations", "invitations", "access_requests", "pushed_batches", "dataset_diffs", "dataset_erasures"),
        "dataset_sql_sources",
        *("incidents", "incident_events", "incident_settings", "alert_rules"),
        *("streams", "stream_partitions", "stream_consumers", "dead_letters"),
        *("incidents", "incident_events", "incident_settings", "alert_rules", "dataset_watches", "anomalies"),
        *("odd_row_searches", "check_states"),
    )
    asked = dict.fromkeys(tables, ("org_id", owner.org_id)) | dict.fromkeys(OF_PERSON, ("user_id", owner.user_id))
    return {
        table: sorted(
            row["text"] for row in rows_of(database, f"SELECT t::text AS text FROM {table} t WHERE {column} = %s", of)
        )
        for table, (column, of) in asked.items()
    } | {
        table: [row["text"] for row in rows_of(database, f"SELECT t::text AS text FROM {table} t ORDER BY id")]
        for table in ("sign_on_providers", "sign_on_rules", "oauth_clients")
    }
