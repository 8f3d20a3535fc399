"""Run a program in a session of its own, to be stopped with its parent: ``launch.py PARENT SHELTERED PROGRAM …``.

Run by its path, never imported: it stands between fork and exec, so it takes nothing but the standard library.
In a session of its own the program does not see a Ctrl-C meant for its parent, which stops it in due order. One that is
sheltered ("1") does not see a signal to stop either, whoever sends it (systemd may signal all processes at once): it
lasts until its parent ends it.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2); Linux only, elsewhere the program has to notice by itself
SHELTERED_FROM = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def main(parent: int, sheltered: bool, program: list[str]) -> None:
    os.setsid()
    signal.pthread_sigmask(signal.SIG_SETMASK, SHELTERED_FROM if sheltered else ())
    if sys.platform == "linux":
        farewell = signal.SIGKILL if sheltered else signal.SIGTERM
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, farewell, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent was gone before its child began")
    os.execv(program[0], program)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] == "1", sys.argv[3:])
