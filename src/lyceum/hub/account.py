"""Chooses the account the embedded servers run as: PostgreSQL refuses to be root."""

import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lyceum.hub.processes import Launch, ServerAccount

PREFERRED_ACCOUNTS = ("lyceum", "nobody")
NOBODY_UID = 65534
PROBE_SECONDS_MAX = 10


def choose_account(data: Path) -> ServerAccount:
    """Return who the servers run as: ourselves, or, for root, an account that exists already.

    Data made by an earlier start keeps its owner. Who cannot be served that way (a root that has no other id in its
    user namespace, a uid without a name in a container) stays, and the servers get a user namespace of their own.
    """
    uid, gid = os.geteuid(), os.getegid()
    ourselves = ServerAccount(uid=uid, gid=gid, name=account_name(uid) or f"uid {uid}")
    if uid != 0:
        return ourselves if account_name(uid) else replace(ourselves, seen_as=_namespace_uid())
    for account in _candidates(data):
        if may_run(account, "true"):
            return account
    return replace(ourselves, seen_as=_namespace_uid())


def may_run(account: ServerAccount, shell_test: str, *paths: Path, binds: tuple[tuple[Path, Path], ...] = ()) -> bool:
    """Tell whether a shell test on these paths ($1, $2, ...) holds for the account; the kernel is asked, not modes."""
    launch = Launch(
        program=("/bin/sh", "-c", shell_test, "sh", *map(str, paths)),
        account=account,
        binds=binds,
        death_signal=signal.SIGKILL,
    )
    done = subprocess.run(launch.command(), cwd="/", check=False, capture_output=True, timeout=PROBE_SECONDS_MAX)
    return done.returncode == 0


def _candidates(data: Path) -> Iterator[ServerAccount]:
    if data.exists():
        owner = data.stat()
        if owner.st_uid != 0:
            name = account_name(owner.st_uid) or f"uid {owner.st_uid}"
            yield ServerAccount(uid=owner.st_uid, gid=owner.st_gid, name=name, drop=True)
        return
    for name in PREFERRED_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        yield ServerAccount(uid=entry.pw_uid, gid=entry.pw_gid, name=name, drop=True)


def _namespace_uid() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return NOBODY_UID


def account_name(uid: int) -> str | None:
    """Return the name of the account with this id, None when it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None
