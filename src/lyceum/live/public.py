"""The door of the live socket.

In the app's lifespan: `async with open_sockets(resources, known, topics) as sockets: app.state.sockets = sockets`, and
`add_socket_route(app)` before the routers.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import cast

from fastapi import FastAPI
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from lyceum.accounts.edge import KNOWN, KnownActors, introduced, needs
from lyceum.accounts.public import Actor
from lyceum.kernel.realtime.connection import Introduced
from lyceum.kernel.realtime.sockets import Sockets
from lyceum.kernel.realtime.topics import TopicKind, Topics
from lyceum.kernel.resources import Resources

SOCKET_PATH = "/api/v1/ws"

__all__ = ["SOCKET_PATH", "add_socket_route", "open_sockets"]


@asynccontextmanager
async def open_sockets(
    resources: Resources, known: KnownActors, kinds: Iterable[TopicKind[Actor]]
) -> AsyncIterator[Sockets[Actor]]:
    """Yield the sockets of a process, whose clients say who they are with an API key, an access token or a cookie."""

    async def introduce(websocket: WebSocket, key: str | None) -> Introduced[Actor]:
        return await introduced(websocket, known, resources, key=key)

    async with Sockets(resources, Topics(kinds), introduce=introduce).serving() as sockets:
        yield sockets


def add_socket_route(app: FastAPI) -> None:
    """Have the app answer `/api/v1/ws` with `app.state.sockets`."""
    app.router.routes.append(WebSocketRoute(SOCKET_PATH, _serve))


@needs(KNOWN)
async def _serve(websocket: WebSocket) -> None:
    await cast("Sockets[Actor]", websocket.app.state.sockets).serve(websocket)
