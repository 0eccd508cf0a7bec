"""Runs a command whose only way to PostgreSQL is a network of its own, which goes down and up as it is told.

`unshare --net python behind_a_network.py PORT SOCKET COMMAND…`: the server's socket is reached at
127.0.0.1:PORT of the new network namespace. `down` and `up` come as lines on standard input; its end ends the command.
"""

import asyncio
import fcntl
import os
import socket
import struct
import subprocess
import sys

from lyceum.kernel.db import LOSS_OF_CLIENT

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
READY_FD = "LYCEUM_READY_FD"


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


async def main(port: int, path: str, command: list[str]) -> None:
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        notice_loss(writer.get_extra_info("socket"))
        try:
            there, back = await asyncio.open_unix_connection(path)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back), pump(there, writer))

    set_network(up=True)
    server = await asyncio.start_server(forward, "127.0.0.1", port)
    inherited = [int(os.environ[READY_FD])]
    process = await asyncio.create_subprocess_exec(*command, pass_fds=inherited, stdin=subprocess.DEVNULL)
    os.close(inherited[0])
    try:
        while line := await asyncio.to_thread(sys.stdin.readline):
            set_network(up=line.strip() == "up")
    finally:
        process.kill()
        await process.wait()
        server.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
