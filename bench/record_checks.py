"""Checks of records over HTTP, beside a request that does nothing with the same records: `python bench/record_checks.py`.

The hub's API runs as in the product, with a key, permissions, limits that are counted and not reached and row-level
security; it has one route more, which takes the same body from the same caller and answers nothing. What is told is the CPU
of the API's process: of a request that does nothing, of one that looks records up against a dataset without checks (who
may, which checks, reading the records), and of the same with 20 checks. Marks: 100 records and 20 checks add at most 0.5 ms
to a request that does nothing, one record 0.1 ms.
"""

import argparse
import asyncio
import json
import os
import secrets
import statistics
import sys
from typing import Any

import httpx
import msgspec
import numpy as np
import polars as pl
from checks import CHECKS, orders
from fastapi import Request
from processes import cpu_seconds, free_port, own_process
from servers import machine, own_servers
from sqlalchemy.ext.asyncio import AsyncSession

from lyceum import web, wiring
from lyceum.accounts.edge import Power, Who, api_router, counts_as_push, needs_of_object, not_recorded
from lyceum.accounts.public import Actor, find_actor, local_administrator_key
from lyceum.data.datasets.models import DatasetRow, DatasetVersionRow
from lyceum.data.quality import routes
from lyceum.data.quality.engine.public import NotNull, Range, checks_from_plain
from lyceum.data.quality.models import CheckRow
from lyceum.kernel.config import Settings, load_settings
from lyceum.kernel.db import NOBODY
from lyceum.kernel.resources import open_resources
from lyceum.kernel.tx import transaction

MARKS_MS = {1: 0.1, 100: 0.5}
BY_ROWS = ("not_null", "range", "in_set", "regex")
no_op = api_router()


@no_op.post("/datasets/{org}/{name}/checks/no-op")
@needs_of_object(Power.DATASETS_READ)
@counts_as_push
@not_recorded
async def answer_nothing(request: Request, who: Who, org: str, name: str) -> dict[str, object]:
    """Take the body and say how long it is."""
    return {"dataset": f"{org}/{name}", "of": who.org_name, "bytes": len(await request.body())}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=500, help="in one turn")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each kind; the median is printed")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        _put_beside()
        web.main()
        return
    print(machine())
    port = free_port()
    with own_servers() as servers:
        os.environ |= {
            **servers,
            "LYCEUM_SECRET_KEY": secrets.token_hex(32),
            "LYCEUM_PORT": str(port),
            "LYCEUM_LOG_LEVEL": "warning",
            "LYCEUM_USER_PUSHES_PER_MINUTE": "10000000",
        }
        table = orders(np.random.default_rng(1), 0, 100)
        key, org = asyncio.run(_fill(load_settings(), table))
        with own_process([sys.executable, __file__, "--serve"], os.environ, port) as process_id:
            url = f"http://127.0.0.1:{port}/api/v1/datasets/{org}"
            headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
            with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
                for many in MARKS_MS:
                    _compare(client, url, process_id, _body(table.head(many)), many, options)


def _put_beside() -> None:
    """Give the hub the route that does nothing, where it takes as long to be found as the one that checks."""
    paths = [getattr(route, "path", "") for route in routes.router.routes]
    place = next(place for place, path in enumerate(paths) if path.endswith("/checks/records"))
    routes.router.routes[place:place] = no_op.routes


def _checks() -> list[Any]:
    """Return twenty checks that rows decide, those of `checks.py` first."""
    found = [check for check in CHECKS if msgspec.to_builtins(check)["kind"] in BY_ROWS]
    more = [NotNull(column="amount"), NotNull(column="quantity"), Range(column="weight", min=-100, max=100)]
    more.append(NotNull(column="postcode"))
    chosen = [*found, *more][:20]
    if len(chosen) != 20:
        sys.exit(f"there are {len(chosen)} checks")
    return chosen


def _body(table: pl.DataFrame) -> bytes:
    return json.dumps(json.loads(table.write_json()), separators=(",", ":")).encode()


async def _fill(config: Settings, table: pl.DataFrame) -> tuple[str, str]:
    from lyceum.data.quality.engine.frames import as_plain

    types = as_plain(table.lazy())[1]
    columns = [{"name": name, "type": str(kind), "nullable": True} for name, kind in types.items()]
    definitions = [msgspec.to_builtins(check) for check in _checks()]
    checks_from_plain(definitions)
    async with open_resources(config, subscribers=wiring.subscribers()) as resources:
        key = (await local_administrator_key(resources.database)).secret
        async with transaction(resources.database, NOBODY) as tx:
            who = await find_actor(tx, key)
        async with transaction(resources.database, who.scope) as tx:
            await _add_dataset(tx, who, "unchecked", columns, [])
            await _add_dataset(tx, who, "checked", columns, definitions)
    return key, who.org_name


async def _add_dataset(
    tx: AsyncSession, who: Actor, name: str, columns: list[dict[str, Any]], definitions: list[dict[str, Any]]
) -> None:
    assert who.org_id is not None
    dataset = DatasetRow(org_id=who.org_id, name=name)
    tx.add(dataset)
    await tx.flush()
    tx.add(
        DatasetVersionRow(
            org_id=who.org_id,
            dataset_id=dataset.id,
            number=1,
            state="accepted",
            delta_version=0,
            file_name="table.csv",
            row_count=1,
            table_schema={"columns": columns},
        )
    )
    for definition in definitions:
        tx.add(CheckRow(org_id=who.org_id, dataset_id=dataset.id, definition=definition, origin="person"))


def _compare(
    client: httpx.Client, url: str, process_id: int, body: bytes, many: int, options: argparse.Namespace
) -> None:
    paths = {
        "nothing": f"{url}/checked/checks/no-op",
        "no checks": f"{url}/unchecked/checks/records",
        "20 checks": f"{url}/checked/checks/records",
    }
    answer = client.post(paths["20 checks"], content=body).raise_for_status().json()
    if not answer["holds"] or len(answer["items"]) != 20 or answer["records"] != many:
        sys.exit(f"the checks did not run as meant: {answer}")
    taken: dict[str, list[float]] = {what: [] for what in paths}
    for _ in range(options.rounds + 1):
        for what, path in paths.items():
            before = cpu_seconds(process_id)
            for _ in range(options.requests):
                client.post(path, content=body).raise_for_status()
            taken[what].append((cpu_seconds(process_id) - before) / options.requests * 1e3)
    # the first turn warms
    ms = {what: statistics.median(figures[1:]) for what, figures in taken.items()}
    added, own = ms["20 checks"] - ms["nothing"], ms["20 checks"] - ms["no checks"]
    verdict = "" if added <= MARKS_MS[many] else f"  above the mark of {MARKS_MS[many]:g} ms"
    print(
        f"{many:>4} records, {len(body):,} bytes: CPU ms a request: {ms['nothing']:.3f} with nothing done, "
        f"{ms['no checks']:.3f} with no checks, {ms['20 checks']:.3f} with 20; the checks add {own:.3f}, "
        f"all of it {added:.3f}{verdict}",
        flush=True,
    )


if __name__ == "__main__":
    main()
