"""The hub to work with: one named by LYCEUM_URL, the one that runs on this machine, or one started for the while."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import httpx

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

    `started` is there when it was started here; it stops at the end then.
    """

    url: str
    predict_url: str
    api_key: str = field(repr=False)
    started: "StartedHub | None" = None


@dataclass(frozen=True, slots=True)
class StartedHub:
    """A hub of our own, what it writes to stderr, and where its logs are."""

    process: "subprocess.Popen[bytes]"
    said: IO[str]
    logs: Path

    def why_it_ended(self) -> str:
        """Wait until it ends and return the sentence it ended with, else its exit code."""
        code = self.process.wait()
        self.said.seek(0)
        lines = self.said.read().strip().splitlines()
        return lines[-1] if lines else f"exit code {code}; its logs are in {self.logs}."


@contextmanager
def hub_at_hand(settings: Settings, voice: Voice) -> Iterator[HubAtHand]:
    """Yield a hub that serves; one that was started here is stopped at the end, no other ever is.

    Raises `InputRefused` and `WalkthroughFailed`, `HubRefused` and `HubFailed` as the hub itself tells them.
    """
    url, key = (os.environ.get(name, "").strip() for name in ("LYCEUM_URL", "LYCEUM_API_KEY"))
    _refuse_unusable(url, key)
    if url and key:
        yield HubAtHand(url=url.rstrip("/"), predict_url=url.rstrip("/"), api_key=key)
        return
    running = _running(settings)
    if running is not None:
        yield _described(settings, running, key=key)
        return
    with _started(settings, voice) as started:
        yield _described(settings, ask_hub(settings.home, "status"), key=key, started=started)


def _refuse_unusable(url: str, key: str) -> None:
    """Raise `InputRefused` for variables no request can be made with; neither is repeated, one may be in for the other."""
    if url and not _is_web_address(url):
        raise InputRefused("LYCEUM_URL is no address of a hub; write it as http://host:port or https://host/path.")
    if url and not key:
        raise InputRefused("LYCEUM_URL is set without LYCEUM_API_KEY; set it to a key of that hub.")
    if key and not re.fullmatch(r"[!-~]+", key):
        raise InputRefused(
            "LYCEUM_API_KEY holds characters that no key has, such as spaces or letters with accents; copy the key again."
        )


def _is_web_address(url: str) -> bool:
    try:
        httpx.URL(url)
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and " " not in url
    except (ValueError, httpx.InvalidURL):
        return False


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


def _described(settings: Settings, status: dict[str, Any], *, key: str, started: StartedHub | None = None) -> HubAtHand:
    # the hub that runs may have been told another host than we are, and an older one does not say
    host = status.get("host") or settings.host
    local = settings.model_copy(update={"host": host, "port": status["port"], "public_url": None})
    predict = local.model_copy(update={"port": status["predict_port"]})
    return HubAtHand(
        url=local.base_url,
        predict_url=predict.base_url,
        api_key=key or ask_hub(settings.home, "admin-key")["key"],
        started=started,
    )


@contextmanager
def _started(settings: Settings, voice: Voice) -> Iterator[StartedHub]:
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
            yield StartedHub(process, said, settings.home / "logs")
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
