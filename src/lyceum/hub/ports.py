"""Takes the ports a hub listens on, and looks for others when they are taken."""

import errno
import os
import socket
from typing import Any

from lyceum.hub.errors import HubRefused

PORT_MAX = 65535
NEIGHBOURS = 100
BACKLOG = 2048
PRIVILEGED_PORT_MAX = 1023
TAKEN = frozenset({errno.EADDRINUSE, errno.EACCES})
LOOPBACK_V6 = "::1"

Address = tuple[Any, ...]


def listen_near(host: str, wanted: int) -> socket.socket:
    """Return a socket that listens on `wanted`, else on the next free port, else on any free one.

    Whoever connects is kept waiting until a process takes the socket over. Raises `HubRefused` when the host is no
    address of this machine.
    """
    for family, address in _addresses(host):
        for port in (*range(wanted, min(wanted + NEIGHBOURS, PORT_MAX) + 1), 0):
            try:
                return _listen(family, address, port)
            except OSError as error:
                # whatever else is wrong with an address is wrong on every port of it
                if error.errno not in TAKEN:
                    break
    raise HubRefused(
        f"LYCEUM_HOST={host} is no address of this machine: use 127.0.0.1 for this machine alone, or 0.0.0.0 for all."
    )


def is_free(host: str, port: int) -> bool:
    """Tell whether this process may listen on the port."""
    for family, address in _addresses(host):
        try:
            _listen(family, address, port).close()
        except OSError as error:
            if error.errno in TAKEN:
                return False
        else:
            return True
    return False


def why_not(port: int) -> str:
    """Return what keeps this process from listening on a port that is not free to it."""
    return "needs root" if port <= PRIVILEGED_PORT_MAX and os.geteuid() != 0 else "is taken"


def _addresses(host: str) -> list[tuple[socket.AddressFamily, Address]]:
    """Return what the host stands for, best first; nothing when nobody knows it. May ask a name server."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return []
    addresses = [(family, address) for family, _, _, _, address in found]
    # localhost is mostly both: whoever asks for the name tries either, whoever asks for 127.0.0.1 only that one
    return sorted(addresses, key=lambda entry: entry[1][0] == LOOPBACK_V6)


def _listen(family: socket.AddressFamily, address: Address, port: int) -> socket.socket:
    listening = socket.socket(family)
    try:
        # a port whose last connections are still closing is free to listen on
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address[0], port, *address[2:]))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
