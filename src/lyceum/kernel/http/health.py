"""What a supervisor and a monitor ask every process that serves HTTP."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Response
from prometheus_client import Gauge, generate_latest
from sqlalchemy import text

from lyceum.kernel.db import NOBODY, Database
from lyceum.kernel.problems import Unavailable
from lyceum.kernel.resources import Resources
from lyceum.kernel.telemetry import registry
from lyceum.kernel.tx import aside

READY_SECONDS_MAX = 5.0

disk_free_bytes = Gauge(
    "lyceum_disk_free_bytes", "Free space of the disk that is nearest to its reserve", registry=registry
)
disk_reserve_bytes = Gauge(
    "lyceum_disk_reserve_bytes", "Free space below which nothing is written that grows", registry=registry
)

Refresh = Callable[[Database], Coroutine[None, None, None]]
Declare = Callable[[Callable[..., Any]], Callable[..., Any]]


def add_health(app: FastAPI, *, refresh: Refresh | None = None, declare: Declare = lambda route: route) -> None:
    """Add `/health/live`, `/health/ready` and `/metrics`; the app's state holds its resources.

    `refresh` brings figures up to date that are counted only when somebody asks; all who ask meanwhile get those.
    `declare` is put on each route, to say what it needs.
    """
    refreshing: asyncio.Task[None] | None = None

    @app.get("/health/live", tags=["health"])
    @declare
    async def live() -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "live"}

    @app.get("/health/ready", tags=["health"])
    @declare
    async def ready() -> dict[str, str]:
        """Say whether requests can be served: `ready`, or `degraded` without Valkey or room on the disk.

        Where a replica is named, `replica` says whether reads go there; without it the primary answers them all.
        """
        resources: Resources = app.state.resources
        database = resources.database
        try:
            async with (
                asyncio.timeout(READY_SECONDS_MAX),
                aside(database, NOBODY, turns=database.turn_of_health) as tx,
            ):
                await tx.execute(text("SELECT 1"))
        except Exception as error:
            raise Unavailable("The database cannot be reached.") from error
        is_whole = await _valkey_answers(resources) and not resources.disk.look().is_low
        told = {"status": "ready" if is_whole else "degraded"}
        return told | {"replica": resources.replica.state} if resources.replica is not None else told

    @app.get("/metrics", tags=["health"], include_in_schema=False)
    @declare
    async def metrics() -> Response:
        """Return this process's figures in Prometheus's text form."""
        nonlocal refreshing
        disk = app.state.resources.disk.look()
        disk_free_bytes.set(disk.free_bytes)
        disk_reserve_bytes.set(disk.free_bytes_min)
        if refresh is not None:
            if refreshing is None or refreshing.done():
                refreshing = asyncio.create_task(refresh(app.state.resources.database))
            await asyncio.shield(refreshing)
        # thousands of lines of text on a busy hub
        figures = await asyncio.to_thread(generate_latest, registry)
        return Response(figures, media_type="text/plain; version=0.0.4")


async def _valkey_answers(resources: Resources) -> bool:
    if resources.valkey is None:
        return False
    try:
        await resources.valkey.ping()
    except Exception:  # noqa: BLE001 whatever keeps it from answering, it does not answer
        return False
    return True
