"""The embedded Valkey: cache, limits and publish/subscribe on a Unix socket, nothing kept on disk."""

import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from lyceum.hub.credentials import Credentials
from lyceum.hub.processes import Launch
from lyceum.hub.server_home import ServerHome
from lyceum.hub.tuning import MEBIBYTE, this_machine

PING_SECONDS_MAX = 1.0
MEMORY_MB_MIN = 64
MEMORY_MB_MAX = 512


@dataclass(frozen=True, slots=True)
class EmbeddedValkey:
    """One Valkey server of one hub; `prepare` once, then start `launch()` and wait until `is_ready`."""

    home: ServerHome
    credentials: Credentials

    stop_signal = signal.SIGTERM
    kill_signal = signal.SIGKILL

    @property
    def socket(self) -> Path:
        return self.home.sockets / "valkey.sock"

    @property
    def url(self) -> str:
        """The URL for redis-py, with the password."""
        return f"unix://{self.socket}?password={self.credentials.valkey_password}"

    def prepare(self) -> None:
        """Write the configuration, which holds the password, readable for the server's account alone."""
        megabytes = max(MEMORY_MB_MIN, min(this_machine().memory_bytes // MEBIBYTE // 16, MEMORY_MB_MAX))
        lines = [
            "port 0",
            f"unixsocket {self.socket}",
            "unixsocketperm 700",
            f"dir {self.home.sockets}",
            f"requirepass {self.credentials.valkey_password}",
            'save ""',
            "appendonly no",
            f"maxmemory {megabytes}mb",
            # everything here may vanish at any time, so the oldest may too
            "maxmemory-policy allkeys-lru",
            "daemonize no",
            'logfile ""',
        ]
        self._write_private("\n".join([*lines, ""]))

    def launch(self, *, death_signal: signal.Signals | None = signal.SIGTERM) -> Launch:
        """Return how to start the server."""
        return Launch(
            program=(str(self.home.programs.valkey_server), str(self._configuration)),
            account=self.home.account,
            binds=self.home.binds,
            death_signal=death_signal,
        )

    def is_ready(self, pid: int) -> bool:
        """Tell whether the server with this pid answers a PING."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(PING_SECONDS_MAX)
                connection.connect(str(self.socket))
                connection.sendall(f"AUTH {self.credentials.valkey_password}\r\nINFO server\r\n".encode())
                return f"\r\nprocess_id:{pid}\r\n".encode() in _read_reply(connection)
        except OSError:
            return False

    @property
    def _configuration(self) -> Path:
        return self.home.sockets / "valkey.conf"

    def _write_private(self, text: str) -> None:
        # the folder belongs to the server's account, so nothing already there is followed or kept
        self._configuration.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(self._configuration, flags, 0o600), "w", encoding="utf-8") as handle:
            if self.home.account.drop:
                os.fchown(handle.fileno(), self.home.account.uid, self.home.account.gid)
            handle.write(text)


def _read_reply(connection: socket.socket) -> bytes:
    """Read until the end of the INFO block: `+OK`, then `$<length>`, then that many bytes; or an error line."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
        if received.startswith(b"-") or b"\r\n-" in received:
            return b""
        head = received.split(b"\r\n", 2)
        if len(head) == 3 and head[1].startswith(b"$") and len(head[2]) >= int(head[1][1:]):
            return received
    return received
