"""Runs first in every child process, ties it to the supervisor, gives up root, and becomes the program.

It is started by path with `python -I -S`, so it imports nothing of Lyceum: a new interpreter takes 15 ms, while
`preexec_fn` would run Python between fork and exec of a process that has threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
EXIT_CANNOT_LAUNCH = 125


def main(arguments: list[str]) -> None:
    """Apply the `name=value` options before `--`, then replace this process by the command after it."""
    split = arguments.index("--")
    options = [argument.split("=", 1) for argument in arguments[:split]]
    command = arguments[split + 1 :]
    try:
        _apply(options)
        os.execv(command[0], command)  # noqa: S606 the command comes from the supervisor, as a list
    except OSError as error:
        sys.stderr.write(f"lyceum could not start {command[0]}: {error}\n")
        os._exit(EXIT_CANNOT_LAUNCH)


def _apply(options: list[list[str]]) -> None:
    given = {name: value for name, value in options if name != "bind"}
    binds = [value.split("\t") for name, value in options if name == "bind"]
    if binds:
        _bind(binds)
    if "uid" in given:
        os.setgroups([])
        os.setgid(int(given["gid"]))
        os.setuid(int(given["uid"]))
    if "user_namespace" in given:
        _enter_user_namespace(seen_as=int(given["user_namespace"]))
    if "death_signal" in given:
        # last, because a change of credentials clears it
        _libc("prctl", PR_SET_PDEATHSIG, int(given["death_signal"]), 0, 0, 0)
        if os.getppid() != int(given["parent"]):
            os._exit(EXIT_CANNOT_LAUNCH)
    os.umask(0o077)
    # Python ignores these and exec would hand that on
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


def _bind(binds: list[list[str]]) -> None:
    _libc("unshare", CLONE_NEWNS)
    _libc("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    for source, target in binds:
        _libc("mount", os.fsencode(source), os.fsencode(target), None, MS_BIND | MS_REC, None)


def _enter_user_namespace(*, seen_as: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    _libc("unshare", CLONE_NEWUSER)
    for file, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{seen_as} {uid} 1"),
        ("gid_map", f"{seen_as} {gid} 1"),
    ):
        with open(f"/proc/self/{file}", "w", encoding="ascii") as handle:  # noqa: PTH123 pathlib would cost 10 ms
            handle.write(text)


def _libc(function: str, *arguments: object) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


if __name__ == "__main__":
    main(sys.argv[1:])
