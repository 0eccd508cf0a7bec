"""Processes under load: started, waited for until they listen, and asked for what they have used."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from servers import STOP_SECONDS_MAX, wait_until


@contextmanager
def own_process(command: Sequence[str], variables: Mapping[str, str], port: int) -> Iterator[int]:
    """Yield the process id of a server that listens on the port; it is stopped afterwards."""
    process = subprocess.Popen(command, env=variables)
    try:
        wait_until(lambda: _listens(port) or process.poll() is not None)
        if process.poll() is not None:
            sys.exit(f"{' '.join(command)} ended with {process.returncode}")
        yield process.pid
    finally:
        process.terminate()
        process.wait(STOP_SECONDS_MAX)


def cpu_seconds(process_id: int) -> float:
    """Return the CPU time a process has used."""
    fields = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(process_id: int) -> int:
    """Return the memory a process holds."""
    pages = int(Path(f"/proc/{process_id}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
