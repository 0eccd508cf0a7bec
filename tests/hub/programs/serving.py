"""Says that it serves, and serves nothing until it is told to stop."""

import json
import os
import signal
import sys


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    given = {name: value for name, value in os.environ.items() if name.startswith("LYCEUM_")}
    sys.stderr.write(json.dumps(given) + "\n")
    os.write(int(os.environ["LYCEUM_READY_FD"]), b"ready\n")
    while True:
        signal.pause()
