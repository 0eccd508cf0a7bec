"""What this kernel and machine offer to lock up foreign code: bubblewrap, Landlock, seccomp."""

import ctypes
import errno
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LANDLOCK_CREATE_RULESET = 444
LANDLOCK_CREATE_RULESET_VERSION = 1
SECCOMP_ACTIONS = Path("/proc/sys/kernel/seccomp/actions_avail")
UBUNTU_RESTRICTION = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
PROBE_SECONDS_MAX = 10

Tier = Literal["A", "B", "none"]


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The tier (A: bubblewrap besides Landlock and seccomp; B: those two; none: pickles are refused) and why."""

    tier: Tier
    bubblewrap: str | None
    bubblewrap_problem: str | None
    landlock_version: int
    seccomp: bool


def probe_sandbox() -> Sandbox:
    """Try each part for real."""
    bubblewrap = shutil.which("bwrap")
    problem = _bubblewrap_problem(bubblewrap)
    landlock, seccomp = _landlock_version(), _has_seccomp()
    locked = landlock > 0 and seccomp
    tier: Tier = "none" if not locked else "B" if problem else "A"
    return Sandbox(
        tier=tier,
        bubblewrap=bubblewrap,
        bubblewrap_problem=problem,
        landlock_version=landlock,
        seccomp=seccomp,
    )


def _bubblewrap_problem(program: str | None) -> str | None:
    if program is None:
        return "bubblewrap is not installed: run `apt-get install bubblewrap`"
    command = (program, "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--", "/bin/true")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS_MAX, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not run: {error}"
    if done.returncode == 0:
        return None
    said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    if UBUNTU_RESTRICTION.exists() and UBUNTU_RESTRICTION.read_text(encoding="ascii").strip() == "1":
        return f"user namespaces are restricted by AppArmor ({said}): allow them for bwrap with an AppArmor profile"
    return f"user namespaces are not allowed here ({said}): in a container, allow them or accept tier B"


def _landlock_version() -> int:
    """Return the version of Landlock's interface, 0 when the kernel has none or it is off."""
    libc = ctypes.CDLL(None, use_errno=True)
    found: int = libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_CREATE_RULESET_VERSION)
    return 0 if found < 0 and ctypes.get_errno() in {errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM} else max(found, 0)


def _has_seccomp() -> bool:
    try:
        return "errno" in SECCOMP_ACTIONS.read_text(encoding="ascii").split()
    except OSError:
        return False
