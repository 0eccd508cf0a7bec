"""Takes the ports a hub listens on, and looks for others when they are taken."""

import contextlib
import os
import socket

from lyceum.hub.errors import HubRefused

PORT_MAX = 65535
NEIGHBOURS = 100
BACKLOG = 2048
PRIVILEGED_PORT_MAX = 1023


def listen_near(host: str, wanted: int) -> socket.socket:
    """Return a socket that listens on `wanted`, else on the next free port, else on any free one.

    Whoever connects is kept waiting until a process takes the socket over. Raises `HubRefused` when the host is no
    address of this machine.
    """
    for port in (*range(wanted, min(wanted + NEIGHBOURS, PORT_MAX) + 1), 0):
        with contextlib.suppress(OSError):
            return _listen(host, port)
    raise HubRefused(
        f"LYCEUM_HOST={host} is no address of this machine: use 127.0.0.1 for this machine alone, or 0.0.0.0 for all."
    )


def is_free(host: str, port: int) -> bool:
    """Tell whether this process may listen on the port."""
    with contextlib.suppress(OSError), _listen(host, port):
        return True
    return False


def why_not(port: int) -> str:
    """Return what keeps this process from listening on a port that is not free to it."""
    return "needs root" if port <= PRIVILEGED_PORT_MAX and os.geteuid() != 0 else "is taken"


def _listen(host: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        # a port whose last connections are still closing is free to listen on
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
