"""Run a program that ends with its parent, and with it all that it has started: ``keeper.py PARENT PATH PROGRAM …``.

It is run by its path, so it uses only the standard library. It stands between the parent and the program: the program
gets its standard streams, in a group of processes of its own, and descriptor `CONTROL` stays here. When the other end
of that pipe is closed, by the parent or because the parent is gone, the group gets SIGTERM, and `KINDNESS` seconds
later SIGKILL. What the program leaves behind in its group is killed when it ends. It ends as the program did.
"""

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
import time

CONTROL = 3  # a descriptor: the end of it is the order to stop
KINDNESS = 2.0  # seconds between SIGTERM and SIGKILL
PR_SET_PDEATHSIG = 1  # prctl(2); Linux only
NOT_RUN = 127  # exit status where the program can't be run


def kept(path: str, program: list[str]) -> list[str]:
    """The command line that runs the program at `path` in this way, for a child of this process."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), path, *program]


def main(parent: int, path: str, program: list[str]) -> None:
    """Runs the program, and ends as it does."""
    os.setsid()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # it ends after the program, whoever is told to stop
    keeper = os.getpid()
    child = os.fork()
    if child == 0:
        _become(keeper, path, program)
    with contextlib.suppress(OSError):  # it has begun
        os.setpgid(child, child)
    _let_go_of_streams()
    news = _news()
    if os.getppid() != parent:
        os.kill(keeper, signal.SIGUSR1)
    _end_as(_keep(child, news))


def _become(keeper: int, path: str, program: list[str]) -> None:
    try:
        os.setpgid(0, 0)
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGXFSZ"):
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        _when_parent_ends(signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(NOT_RUN)
        os.close(CONTROL)
        os.execv(path, program)
    except OSError as error:
        os.write(2, f"{path}: {error.strerror}\n".encode())
    os._exit(NOT_RUN)


def _when_parent_ends(number: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


def _let_go_of_streams() -> None:
    """So that they end with the program."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)


def _news() -> int:
    """A descriptor that has something to read when the program may have ended, or the parent has."""
    news, told = os.pipe()
    os.set_blocking(told, False)
    os.set_blocking(news, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGUSR1):
        signal.signal(number, lambda *_: None)
    _when_parent_ends(signal.SIGUSR1)
    return news


def _keep(child: int, news: int) -> int:
    """Wait for the program, and stop it when that is asked for; its status."""
    until = 0.0  # when it is killed; 0 as long as it may run
    while (status := _status(child)) is None:
        left = max(0.0, until - time.monotonic()) if until else None
        ready, _, _ = select.select([news] if until else [news, CONTROL], [], [], left)
        is_orphan = news in ready and signal.SIGUSR1 in os.read(news, 4096)
        if until and time.monotonic() >= until:
            _signal(child, signal.SIGKILL)
            until = time.monotonic() + KINDNESS
        elif not until and (is_orphan or CONTROL in ready):
            _signal(child, signal.SIGTERM)
            until = time.monotonic() + KINDNESS
    return status


def _status(child: int) -> int | None:
    """The status of the program if it has ended; then what it left behind is killed, too, before its id can be
    another's, where the system can tell without forgetting it."""
    is_known = hasattr(os, "waitid")  # not before Python 3.13 on macOS
    if is_known:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        _signal(child, signal.SIGKILL)
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended and not is_known:
        _signal(child, signal.SIGKILL)
    return status if ended else None


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(OSError):  # there is nobody
        os.killpg(group, number)


def _end_as(status: int) -> None:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError, ValueError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
