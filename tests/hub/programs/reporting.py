"""Writes what it is, as one JSON object."""

import gc
import json
import os
import sys

from lyceum.hub.forks import SHARED_MODULES


def main() -> None:
    names = {"LYCEUM_GIVEN", "LYCEUM_WITHHELD"}
    json.dump(
        {
            "threads": len(os.listdir("/proc/self/task")),  # noqa: PTH208 as it reads in the manual
            "imported": sum(name in sys.modules for name in SHARED_MODULES),
            "variables": {name: value for name, value in os.environ.items() if name in names},
            "collects_garbage": gc.isenabled(),
            "leads_its_session": os.getsid(0) == os.getpid(),
        },
        sys.stdout,
    )
