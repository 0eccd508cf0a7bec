"""The process between a worker and one that a job has for itself; it outlives neither, and leaves nothing behind.

Started by the worker, it forks the computing process before anything else is imported, adopts whatever that starts
(`PR_SET_CHILD_SUBREAPER`), and ends it all when the computing ends, when the worker closes the connection or dies, and
when the memory held grows past the limit. Told so, it pauses all of it and lets it go on. Only the standard library is
imported here, so that the fork is a safe one.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
from pathlib import Path

EXIT_TOO_MUCH_MEMORY = 86
EXIT_SIGNAL = 128
"""Added to the number of the signal that ended the computing, as shells do."""
LOOK_MILLISECONDS = 200
PROGRAM_FOLLOWS = "--"
"""In the place of modules: what comes after it are arguments for Python, in whose place the child is to be."""
NICE = 5
"""How much computing gives way: to a third of what others get, where all want the processor, and not to nothing."""
PAUSE, GO_ON = signal.SIGUSR1, signal.SIGUSR2
"""What the worker sends to have the computing stand still, and to have it continue."""
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Guard one computing process: `guard.py SOCKET WORKER_PID MEMORY_BYTES_MAX MODULES`, or `… -- PROGRAM`."""
    connection, worker_pid, memory_bytes_max = (int(argument) for argument in sys.argv[1:4])
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    guard_pid = os.getpid()
    signal.signal(PAUSE, lambda *_: _tell_descendants(guard_pid, signal.SIGSTOP))
    signal.signal(GO_ON, lambda *_: _tell_descendants(guard_pid, signal.SIGCONT))
    computing = os.fork()
    if computing == 0:
        _compute(connection, guard_pid)
        return
    status = _watch(computing, connection, worker_pid, memory_bytes_max)
    _end_descendants()
    os._exit(status)


def _compute(connection: int, guard_pid: int) -> None:
    os.setsid()
    _give_way()
    for number in (PAUSE, GO_ON):
        signal.signal(number, signal.SIG_DFL)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard_pid:
        os._exit(1)
    if sys.argv[4] == PROGRAM_FOLLOWS:
        os.set_inheritable(connection, False)
        os.execv(sys.executable, [sys.executable, *sys.argv[5:]])  # noqa: S606 our own interpreter
    from lyceum.kernel.jobs.child import serve

    serve(connection, [name for name in sys.argv[4].split(",") if name])


def _give_way() -> None:
    """Let whoever answers requests go first; a session of its own would have as much of the processor as all others together."""
    os.nice(NICE)
    # missing where the kernel does not group by session
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICE), encoding="ascii")


def _watch(computing: int, connection: int, worker_pid: int, memory_bytes_max: int) -> int:
    """Return the exit code to end with, once there is nothing to wait for any more."""
    ended = os.pidfd_open(computing)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(connection, select.POLLRDHUP)
    while True:
        if any(descriptor == ended for descriptor, _ in poll.poll(LOOK_MILLISECONDS)):
            return _exit_code(os.waitpid(computing, 0)[1])
        if _hung_up(connection) or os.getppid() != worker_pid:
            return EXIT_SIGNAL + signal.SIGKILL
        if resident_bytes(computing) > memory_bytes_max:
            return EXIT_TOO_MUCH_MEMORY


def _hung_up(connection: int) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP)
    return bool(poll.poll(0))


def _exit_code(wait_status: int) -> int:
    code = os.waitstatus_to_exitcode(wait_status)
    if code < 0:
        return EXIT_SIGNAL - code
    return 1 if code == EXIT_TOO_MUCH_MEMORY else code


def _end_descendants() -> None:
    """Kill until nobody is left; what a killed process had started becomes a child of this one and is next."""
    while True:
        for child in children_of(os.getpid()):
            os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _tell_descendants(pid: int, number: int) -> None:
    """Send a signal to all below a process, parents first: what stands still starts nothing that would be missed."""
    for child in children_of(pid):
        try:
            os.kill(child, number)
        except ProcessLookupError:
            continue
        _tell_descendants(child, number)


def resident_bytes(pid: int) -> int:
    """Return what a process and its descendants hold, each counted with the pages it shares."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(resident_bytes(child) for child in children_of(pid))


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started and that it has not reaped."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in thread.read_text(encoding="ascii").split()]
        except OSError:
            continue
    return found


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) was refused")


if __name__ == "__main__":
    main()
