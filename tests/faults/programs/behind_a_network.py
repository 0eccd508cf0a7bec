"""Runs a command whose only way to PostgreSQL is a network of its own, which goes down and up as it is told.

`unshare --net python behind_a_network.py PORT=SOCKET… -- COMMAND…`: each socket is reached at 127.0.0.1:PORT of the new
network namespace; what the command was given to listen on stays in the old one. `down` and `up` come as lines on
standard input; its end ends the command.
"""

import asyncio
import fcntl
import os
import socket
import struct
import subprocess
import sys
from functools import partial

from lyceum.kernel.db import LOSS_OF_CLIENT
from lyceum.kernel.serving import LISTEN_FD, READY_FD

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
INHERITED = (READY_FD, LISTEN_FD)


def set_network(*, up: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        name = b"lo".ljust(16, b"\0")
        answer = fcntl.ioctl(asked, SIOCGIFFLAGS, name + bytes(16))
        flags = struct.unpack_from("=H", answer, 16)[0]
        flags = flags | IFF_UP if up else flags & ~IFF_UP
        fcntl.ioctl(asked, SIOCSIFFLAGS, name + struct.pack("=H", flags) + bytes(14))


def notice_loss(client: socket.socket) -> None:
    """Do what a server does that its clients have asked to notice when they are gone."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, LOSS_OF_CLIENT["tcp_user_timeout"])
    for option, asked in (
        (socket.TCP_KEEPIDLE, "tcp_keepalives_idle"),
        (socket.TCP_KEEPINTVL, "tcp_keepalives_interval"),
        (socket.TCP_KEEPCNT, "tcp_keepalives_count"),
    ):
        client.setsockopt(socket.IPPROTO_TCP, option, LOSS_OF_CLIENT[asked])


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def forward(path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    notice_loss(writer.get_extra_info("socket"))
    try:
        there, back = await asyncio.open_unix_connection(path)
    except OSError:
        writer.close()
        return
    await asyncio.gather(pump(reader, back), pump(there, writer))


async def main(ways: list[str], command: list[str]) -> None:
    set_network(up=True)
    for way in ways:
        port, _, path = way.partition("=")
        await asyncio.start_server(partial(forward, path), "127.0.0.1", int(port))
    inherited = [int(os.environ[name]) for name in INHERITED if name in os.environ]
    process = await asyncio.create_subprocess_exec(*command, pass_fds=inherited, stdin=subprocess.DEVNULL)
    for descriptor in inherited:
        os.close(descriptor)
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            set_network(up=line.strip() == "up")
    finally:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    split = sys.argv.index("--")
    asyncio.run(main(sys.argv[1:split], sys.argv[split + 1 :]))
