"""The hub's control socket: one JSON line asks, one JSON line answers; for the same account and for root."""

import asyncio
import json
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from lyceum.hub.errors import HubFailed, HubNotRunning
from lyceum.hub.lock import lock_holder

ASK_SECONDS_MAX = 60
LINE_BYTES_MAX = 1024**2
PEER_CREDENTIALS = struct.Struct("3i")

Answer = Callable[[str], Awaitable[dict[str, Any]]]

log = logging.getLogger(__name__)


async def serve_control(path: Path, answer: Answer) -> asyncio.Server:
    """Answer commands on the socket at `path` until the server that comes back is closed.

    `answer` gets the command's name; a `HubFailed` it raises becomes an answer with `error`.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reply = await _reply(reader, writer, answer)
            writer.write(json.dumps(reply).encode() + b"\n")
            await writer.drain()
        except (ConnectionError, ValueError):
            pass  # whoever asked has gone or wrote no line
        finally:
            writer.close()

    return await asyncio.start_unix_server(serve, sock=_bound_socket(path), limit=LINE_BYTES_MAX)


def ask_hub(home: Path, command: str) -> dict[str, Any]:
    """Return the running hub's answer to a command.

    Raises `HubNotRunning` when no hub runs on this data, and `HubFailed` with the hub's own sentence.
    """
    holder = lock_holder(home)
    if holder is None:
        raise HubNotRunning(f"No hub runs on the data in {home}: start it with `lyceum up`.")
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ASK_SECONDS_MAX)
            connection.connect(str(holder.control_socket))
            connection.sendall(json.dumps({"command": command}).encode() + b"\n")
            line = connection.makefile("rb").readline(LINE_BYTES_MAX)
    except PermissionError:
        raise HubFailed(
            f"The hub on {home} belongs to another account (pid {holder.pid}): ask as that account, or as root."
        ) from None
    except (FileNotFoundError, ConnectionRefusedError):
        raise HubNotRunning(f"No hub runs on the data in {home}: start it with `lyceum up`.") from None
    except OSError as error:
        raise HubFailed(f"The hub (pid {holder.pid}) does not answer: {error}.") from None
    if not line:
        raise HubFailed(f"The hub (pid {holder.pid}) closed the connection without an answer.")
    reply: dict[str, Any] = json.loads(line)
    if "error" in reply:
        raise HubFailed(reply["error"])
    return reply


def _bound_socket(path: Path) -> socket.socket:
    # the caller holds the hub's lock, so a socket already there is a dead hub's
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(path))
    path.chmod(0o600)
    return bound


async def _reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> dict[str, Any]:
    if _peer_uid(writer) not in {0, os.geteuid()}:
        return {"error": "This hub belongs to another account: ask as that account, or as root."}
    command = json.loads(await reader.readline()).get("command")
    try:
        return await answer(str(command))
    except HubFailed as error:
        return {"error": str(error)}
    except Exception:
        log.exception("the command %s failed", command)
        return {"error": f"The command {command} failed inside the hub; see its log."}


def _peer_uid(writer: asyncio.StreamWriter) -> int:
    connection: socket.socket = writer.get_extra_info("socket")
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER_CREDENTIALS.size)
    uid: int = PEER_CREDENTIALS.unpack(packed)[1]
    return uid
