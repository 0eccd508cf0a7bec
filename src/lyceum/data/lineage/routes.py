"""Lineage over HTTP."""

from collections.abc import Sequence
from typing import Annotated, cast

from fastapi import Depends, Request

from lyceum.accounts.edge import Power, Tx, Who, api_router, needs_of_object
from lyceum.data.incidents.public import ConsumersOf
from lyceum.data.lineage import queries
from lyceum.data.lineage.logs import PredictionLogsOf
from lyceum.data.lineage.schemas import Lineage
from lyceum.kernel.http.paging import Cursor, Limit, decode_cursor

router = api_router(tags=["datasets"])


def _asked(request: Request) -> Sequence[ConsumersOf]:
    return cast("Sequence[ConsumersOf]", request.app.state.consumers)


def _logs(request: Request) -> PredictionLogsOf:
    return cast("PredictionLogsOf", request.app.state.prediction_logs)


@router.get("/datasets/{org}/{name}/lineage")
@needs_of_object(Power.DATASETS_READ)
async def read_lineage(
    tx: Tx,
    who: Who,
    asked: Annotated[Sequence[ConsumersOf], Depends(_asked)],
    logs_of: Annotated[PredictionLogsOf, Depends(_logs)],
    org: str,
    name: str,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Lineage:
    """Read where a dataset's newest versions come from, and which runs and models were made of them."""
    return await queries.lineage_for(tx, who, asked, logs_of, org, name, limit=limit, before=decode_cursor(cursor))
