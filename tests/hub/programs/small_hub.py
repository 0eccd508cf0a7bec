"""A hub with small programs beside its servers: `python small_hub.py [NAME | NAME=MODULE ...]`, modules of this folder.

One named `api` gets the socket that the hub listens on.
"""

import asyncio
import os
import sys
from pathlib import Path

from lyceum.hub.errors import HubFailed, HubRefused
from lyceum.hub.forks import ForkServer
from lyceum.hub.parts import Program
from lyceum.hub.printing import TerminalAudience
from lyceum.hub.supervisor import Supervisor
from lyceum.kernel.config import load_settings


def main(arguments: list[str]) -> None:
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    named = (argument.partition("=") for argument in arguments or ["serving"])
    beside = tuple(Program(name, module or name) for name, _, module in named)
    supervisor = Supervisor(load_settings(), TerminalAudience(colours=False), ForkServer(shared=()), version="0")
    try:
        asyncio.run(supervisor.run(beside=beside))
    except (HubRefused, HubFailed) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
