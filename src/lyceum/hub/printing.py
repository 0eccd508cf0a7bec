"""What `lyceum up` and `lyceum status` print: plain lines, with a little colour on a terminal."""

import contextlib
import sys
from collections.abc import Mapping
from typing import Any

from lyceum.hub.administrator import SETUP_LINK_MINUTES
from lyceum.hub.backups import age_text
from lyceum.hub.postgres import POSTGRES_VERSION
from lyceum.hub.supervisor import HubReady
from lyceum.kernel.backup_note import LastBackup, last_backup
from lyceum.kernel.config import Settings

LABEL_WIDTH = 17
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
TITLES: Mapping[str, str] = {
    "postgres": f"PostgreSQL {POSTGRES_VERSION}",
    "valkey": "Valkey",
    "data folder": "Data folder",
    "database": "Tables",
    "api": "API",
    "predict": "Predictions",
    "worker": "Worker",
}
BOLD, DIM, GREEN, YELLOW, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[0m"


class TerminalAudience:
    """Prints what the supervisor tells; colours only on a terminal that shows them."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def started(self, name: str, seconds: float) -> None:
        """Print one line for a part that serves."""
        self._say(f"  {self._in(GREEN, '✓')} {_title(name):<{LABEL_WIDTH}}{self._in(DIM, f'{seconds:6.2f} s')}")

    def notice(self, text: str) -> None:
        """Print something unexpected."""
        self._say(f"  {self._in(YELLOW, '!')} {text}")

    def ready(self, hub: HubReady) -> None:
        """Print where the hub is, what to do next, and what is off."""
        settings = hub.parts.settings
        rows = [("Data", str(settings.home)), ("Logs", str(hub.parts.folders.logs))]
        rows += [_opening(settings), ("Off", "mail, single sign-on, language model")]
        rows += [("Backup", _backup(last_backup(settings.home)))]
        rows += [("Next", "lyceum try"), ("Stop", "Ctrl-C")]
        self._say(f"\n  {self._in(BOLD, f'Lyceum is ready after {hub.seconds:.1f} s: {settings.base_url}')}\n")
        for label, text in rows:
            self._say(f"  {self._in(DIM, f'{label:<{LABEL_WIDTH}}')}{text}")
        self._say("")

    def setup_link(self, url: str) -> None:
        """Print the link."""
        self._say(f"  Become its administrator with this link, once, within {SETUP_LINK_MINUTES} minutes:")
        self._say(f"  {self._in(BOLD, url)}\n")

    def _in(self, style: str, text: str) -> str:
        return f"{style}{text}{PLAIN}" if self._colours else text

    def _say(self, line: str) -> None:
        # the hub outlives a terminal that was closed
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


def status_lines(status: Mapping[str, Any]) -> list[str]:
    """Return the running hub's state as lines for people."""
    lines = [
        f"Lyceum {status['version']} at {status['url']}: {'ready' if status['ready'] else 'not ready'}",
        f"  pid {status['pid']}, since {status['since']}, data in {status['home']}",
        f"  {_state(status)}, predictions on port {status['predict_port']}",
        f"  {_disk_line(status['disk'])}",
        # a hub of an earlier release says nothing of backups
        f"  backup: {_backup(LastBackup(**held) if (held := status.get('last_backup')) else None)}",
        "",
        f"  {'part':<{LABEL_WIDTH}}{'state':<12}{'pid':>9}{'restarts':>10}  since",
    ]
    for child in status["children"]:
        ended = f"  last ended: {child['last_exit']}" if child["last_exit"] else ""
        lines.append(
            f"  {_title(child['name']):<{LABEL_WIDTH}}{child['state']:<12}{child['pid'] or '-':>9}"
            f"{child['restarts']:>10}  {child['since']}{ended}"
        )
    return lines


def _state(status: Mapping[str, Any]) -> str:
    state = status.get("replica")
    replica = f" (replica: {state.replace('_', ' ')})" if state else ""
    return f"database {status['database']}{replica}, Valkey {status['valkey']}"


def _disk_line(disk: Mapping[str, int]) -> str:
    free, kept = (disk[name] / 1024**3 for name in ("free_bytes", "free_bytes_min"))
    low = ": nothing is written that grows until there is room" if free < kept else ""
    return f"{free:.1f} GiB free on its disk, {kept:.1f} GiB in reserve{low}"


def _backup(last: LastBackup | None) -> str:
    if last is None:
        return "none was ever made: lyceum backup create"
    return f"{age_text(last.age_seconds)}, {last.id} in {last.to}"


def _opening(settings: Settings) -> tuple[str, str]:
    if settings.host in LOOPBACK and settings.public_url is None:
        return ("Open to others", "LYCEUM_HOST=0.0.0.0 LYCEUM_PUBLIC_URL=http://<this machine's name>:<port> lyceum up")
    return ("Open to others", f"listening on {settings.host} port {settings.port}, links say {settings.base_url}")


def _title(name: str) -> str:
    if name.startswith("worker-"):
        return f"Worker {name.removeprefix('worker-')}"
    return TITLES.get(name, name)
