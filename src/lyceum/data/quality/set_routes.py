"""Whole sets of checks over HTTP: as files, and those of other tools."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from lyceum.accounts.edge import KEEPS_ANSWER, Power, Tx, Who, api_router, needs_of_object
from lyceum.data.datasets.edge import VersionNumber, as_number
from lyceum.data.datasets.errors import VersionThinned
from lyceum.data.quality import sets, suggestions
from lyceum.data.quality.errors import FileUnreadable
from lyceum.data.quality.schemas import CheckRun
from lyceum.data.quality.set_schemas import (
    Imported,
    NewImport,
    NewOutsideRun,
    SetPlan,
    SuggestionList,
    SuggestionsDecided,
    SuggestionsKept,
)
from lyceum.kernel.http.documented import refuses

router = api_router(tags=["checks"])

YAML = "application/yaml"
YAML_BYTES_MAX = 2_000_000
_FILE: dict[int | str, dict[str, Any]] = {200: {"content": {YAML: {"schema": {"type": "object"}}}}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A list of checks below `checks:`, each with its kind; JSON is YAML too.",
        "content": {
            "application/json": {"schema": {"type": "object", "properties": {"checks": {"type": "array"}}}},
            YAML: {"schema": {"type": "string"}},
        },
    }
}


@router.get("/datasets/{org}/{name}/checks.yaml", response_class=Response, responses=_FILE)
@needs_of_object(Power.DATASETS_READ)
async def read_checks_file(tx: Tx, who: Who, org: str, name: str) -> Response:
    """Read a dataset's checks as a YAML file, each below the reason for it."""
    return Response(await sets.checks_as_file(tx, who, org, name), media_type=YAML)


@router.put("/datasets/{org}/{name}/checks.yaml", openapi_extra=_BODY)
@needs_of_object(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def replace_checks(
    request: Request,
    tx: Tx,
    who: Who,
    org: str,
    name: str,
    *,
    dry_run: Annotated[bool, Query(description="Say what would change, and change nothing.")] = False,
) -> SetPlan:
    """Have a dataset's checks be those of a YAML file: others stop, and what they found stays."""
    return await sets.replace_checks(tx, who, org, name, await _text_of(request), dry_run=dry_run)


@router.get("/datasets/{org}/{name}/checks.odcs.yaml", response_class=Response, responses=_FILE)
@needs_of_object(Power.DATASETS_READ)
async def read_data_contract(tx: Tx, who: Who, org: str, name: str) -> Response:
    """Read a dataset's columns and checks as a contract of the Open Data Contract Standard (version 3.1)."""
    return Response(await sets.contract_of(tx, who, org, name), media_type=YAML)


@router.post("/datasets/{org}/{name}/checks/import", status_code=201, dependencies=[KEEPS_ANSWER])
@needs_of_object(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def import_checks(tx: Tx, who: Who, org: str, name: str, wanted: NewImport) -> Imported:
    """Keep the checks of a suite of Great Expectations, or of a contract of Soda or the open standard, beside a dataset's own."""
    return await sets.import_checks(tx, who, org, name, wanted)


@router.post(
    "/datasets/{org}/{name}/versions/{number}/outside-runs",
    status_code=201,
    dependencies=[KEEPS_ANSWER],
    responses=refuses(VersionThinned),
)
@needs_of_object(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def keep_outside_run(
    tx: Tx, who: Who, org: str, name: str, number: VersionNumber, wanted: NewOutsideRun
) -> CheckRun:
    """Keep what dbt's tests found in a version, with their messages, among the version's check runs."""
    return await sets.keep_outside_run(tx, who, org, name, as_number(number), wanted)


@router.get("/datasets/{org}/{name}/checks/suggestions")
@needs_of_object(Power.DATASETS_READ)
async def list_suggested_checks(tx: Tx, who: Who, org: str, name: str) -> SuggestionList:
    """List the checks that the latest version's profile suggests, each with its reason; none is kept by that."""
    return await suggestions.list_suggestions(tx, who, org, name)


@router.post("/datasets/{org}/{name}/checks/suggestions", status_code=201, dependencies=[KEEPS_ANSWER])
@needs_of_object(Power.DATASETS_READ, Power.DATASETS_WRITE)
async def decide_suggested_checks(tx: Tx, who: Who, org: str, name: str, wanted: SuggestionsDecided) -> SuggestionsKept:
    """Keep suggested checks, as they are or edited, and refuse others, which are not suggested again."""
    return await suggestions.decide(tx, who, org, name, wanted)


async def _text_of(request: Request) -> str:
    body = await request.body()
    if len(body) > YAML_BYTES_MAX:
        raise FileUnreadable(f"The file is larger than {YAML_BYTES_MAX:,} bytes; a dataset's checks fit in less.")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileUnreadable("The file is no text in UTF-8; save it as that.") from None
