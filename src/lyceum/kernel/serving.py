"""Being a child of the supervisor: saying when one serves, and serving HTTP in the way all processes of the hub do."""

import ipaddress
import os
import resource
import signal
import socket
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from lyceum.kernel.config import Settings
from lyceum.kernel.http.connections import ConnectionLimits, guarded_protocol
from lyceum.kernel.http.protection import Protection
from lyceum.kernel.stopping import SERVING_DRAIN_SECONDS

READY_FD = "LYCEUM_READY_FD"
LISTEN_FD = "LYCEUM_LISTEN_FD"
KEEP_ALIVE_SECONDS = 75
SOCKET_PING_SECONDS = 20.0
"""Between two pings on a socket, and how long a peer may take to answer one before it counts as dead."""
SOCKET_MESSAGE_BYTES_MAX = 16 * 1024
OPEN_FILES_BESIDE = 128
"""What a process has open besides connections of clients."""


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
    _raise_open_files(settings.connections_max + OPEN_FILES_BESIDE)
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
        http=guarded_protocol(_connection_limits(settings), Protection(settings)),
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=_trusted(settings.trusted_proxies),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        # a window of compression would cost more memory than all else of a socket
        ws_per_message_deflate=False,
        ws_max_size=SOCKET_MESSAGE_BYTES_MAX,
        ws_ping_interval=socket_ping_seconds,
        ws_ping_timeout=socket_ping_seconds,
        timeout_graceful_shutdown=SERVING_DRAIN_SECONDS,
    )


def _connection_limits(settings: Settings) -> ConnectionLimits:
    files_max, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    # one that cannot be accepted for want of a descriptor is never answered
    room = settings.connections_max if files_max == resource.RLIM_INFINITY else max(16, files_max - OPEN_FILES_BESIDE)
    return ConnectionLimits(
        connections_max=min(settings.connections_max, room),
        slow_seconds=settings.slow_client_seconds,
        body_bytes_a_second_min=settings.request_bytes_a_second_min,
        rest_seconds=KEEP_ALIVE_SECONDS,
    )


def _raise_open_files(wanted: int) -> None:
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    if now != resource.RLIM_INFINITY and now < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))


def _trusted(proxies: tuple[str, ...]) -> list[str]:
    """Return the proxies, and how their IPv4 addresses look on a socket that takes IPv6 as well."""
    networks = [ipaddress.ip_network(proxy) for proxy in proxies]
    mapped = [
        f"::ffff:{network.network_address}/{96 + network.prefixlen}"
        for network in networks
        if isinstance(network, ipaddress.IPv4Network)
    ]
    return [*proxies, *mapped]
