"""Serves and does not stop when asked."""

import os
import signal


def main() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(int(os.environ["LYCEUM_READY_FD"]), b"ready\n")
    while True:
        signal.pause()
