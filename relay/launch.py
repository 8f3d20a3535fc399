"""Run a program in a session of its own, to be stopped with its parent: ``python launch.py PARENT PROGRAM …``.

Run by its path, never imported: it stands between fork and exec, so it takes nothing but the standard library.
In a session of its own the program does not see a Ctrl-C meant for its parent, which stops it in due order.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2); Linux only, elsewhere the program has to notice by itself


def main(parent: int, program: list[str]) -> None:
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent was gone before its child began")
    os.execv(program[0], program)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
