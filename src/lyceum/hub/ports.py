"""Finds a port to listen on when the wanted one is taken."""

import contextlib
import socket

PORT_MAX = 65535
NEIGHBOURS = 100


def free_port(host: str, wanted: int, *, also_taken: frozenset[int] = frozenset()) -> int:
    """Return `wanted` when it is free on `host`, else the next free port, else any free one."""
    for port in range(wanted, min(wanted + NEIGHBOURS, PORT_MAX) + 1):
        if port not in also_taken and is_free(host, port):
            return port
    with socket.socket(_family(host)) as any_port:
        any_port.bind((host, 0))
        port = any_port.getsockname()[1]
    return int(port)


def is_free(host: str, port: int) -> bool:
    """Tell whether this process may listen on the port; raises `OSError` only when the host cannot be bound at all."""
    with socket.socket(_family(host)) as probe:
        # a port whose last connections are still closing is free to listen on
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind((host, port))
            probe.listen(1)
            return True
    return False


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
