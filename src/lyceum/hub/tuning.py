"""PostgreSQL settings that fit the machine it runs on."""

import os
from dataclasses import dataclass
from pathlib import Path

from lyceum.kernel.machine import memory_bytes

MEBIBYTE = 1024**2
SHM_BYTES_MIN = 256 * MEBIBYTE
FIRST_ORDINARY_UID = 1000
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 measured, nothing is written there


@dataclass(frozen=True, slots=True)
class Machine:
    """What of the machine the settings depend on; memory in bytes, a container's limit when that is lower."""

    memory_bytes: int
    cpus: int
    shm_bytes: int


def this_machine() -> Machine:
    """Measure this machine."""
    return Machine(memory_bytes=memory_bytes(), cpus=len(os.sched_getaffinity(0)), shm_bytes=_shm_bytes(SHARED_MEMORY))


def postgres_settings(machine: Machine, *, server_uid: int, durable: bool) -> dict[str, str]:
    """Return the contents of the configuration file, beside addresses and files.

    `durable=False` gives up crash safety for speed, for tests.
    """
    memory_mb = machine.memory_bytes // MEBIBYTE
    shared_mb = _between(memory_mb // 8, 64, 2048)
    settings = {
        "max_connections": "100",
        "shared_buffers": f"{shared_mb}MB",
        "effective_cache_size": f"{max(memory_mb // 2, shared_mb)}MB",
        "work_mem": f"{_between(memory_mb // 512, 4, 32)}MB",
        "maintenance_work_mem": f"{_between(memory_mb // 32, 32, 512)}MB",
        "max_parallel_workers": str(machine.cpus),
        "max_parallel_workers_per_gather": str(_between(machine.cpus // 2, 0, 2)),
        "dynamic_shared_memory_type": _shared_memory_type(machine, server_uid),
        # huge pages that a container's limit then refuses end in SIGBUS
        "huge_pages": "off",
        "io_workers": str(_between(machine.cpus // 2, 1, 3)),
        "jit": "off",
        "ssl": "off",
        "min_wal_size": "80MB",
        "max_wal_size": "1GB",
        "wal_compression": "on",
        "checkpoint_timeout": "15min",
        # a queue at full rate makes dead entries faster than a look a minute clears them from before its claims
        "autovacuum_naptime": "15s",
        "random_page_cost": "1.1",
        "password_encryption": "scram-sha-256",
        # passwords are 256 random bits: stretching them would only slow each connection
        "scram_iterations": "1",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u ",
        "log_checkpoints": "off",
        "log_min_duration_statement": "1s",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "cluster_name": "lyceum",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "4GB"}
    return settings


def _shared_memory_type(machine: Machine, server_uid: int) -> str:
    # systemd-logind removes an ordinary user's POSIX segments when they log out (RemoveIPC)
    logind = Path("/run/systemd/seats").exists() and server_uid >= FIRST_ORDINARY_UID
    return "mmap" if machine.shm_bytes < SHM_BYTES_MIN or logind else "posix"


def _shm_bytes(folder: Path) -> int:
    try:
        if not os.access(folder, os.W_OK):
            return 0
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_frsize * found.f_blocks


def _between(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))
