"""`lyceum worker`: a worker of its own, beside those that `lyceum up` runs."""

import os
import sys
from typing import TYPE_CHECKING

from lyceum.cli_settings import settings_here
from lyceum.hub.errors import HubFailed, HubRefused
from lyceum.hub.lock import LOCK_FILE
from lyceum.kernel.config import CONFIG_FILE, ENV_PREFIX

if TYPE_CHECKING:
    from lyceum.kernel.config import Settings

LANES = {"light": "WORKER_LIGHT_SLOTS", "heavy": "WORKER_HEAVY_SLOTS"}
NEEDED = ("database_url", "secret_key")
CONNECT_SECONDS_MAX = 10


def run_worker(*, classes: str | None, labels: str | None, slots: str | None) -> None:
    """Run a worker until SIGTERM or Ctrl-C.

    Raises `HubRefused` for what it cannot work with, and `HubFailed` when the database cannot be reached.
    """
    given = {"WORKER_CLASSES": classes, "WORKER_LABELS": labels, **_slots(slots)}
    os.environ.update({f"{ENV_PREFIX}{name}": value for name, value in given.items() if value is not None})
    settings = settings_here()
    _refuse_strangers(settings)
    _refuse_without_files(settings)
    _refuse_other_releases(settings)
    # in this process's place, so that signals reach it
    os.execv(sys.executable, [sys.executable, "-m", "lyceum.worker"])  # noqa: S606 our own interpreter


def _refuse_strangers(settings: "Settings") -> None:
    missing = [f"{ENV_PREFIX}{name.upper()}" for name in NEEDED if getattr(settings, name) is None]
    if missing:
        raise HubRefused(
            f"Set {' and '.join(missing)}, here or in {settings.home / CONFIG_FILE}, to what the hub has that this worker is "
            f"to serve: in its environment or its {CONFIG_FILE}, and a signing key it made for itself as `secret_key` in "
            "secrets.json in its home."
        )


def _refuse_without_files(settings: "Settings") -> None:
    """Without a bucket the files lie in the hub's home: elsewhere this worker would fail each job that reads one."""
    if settings.storage_url is None and not (settings.home / LOCK_FILE).is_file():
        raise HubRefused(
            f"No hub has its files in {settings.home}, so this worker could read none: set LYCEUM_STORAGE_URL to the bucket "
            "that the hub has its files in, or on the hub's own machine LYCEUM_HOME to its home."
        )


def _refuse_other_releases(settings: "Settings") -> None:
    import psycopg
    from sqlalchemy.exc import ArgumentError

    from lyceum.hub.prepared import what_is_missing
    from lyceum.kernel.migrate import libpq_url
    from lyceum.kernel.problems import first_line
    from lyceum.version import VERSION

    if settings.database_url is None:
        raise AssertionError("refused before")
    try:
        url = libpq_url(settings.database_url.get_secret_value())
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS_MAX) as connection:
            missing = what_is_missing(connection, app_role=connection.info.user)
    except (psycopg.Error, ArgumentError, ValueError) as error:
        raise HubFailed(f"PostgreSQL cannot be reached at LYCEUM_DATABASE_URL: {first_line(error)}") from None
    if missing is not None:
        raise HubRefused(
            f"The hub's database {missing}, and this worker is of release {VERSION}: install the hub's release here, or bring "
            "the hub to this one with `lyceum upgrade` or `lyceum migrate`."
        )


def _slots(text: str | None) -> dict[str, str]:
    """Return the settings that `light=16,heavy=1` stands for; raises `HubRefused`."""
    chosen: dict[str, str] = {}
    for part in (text or "").split(","):
        name, _, number = part.strip().partition("=")
        if not part.strip():
            continue
        if name not in LANES or not number.isdigit():
            raise HubRefused(f"--slots cannot be {text!r}; write it like light=16,heavy=1.")
        chosen[LANES[name]] = number
    return chosen
