"""`lyceum worker`: a worker of its own, beside those that `lyceum up` runs."""

import os
import sys

from lyceum.cli_settings import settings_here
from lyceum.hub.errors import HubRefused
from lyceum.kernel.config import ENV_PREFIX

LANES = {"light": "WORKER_LIGHT_SLOTS", "heavy": "WORKER_HEAVY_SLOTS"}
NEEDED = ("DATABASE_URL", "SECRET_KEY")


def run_worker(*, classes: str | None, labels: str | None, slots: str | None) -> None:
    """Run a worker until SIGTERM or Ctrl-C; raises `HubRefused` for what it cannot work with."""
    given = {"WORKER_CLASSES": classes, "WORKER_LABELS": labels, **_slots(slots)}
    os.environ.update({f"{ENV_PREFIX}{name}": value for name, value in given.items() if value is not None})
    missing = [f"{ENV_PREFIX}{name}" for name in NEEDED if not os.environ.get(f"{ENV_PREFIX}{name}")]
    if missing:
        raise HubRefused(
            f"Set {' and '.join(missing)} to those of the hub this worker is to serve; `lyceum config` shows them there."
        )
    settings_here()
    # in this process's place, so that signals reach it
    os.execv(sys.executable, [sys.executable, "-m", "lyceum.worker"])  # noqa: S606 our own interpreter


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
