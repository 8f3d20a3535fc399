"""Run a program in a session of its own, to be stopped with its parent: ``launch.py PARENT SHELTERED PROGRAM …``.

It is run by its path, between fork and exec, so it uses only the standard library. In a session of its own the program
does not see a Ctrl-C meant for its parent, which stops it in due order. One that is sheltered ("1") does not see a
signal to stop either, whoever sends it (systemd may signal all processes at once): it lasts until its parent ends it.
For the others, signals that would end a program which does not know them yet wait until it does.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2); Linux only, elsewhere the program has to notice by itself
#: what operators and service managers send
ORDERS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
SIGNALS = (signal.SIGTERM, signal.SIGINT, *ORDERS)


def launched(program: list[str], sheltered: bool = False) -> list[str]:
    """The command line that runs a program in this way, for a child of this process."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(sheltered)), *program]


def main(parent: int, sheltered: bool, program: list[str]) -> None:
    """Becomes the program; exits if the parent has gone."""
    os.setsid()
    signal.pthread_sigmask(signal.SIG_SETMASK, SIGNALS if sheltered else ORDERS)
    if sys.platform == "linux":
        farewell = signal.SIGKILL if sheltered else signal.SIGTERM
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, farewell, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent was gone before its child began")
    os.execv(program[0], program)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] == "1", sys.argv[3:])
