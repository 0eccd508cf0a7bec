"""The floor of `http_mix.py`: the same requests on the same tables by bare ASGI and hand-written SQL, a statement each.

Row-level security holds here too. What is left out is what the product adds: keys, permissions, limits, logs, validation.
"""

import asyncio
import os
import sys
from typing import Any
from uuid import UUID

import orjson
import psycopg
from psycopg.rows import dict_row

from lyceum.kernel.config import load_settings
from lyceum.kernel.ids import new_id
from lyceum.kernel.migrate import libpq_url
from lyceum.kernel.serving import serve_http
from lyceum.kernel.telemetry import settle_garbage_collector

CONNECTIONS = 8
ORGANISATION = "BENCH_ORGANISATION"
_HEADERS = [(b"content-type", b"application/json")]

_DATASET = """
SELECT d.id, o.name AS organisation, d.name, d.description, d.column_notes, d.visibility, d.created_at,
    (SELECT max(v.number) FROM dataset_versions v WHERE v.dataset_id = d.id AND v.state = 'accepted') AS latest_version
FROM datasets d JOIN organisations o ON o.id = d.org_id
"""
_ONE = f"{_DATASET} WHERE o.name = %s AND lower(d.name) = lower(%s) AND d.archived_at IS NULL"
_LIST = f"{_DATASET} WHERE d.archived_at IS NULL ORDER BY d.id DESC LIMIT 20"
_VERSION = """
SELECT v.id, d.org_id FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id
WHERE lower(d.name) = lower(%s) AND v.number = %s AND v.state = 'accepted'
"""
_RUN = "INSERT INTO check_runs (id, org_id, version_id, job_id) VALUES (%s, %s, %s, %s)"
_JOB = "INSERT INTO jobs (id, org_id, kind, args) VALUES (%s, %s, 'quality.run_checks', %s)"


class Floor:
    """The ASGI application."""

    def __init__(self, url: str, organisation: UUID) -> None:
        self._url = url
        self._begin = f"BEGIN; SELECT set_config('lyceum.org_id', '{organisation}', true)"
        self._free: asyncio.Queue[psycopg.AsyncConnection[dict[str, Any]]] = asyncio.Queue()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        parts = scope["path"].split("/")[4:]
        connection = await self._free.get()
        try:
            await connection.execute(self._begin, prepare=False)
            status, body = await self._answer(connection, parts)
            await connection.execute("COMMIT")
        finally:
            self._free.put_nowait(connection)
        await send({"type": "http.response.start", "status": status, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": orjson.dumps(body)})

    async def _answer(self, connection: psycopg.AsyncConnection[dict[str, Any]], parts: list[str]) -> tuple[int, Any]:
        if not parts:
            return 200, {"items": await (await connection.execute(_LIST)).fetchall(), "next": None}
        if len(parts) == 2:
            return 200, await (await connection.execute(_ONE, parts)).fetchone()
        version = await (await connection.execute(_VERSION, (parts[1], int(parts[3])))).fetchone()
        assert version is not None
        run_id, job_id = new_id(), new_id()
        await connection.execute(_RUN, (run_id, version["org_id"], version["id"], job_id))
        await connection.execute(_JOB, (job_id, version["org_id"], orjson.dumps({"check_run_id": run_id}).decode()))
        return 202, {"id": run_id, "job_id": job_id, "state": "queued"}

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        for _ in range(CONNECTIONS):
            self._free.put_nowait(
                await psycopg.AsyncConnection.connect(self._url, autocommit=True, row_factory=dict_row)
            )
        settle_garbage_collector()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        while not self._free.empty():
            await self._free.get_nowait().close()
        await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    config = load_settings()
    assert config.database_url is not None
    floor = Floor(libpq_url(config.database_url.get_secret_value()), UUID(os.environ[ORGANISATION]))
    serve_http(floor, config, port=int(sys.argv[1]))
