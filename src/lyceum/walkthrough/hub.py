"""The hub to work with: one named by LYCEUM_URL, the one that runs on this machine, or one started for the while."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from lyceum.hub.control import ask_hub
from lyceum.hub.errors import HubFailed, HubNotRunning
from lyceum.hub.processes import Launch
from lyceum.kernel.config import Settings
from lyceum.walkthrough.errors import InputRefused, WalkthroughFailed
from lyceum.walkthrough.interrupts import Interrupted
from lyceum.walkthrough.voice import Voice

READY_SECONDS_MAX = 120
START_SECONDS_MAX = 900
POLL_SECONDS = 0.1
STOP_SECONDS_MAX = 60
EXIT_REFUSED = 2


@dataclass(frozen=True, slots=True)
class HubAtHand:
    """A hub that serves. `predict_url` is the prediction process's own address where that is known, else the hub's.

    `is_ours` when it was started here and stops at the end.
    """

    url: str
    predict_url: str
    api_key: str = field(repr=False)
    is_ours: bool


@contextmanager
def hub_at_hand(settings: Settings, voice: Voice) -> Iterator[HubAtHand]:
    """Yield a hub that serves; one that was started here is stopped at the end, no other ever is.

    Raises `InputRefused` and `WalkthroughFailed`, `HubRefused` and `HubFailed` as the hub itself tells them.
    """
    url, key = os.environ.get("LYCEUM_URL"), os.environ.get("LYCEUM_API_KEY")
    if url:
        if not key:
            raise InputRefused("LYCEUM_URL is set without LYCEUM_API_KEY; set it to a key of that hub.")
        yield HubAtHand(url=url.rstrip("/"), predict_url=url.rstrip("/"), api_key=key, is_ours=False)
        return
    running = _running(settings)
    if running is not None:
        yield _described(settings, running, key=key, is_ours=False)
        return
    with _started(settings, voice):
        yield _described(settings, ask_hub(settings.home, "status"), key=key, is_ours=True)


def _running(settings: Settings) -> dict[str, Any] | None:
    """Return the status of the hub on this data once it serves, None when none runs."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    while True:
        try:
            status = ask_hub(settings.home, "status")
        except HubNotRunning:
            return None
        if status["ready"]:
            return status
        if time.monotonic() > deadline:
            raise WalkthroughFailed(
                f"The hub that runs (pid {status['pid']}) is not ready after {READY_SECONDS_MAX} s; see `lyceum status`."
            )
        time.sleep(POLL_SECONDS)


def _described(settings: Settings, status: dict[str, Any], *, key: str | None, is_ours: bool) -> HubAtHand:
    local = settings.model_copy(update={"port": status["port"], "public_url": None})
    predict = local.model_copy(update={"port": status["predict_port"]})
    return HubAtHand(
        url=local.base_url,
        predict_url=predict.base_url,
        api_key=key or ask_hub(settings.home, "admin-key")["key"],
        is_ours=is_ours,
    )


@contextmanager
def _started(settings: Settings, voice: Voice) -> Iterator[None]:
    """Run `lyceum up` until the end of the block."""
    launch = Launch(
        program=(sys.executable, "-P", "-m", "lyceum.cli", "up"),
        death_signal=signal.SIGTERM,
        environment={"LYCEUM_HOME": str(settings.home)},
    )
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as said,
        subprocess.Popen(
            launch.command(),
            env=launch.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            # Ctrl-C is for us to handle: the hub has to answer while we put things back
            start_new_session=True,
        ) as process,
    ):
        try:
            _wait_ready(process, settings, voice, said)
            yield
        finally:
            _stop(process, voice)


def _wait_ready(process: "subprocess.Popen[bytes]", settings: Settings, voice: Voice, said: IO[str]) -> None:
    began = time.monotonic()
    voice.doing("starting a hub")
    while not _serves(settings, process.pid):
        if process.poll() is not None:
            said.seek(0)
            why = said.read().strip() or f"It ended with exit code {process.returncode}."
            raise InputRefused(why) if process.returncode == EXIT_REFUSED else HubFailed(why)
        if time.monotonic() - began > START_SECONDS_MAX:
            raise HubFailed(
                f"The hub does not serve after {START_SECONDS_MAX} s; its logs are in {settings.home}/logs."
            )
        time.sleep(POLL_SECONDS)
    voice.say(f"Started a hub, ready after {time.monotonic() - began:.1f} s.")


def _serves(settings: Settings, pid: int) -> bool:
    try:
        status = ask_hub(settings.home, "status")
    except (HubNotRunning, HubFailed):
        return False
    # another one may have taken the data in the meantime
    return bool(status["ready"]) and status["pid"] == pid


def _stop(process: "subprocess.Popen[bytes]", voice: Voice) -> None:
    if process.poll() is not None:
        return
    voice.doing("stopping the hub")
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS_MAX)
    except (subprocess.TimeoutExpired, Interrupted):
        # asked a second time, it kills what still runs
        process.send_signal(signal.SIGTERM)
        process.wait()
