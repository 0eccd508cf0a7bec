"""Being a child of the supervisor: saying when one serves, and serving HTTP in the way all processes of the hub do."""

import os
import signal
import socket
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from lyceum.kernel.config import Settings
from lyceum.kernel.stopping import SERVING_DRAIN_SECONDS

READY_FD = "LYCEUM_READY_FD"
LISTEN_FD = "LYCEUM_LISTEN_FD"
KEEP_ALIVE_SECONDS = 75
SOCKET_PING_SECONDS = 20.0
"""Between two pings on a socket, and how long a peer may take to answer one before it counts as dead."""
SOCKET_MESSAGE_BYTES_MAX = 16 * 1024


def say_ready() -> None:
    """Tell the supervisor that this process serves; without one, nobody is told."""
    descriptor = os.environ.pop(READY_FD, None)
    if descriptor is not None:
        os.write(int(descriptor), b"ready\n")
        os.close(int(descriptor))


class _ReadyServer(uvicorn.Server):
    async def startup(self, sockets: list | None = None) -> None:  # type: ignore[type-arg]  # uvicorn's own form
        await super().startup(sockets=sockets)
        if self.started:
            say_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn's own notes the signal and dies of it at the end, which looks like a crash
        del frame
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def serve_http(app: ASGIApp, settings: Settings, *, port: int) -> None:
    """Serve until SIGTERM; requests under way are let finish for a while.

    It listens on the socket the supervisor handed over, else on `port` itself.
    """
    config = server_config(app, settings, port=port)
    given = os.environ.pop(LISTEN_FD, None)
    _ReadyServer(config).run(sockets=[socket.socket(fileno=int(given))] if given is not None else None)


def server_config(
    app: ASGIApp, settings: Settings, *, port: int, socket_ping_seconds: float = SOCKET_PING_SECONDS
) -> uvicorn.Config:
    """Return how every process of the hub serves HTTP and sockets."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        # a window of compression would cost more memory than all else of a socket
        ws_per_message_deflate=False,
        ws_max_size=SOCKET_MESSAGE_BYTES_MAX,
        ws_ping_interval=socket_ping_seconds,
        ws_ping_timeout=socket_ping_seconds,
        timeout_graceful_shutdown=SERVING_DRAIN_SECONDS,
    )
