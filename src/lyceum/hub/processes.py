"""How a child process is started: its command, its account, and what ties its life to ours."""

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from lyceum.hub import launch

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """Who the embedded servers run as.

    `drop` is true when that is not the account of this process. `seen_as` is set when they keep our uid and see
    themselves as this one inside a user namespace: PostgreSQL wants a uid that is not root and has a name.
    """

    uid: int
    gid: int
    name: str
    drop: bool = False
    seen_as: int | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """A program with its arguments, ready to be started by any kind of `Popen`; `environment` is laid over ours."""

    program: tuple[str, ...]
    account: ServerAccount | None = None
    binds: tuple[tuple[Path, Path], ...] = ()
    death_signal: signal.Signals | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: NO_VARIABLES)

    def command(self) -> tuple[str, ...]:
        """Return the argument list that starts the program through `lyceum.hub.launch`.

        Valid in this process only: with a death signal the child checks that its parent is still this one.
        """
        return (sys.executable, "-I", "-S", launch.__file__, *self._options(), "--", *self.program)

    def variables(self) -> dict[str, str]:
        """Return the environment of the child."""
        return {**os.environ, **self.environment}

    def _options(self) -> list[str]:
        options = [f"bind={source}\t{target}" for source, target in self.binds]
        if self.account is not None and self.account.drop:
            options += [f"uid={self.account.uid}", f"gid={self.account.gid}"]
        if self.account is not None and self.account.seen_as is not None:
            options.append(f"user_namespace={self.account.seen_as}")
        if self.death_signal is not None:
            options += [f"death_signal={int(self.death_signal)}", f"parent={os.getpid()}"]
        return options
