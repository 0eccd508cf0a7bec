"""The API's document against the live API: whatever a client of any role sends, the answer is one that was promised."""

import asyncio
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, cast

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
from fixtures.live_api import LiveApi, make_callers, make_things_of_accounts
from fixtures.staffed import StaffedHub, csv_of, dataset_with, ok
from make.accounts import Member, make_key
from make.data import make_check, make_check_run
from make.predictions import make_model, onnx_file
from make.serve import make_registered
from make.train import make_run

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 16
EXAMPLES_OF_SOAK = 400
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
        begun = await ok(client.post("/api/v1/uploads", json={"file_name": "t.csv"}), 201)
        jobs = await ok(client.get("/api/v1/jobs"))
        document = await ok(nobody.get("/api/openapi.json"))
    check_id = make_check(database, owner, dataset["id"])
    model = make_model(database, home, owner, onnx_file(), aliases={"champion": 1})
    spare_key, _ = make_key(database, org_id=owner.org_id, user_id=owner.user_id)
    there = {
        "org": owner.org_name,
        "datasets.name": address.split("/")[1],
        "models.name": make_registered(database, owner)[1].split("/")[1],
        "POST /api/v1/models/{org}/{name}/predict.name": model.address.split("/")[1],
        "number": 1,
        "alias": "champion",
        "version_id": version["id"],
        "check_id": str(check_id),
        "check_run_id": str(make_check_run(database, owner, version["id"], results_of=(check_id,))),
        "run_id": str(make_run(database, owner, version["id"])),
        "upload_id": begun["id"],
        "key_id": str(spare_key),
        "job_id": jobs["items"][0]["id"],
        "language": "de",
    }
    wanted: dict[str, Any] = {"port": free_port(), "log_level": "error"}
    wanted |= {"registration": "open", "registration_age_min": 16}
    # what is tried here guesses passwords as well, and whose they are has to sign in again all the same
    wanted |= {"sign_in_failures_per_minute": 1_000_000, "sign_in_attempts_per_minute": 1_000_000}
    own = staffed_hub.settings.model_copy(update=wanted)
    own.model_fields_set.update(wanted)
    callers = make_callers(database, owner)
    with served("lyceum.web", own) as process:
        url = process.url.replace(str(staffed_hub.settings.port), str(own.port))
        there |= await asyncio.to_thread(
            make_things_of_accounts, database, url, owner, callers, dataset_id=dataset["id"]
        )
        yield LiveApi(url, document, callers, there)
    # what strangers can see of it would be seen by the tests that share this hub
    for shown in ("datasets", "models"):
        rows_of(database, f"UPDATE {shown} SET visibility = 'private' WHERE created_at >= %s", began)


def operations_of(live: LiveApi) -> list[APIOperation[Any, Any, Any, Any]]:
    """Return every operation, those that remove things last and what holds others after those."""
    schema = schemathesis.openapi.from_dict(live.document)
    # one that cannot be read raises here
    found: list[APIOperation[Any, Any, Any, Any]] = [cast("Any", one).ok() for one in schema.get_all_operations()]
    return sorted(found, key=_when)


def _when(operation: APIOperation[Any, Any, Any, Any]) -> tuple[bool, int]:
    removes = operation.method == "delete" or REMOVES.search(operation.path) is not None
    return removes, -operation.path.count("/") if removes else 0


def callers_of(operation: APIOperation[Any, Any, Any, Any]) -> tuple[str, ...]:
    """Return who asks, those oftener of whom something comes."""
    wanted = set(operation.definition.raw.get("x-lyceum-needs", ()))
    if "administrator" in wanted:
        return (*KEYS, *PEOPLE, *("the administrator",) * 5)
    return (*KEYS, *PEOPLE, *PEOPLE * 3) if "signed-in" in wanted else (*KEYS, *PEOPLE)


def holds(live: LiveApi, *, examples: int, derandomize: bool) -> tuple[list[str], Counter[int]]:
    """Return what of the document does not hold, and how often each status was answered."""
    statuses: Counter[int] = Counter()
    broken: list[str] = []
    with requests.Session() as session:
        session.trust_env = False
        for operation in operations_of(live):
            try:
                _try(live, operation, session, statuses, examples=examples, derandomize=derandomize)
            except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 all operations are tried, and every one that breaks is told
                broken.append(f"{operation.label}: {_told(error)}")
    return broken, statuses


def _try(
    live: LiveApi,
    operation: APIOperation[Any, Any, Any, Any],
    session: requests.Session,
    statuses: Counter[int],
    *,
    examples: int,
    derandomize: bool,
) -> None:
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in BOTH_MODES))

    @settings(
        max_examples=examples,
        derandomize=derandomize,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, role=st.sampled_from(callers_of(operation)), is_there=st.booleans())
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
        statuses[answer.status_code] += 1
        if answer.status_code == 401:
            caller.come_back(live.url)
        case.validate_response(answer, checks=CHECKS)

    holds_for()


def _told(error: BaseException) -> str:
    parts = getattr(error, "exceptions", (error,))
    return "\n".join(str(part)[:1500] for part in parts)


async def test_every_answer_is_one_that_the_document_promises(live: LiveApi) -> None:
    broken, statuses = await asyncio.to_thread(holds, live, examples=EXAMPLES, derandomize=True)
    assert not broken, "\n\n".join(broken)
    # what is tried reaches the inside, as well as each kind of refusal
    assert {200, 201, 401, 403, 404, 422} <= statuses.keys()


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_every_answer_of_many_is_one_that_the_document_promises(live: LiveApi) -> None:
    examples = int(os.environ.get("TESTS_API_EXAMPLES", EXAMPLES_OF_SOAK))
    broken, _ = await asyncio.to_thread(holds, live, examples=examples, derandomize=False)
    assert not broken, "\n\n".join(broken)
