"""The API's document against the live API: whatever a client of any role sends, the answer is one that was promised."""

import asyncio
import itertools
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import httpx
import polars as pl
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from fixtures.app import free_port, rows_of, served
from fixtures.live_api import LiveApi, bodies_of, make_callers, make_things_of_accounts
from fixtures.servers import TestDatabase
from fixtures.staffed import StaffedHub, csv_of, dataset_with, new_dataset, ok, upload
from make.accounts import Member, make_key
from make.data import make_anomaly, make_check, make_check_run, make_diff, make_erasure, make_odd_rows
from make.incidents import make_incident
from make.predictions import make_model, onnx_file
from make.serve import make_registered
from make.streams import streams_to_ask_of
from make.train import make_run

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SIZE = {"kind": "row_count", "id": "row_count", "severity": "error", "min": 1}
EXAMPLES = 4
"""Of each operation by who may do it, and as many by anybody."""
EXAMPLES_OF_SOAK = 200
OPEN_TO_TRIES: dict[str, Any] = {
    "log_level": "error",
    "registration": "open",
    "registration_age_min": 16,
    # what is tried here guesses passwords as well, and whose they are has to sign in again all the same
    "sign_in_failures_per_minute": 1_000_000,
    "sign_in_attempts_per_minute": 1_000_000,
}
BY_LETTER = "takes a link that came by letter, or was shown once"
BY_FACTOR = "takes what an authenticator answers"
BY_PROGRAM = "for a program, by its secret or a token"
ASKS_FAR = "asks somebody else's server, and nobody answers here"
NONE_THERE = "the caller has none"
NAMES_THERE = {"admin.name": "verify_email", "kind": "files.recount_storage", "language": "de", "metric": "|rows"}
NEVER_SUCCEEDS_HERE = {
    **dict.fromkeys(
        (
            *("POST /api/v1/setup", "POST /api/v1/email-confirmations", "POST /api/v1/guardian-consents"),
            *("POST /api/v1/password-resets/confirm", "POST /api/v1/unsubscribe", "POST /api/v1/unsubscribe/undo"),
            "POST /api/v1/unsubscribe/one-click",
        ),
        BY_LETTER,
    ),
    **dict.fromkeys(
        (
            *("POST /api/v1/sessions/passkey", "POST /api/v1/sessions/second-factor"),
            *("POST /api/v1/sessions/second-factor/passkey-options", "POST /api/v1/me/step-up/passkey-options"),
            *("POST /api/v1/me/passkeys", "POST /api/v1/me/authenticator-apps/{app_id}/confirm"),
            "POST /api/v1/me/recovery-codes",
        ),
        BY_FACTOR,
    ),
    **dict.fromkeys(
        (
            *("POST /api/v1/oauth/token", "GET /api/v1/oauth/userinfo", "POST /api/v1/oauth/userinfo"),
            *("GET /api/v1/authorizations", "POST /api/v1/authorizations"),
            "POST /api/v1/sign-on/{provider}/back-channel-logout",
        ),
        BY_PROGRAM,
    ),
    **dict.fromkeys(
        (
            *("POST /api/v1/admin/sign-on-providers/{provider_id}/test", "POST /api/v1/sign-on/{provider}/connection"),
            "POST /api/v1/organisations/{org}/destinations/{destination_id}/test",
        ),
        ASKS_FAR,
    ),
    **dict.fromkeys(
        (
            *("PATCH /api/v1/me/factors/{factor_id}", "DELETE /api/v1/me/factors/{factor_id}"),
            *("DELETE /api/v1/me/programs/{client_id}", "DELETE /api/v1/me/sign-ons/{connection_id}"),
            *("DELETE /api/v1/push-subscriptions/{subscription_id}", "DELETE /api/v1/sessions/{session_id}"),
        ),
        NONE_THERE,
    ),
    "PUT /api/v1/organisations/{org}/alert-rules/order": "names every rule, and others add some",
    "POST /api/v1/admin/mail/test": "no mail is set up",
    "POST /api/v1/me/email": "no mail is set up",
    "POST /api/v1/sessions/refresh": "takes a token that works once",
    "POST /api/v1/me/password": "would end the sessions of whoever asks here",
    "POST /api/v1/organisations/{org}/transfer": "would leave whoever asks here with fewer powers",
    "POST /api/v1/runs": "would train",
    "POST /api/v1/dataset-versions/{version_id}/push-again": "nothing was held back",
    "PUT /api/v1/uploads/{upload_id}/content": "takes a signed address",
    "PUT /api/v1/uploads/{upload_id}/parts/{number}": "takes a signed address",
    "GET /api/v1/dataset-files/{org_id}/{dataset_id}/{file_name}": "takes a signed address",
    "DELETE /api/v1/grants/{grant_id}": "has gone with the member it was given to",
    "DELETE /api/v1/organisations/{org}": "would end what the others ask of",
}
"""What nothing that is tried here has carried out: what it answers then is for other tests to hold against the document."""
SQL_SOURCE = {"url": "mysql://u:p@203.0.113.7/data", "table": "t"}
BOTH_MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
KEYS = ("nobody", "owner", "maintainer", "reviewer", "viewer")
PEOPLE = ("a person", "the administrator")
REMOVES = re.compile(r"/leave$|/me/deletion$")


@pytest.fixture
async def live(
    staffed_hub: StaffedHub, owner: Member, hub_client: Callable[..., httpx.AsyncClient]
) -> AsyncIterator[LiveApi]:
    database = staffed_hub.database
    began = datetime.now(UTC)
    home = staffed_hub.settings.home
    async with hub_client(owner) as client, hub_client() as nobody:
        table = pl.DataFrame({"distance": range(40), "late": [True, False] * 20})
        address = await dataset_with(client, csv_of(table))
        [version] = (await ok(client.get(f"/api/v1/datasets/{address}/versions")))["items"]
        dataset = await ok(client.get(f"/api/v1/datasets/{address}"))
        # what is tried of the other one has its metrics watched anew
        watched = await ok(client.get(f"/api/v1/datasets/{await new_dataset(client)}"))
        # an erasure waits for what is made of its dataset, and what is to be made there waits for the erasure
        erased = (await dataset_with(client, csv_of(pl.DataFrame({"a": ["nobody", "somebody"]})))).split("/")[1]
        whole, other_whole = [await upload(client, "t.csv", csv_of(table)) for _ in range(2)]
        in_parts = {"file_name": "t.csv", "byte_count": 10, "in_parts": True}
        begun = await ok(client.post("/api/v1/uploads", json=in_parts), 201)
        await ok(client.put(f"/api/v1/datasets/{address}/sql-source", json=SQL_SOURCE))
        jobs = await ok(client.get("/api/v1/jobs"))
        document = await ok(nobody.get("/api/openapi.json"))
    model = make_model(database, home, owner, onnx_file(), aliases={"champion": 1})
    spare_key, _ = make_key(database, org_id=owner.org_id, user_id=owner.user_id, scopes=("datasets:read",))
    there = {
        "org": owner.org_name,
        "datasets.name": address.split("/")[1],
        "models.name": make_registered(database, owner)[1].split("/")[1],
        "POST /api/v1/models/{org}/{name}/predict.name": model.address.split("/")[1],
        "GET /api/v1/models/{org}/{name}/versions/{number}/artifact.name": model.address.split("/")[1],
        "number": 1,
        "alias": "champion",
        "version_id": version["id"],
        "anomaly_id": str(make_anomaly(database, owner, UUID(watched["id"]))),
        "PUT /api/v1/datasets/{org}/{name}/anomalies/{anomaly_id}/answer.name": watched["name"],
        "POST /api/v1/datasets/{org}/{name}/erasures.name": erased,
        "GET /api/v1/datasets/{org}/{name}/anomalies/metrics/{metric}.name": watched["name"],
        **_things_of_dataset(database, owner, UUID(dataset["id"]), UUID(version["id"])),
        "run_id": str(make_run(database, owner, version["id"])),
        "upload_id": whole,
        "GET /api/v1/uploads/{upload_id}/parts.upload_id": begun["id"],
        "key_id": str(spare_key),
        "job_id": jobs["items"][0]["id"],
        **NAMES_THERE,
    }
    wanted = {"port": free_port(), **OPEN_TO_TRIES}
    own = staffed_hub.settings.model_copy(update=wanted)
    own.model_fields_set.update(wanted)
    callers = make_callers(database, owner)
    with served("lyceum.web", own) as process:
        url = process.url.replace(str(staffed_hub.settings.port), str(own.port))
        there |= await asyncio.to_thread(
            make_things_of_accounts, database, url, owner, callers, dataset_id=dataset["id"]
        )
        bodies = bodies_of(there, dataset=address, upload_id=other_whole, person=callers["a person"])
        yield LiveApi(url, document, callers, there, bodies)
    # what strangers can see of it would be seen by the tests that share this hub
    for shown in ("datasets", "models"):
        rows_of(database, f"UPDATE {shown} SET visibility = 'private' WHERE created_at >= %s", began)


def _things_of_dataset(database: TestDatabase, owner: Member, dataset_id: UUID, version_id: UUID) -> dict[str, str]:
    """Make what is known of a dataset and of its version, and return the ids by the names that paths have for them."""
    check_id = make_check(database, owner, dataset_id, definition=SIZE)
    resolved = {"state": "resolved", "resolution": "fixed", "resolved_at": datetime.now(UTC)}
    made = {
        "check_id": check_id,
        "diff_id": make_diff(database, owner, dataset_id, version_id),
        "erasure_id": make_erasure(database, owner, dataset_id),
        "check_run_id": make_check_run(database, owner, version_id, results_of=(check_id,)),
        "search_id": make_odd_rows(database, owner, version_id),
        "POST /api/v1/check-runs/{check_run_id}/quarantine.check_run_id": make_check_run(
            database, owner, version_id, failing=(check_id,)
        ),
        "incident_id": make_incident(database, owner, dataset_id),
        "POST /api/v1/incidents/{incident_id}/reopen.incident_id": make_incident(
            database, owner, dataset_id, **resolved
        ),
        "POST /api/v1/incidents/{incident_id}/resolve.incident_id": make_incident(database, owner, dataset_id),
    }
    return {name: str(made_id) for name, made_id in made.items()} | streams_to_ask_of(database, owner, dataset_id)


def operations_of(live: LiveApi) -> list[APIOperation[Any, Any, Any, Any]]:
    """Return every operation, those that remove things last and what holds others after those."""
    schema = schemathesis.openapi.from_dict(live.document)
    # one that cannot be read raises here
    found: list[APIOperation[Any, Any, Any, Any]] = [cast("Any", one).ok() for one in schema.get_all_operations()]
    return sorted(found, key=_when)


def _when(operation: APIOperation[Any, Any, Any, Any]) -> tuple[bool, int]:
    removes = operation.method == "delete" or REMOVES.search(operation.path) is not None
    return removes, -operation.path.count("/") if removes else 0


def able_of(operation: APIOperation[Any, Any, Any, Any]) -> tuple[str, ...]:
    """Return who may do it, as far as anybody here may."""
    wanted = set(operation.definition.raw.get("x-lyceum-needs", ()))
    if "administrator" in wanted:
        return ("the administrator",)
    return ("a person",) if "signed-in" in wanted else ("a person", "owner")


@dataclass(slots=True)
class Heard:
    """What of the document did not hold, how often each status was answered, and what was carried out."""

    broken: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    succeeded: set[str] = field(default_factory=set)


def heard(live: LiveApi, *, examples: int, derandomize: bool) -> Heard:
    """Have every operation tried: so many times by who may, with what is there, and as often by anybody with anything."""
    heard = Heard()
    with requests.Session() as session:
        session.trust_env = False
        for operation in operations_of(live):
            try:
                _try(live, operation, session, heard, examples=examples, derandomize=derandomize)
            except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 all operations are tried, and every one that breaks is told
                heard.broken.append(f"{operation.label}: {_told(error)}")
    return heard


def _try(
    live: LiveApi,
    operation: APIOperation[Any, Any, Any, Any],
    session: requests.Session,
    heard: Heard,
    *,
    examples: int,
    derandomize: bool,
) -> None:
    readable, unreadable = (operation.as_strategy(generation_mode=mode) for mode in BOTH_MODES)
    tried = settings(
        max_examples=examples,
        derandomize=derandomize,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )

    def holds_for(case: Any, role: str, *, is_there: bool) -> None:
        if is_there:
            group = operation.path.split("/")[3] if operation.path.startswith("/api/") else ""
            for name in case.path_parameters:
                wheres = (f"{operation.label}.{name}", f"{group}.{name}", name)
                known = next((live.there[where] for where in wheres if where in live.there), None)
                if known is not None:
                    case.path_parameters[name] = known
        caller = live.callers[role]
        answer = case.call(base_url=live.url, session=session, headers=caller.headers)
        heard.statuses[answer.status_code] += 1
        if answer.status_code < 400:
            heard.succeeded.add(operation.label)
        if answer.status_code == 401:
            caller.come_back(live.url)
        case.validate_response(answer, checks=CHECKS)

    able, turns = able_of(operation), itertools.count()

    @tried
    @given(case=readable)
    def holds_for_who_may(case: Any) -> None:
        turn = next(turns)
        # with what is known to be taken, and with what the document says is
        if operation.label in live.bodies and turn % 2 == 0:
            case.body, case.media_type = live.bodies[operation.label], "application/json"
            case.headers["If-Match"] = '"1"'
        holds_for(case, able[turn // 2 % len(able)], is_there=True)

    @tried
    @given(case=readable | unreadable, role=st.sampled_from((*KEYS, *PEOPLE)), is_there=st.booleans())
    def holds_for_anybody(case: Any, role: str, *, is_there: bool) -> None:
        holds_for(case, role, is_there=is_there)

    holds_for_who_may()
    holds_for_anybody()


def _told(error: BaseException) -> str:
    parts = getattr(error, "exceptions", (error,))
    return "\n".join(str(part)[:1500] for part in parts)


@pytest.mark.timeout(400)
async def test_every_answer_is_one_that_the_document_promises(live: LiveApi) -> None:
    found = await asyncio.to_thread(heard, live, examples=EXAMPLES, derandomize=True)
    assert not found.broken, "\n\n".join(found.broken)
    # what is tried reaches the inside, as well as each kind of refusal
    assert {200, 201, 401, 403, 404, 422} <= found.statuses.keys()
    never = {operation.label for operation in operations_of(live)} - found.succeeded
    assert never == set(NEVER_SUCCEEDS_HERE)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_every_answer_of_many_is_one_that_the_document_promises(live: LiveApi) -> None:
    examples = int(os.environ.get("TESTS_API_EXAMPLES", EXAMPLES_OF_SOAK))
    found = await asyncio.to_thread(heard, live, examples=examples, derandomize=False)
    assert not found.broken, "\n\n".join(found.broken)
