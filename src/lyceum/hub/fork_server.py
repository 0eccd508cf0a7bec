"""Imports what all programs of a hub share, once, and forks each program from there.

    python -P -m lyceum.hub.fork_server DESCRIPTOR MODULE...

Interpreters that import the same libraries beside each other hold the cores and the memory several times, and a program
that starts again after a crash is there in a third of the time.
Only libraries without threads are imported before a fork; a program imports the rest (Polars, ONNX Runtime) itself.
Messages on the socket DESCRIPTOR: {"run": module, "arguments", "variables", "withheld"} with the descriptors of its
output, its errors and, for a program that says when it serves, its readiness and the socket it is to listen on;
{"started": pid} answers, and later comes {"ended": pid, "code": code}.
"""

import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
MESSAGE_BYTES_MAX = 65536
DESCRIPTORS_MAX = 4
NAMED_DESCRIPTORS = ("LYCEUM_READY_FD", "LYCEUM_LISTEN_FD")


def main(descriptor: int, shared: list[str]) -> None:
    """Import what is shared and serve until the other end of the socket is closed; in each fork, run the program that was asked for."""
    # nothing made by an import is garbage, and looking for it takes a tenth of the time
    gc.disable()
    for name in shared:
        importlib.import_module(name)
    gc.freeze()
    asked = _serve(socket.socket(fileno=descriptor))
    if asked is not None:
        _become(*asked)


def _serve(channel: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Fork whenever asked; None comes back at the end, and in a fork what it was asked to run."""
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    while True:
        readable, _, _ = select.select([channel.fileno(), woken], [], [])
        if woken in readable:
            os.read(woken, MESSAGE_BYTES_MAX)
            _tell_ended(channel)
        if channel.fileno() not in readable:
            continue
        message, descriptors, _, _ = socket.recv_fds(channel, MESSAGE_BYTES_MAX, DESCRIPTORS_MAX)
        if not message:
            return None
        pid = _fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for unneeded in (channel.detach(), woken, wake):
                os.close(unneeded)
            return json.loads(message), descriptors
        for descriptor in descriptors:
            os.close(descriptor)
        channel.send(json.dumps({"started": pid}).encode())


def _fork() -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
    return pid


def _tell_ended(channel: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        channel.send(json.dumps({"ended": pid, "code": os.waitstatus_to_exitcode(status)}).encode())


def _become(request: dict[str, Any], descriptors: list[int]) -> None:
    os.setsid()
    for descriptor, standard in zip(descriptors, (1, 2), strict=False):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    for name in request["withheld"]:
        os.environ.pop(name, None)
    os.environ.update(request["variables"])
    for name, descriptor in zip(NAMED_DESCRIPTORS, descriptors[2:], strict=False):
        os.environ[name] = str(descriptor)
    module: str = request["run"]
    ctypes.CDLL(None).prctl(PR_SET_NAME, module.encode(), 0, 0, 0)
    sys.argv = [module, *request["arguments"]]
    program = importlib.import_module(module)
    gc.enable()
    sys.exit(program.main())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
