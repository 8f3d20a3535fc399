"""Processes that end with the process that started them, also if that is killed.

Only Linux does so; elsewhere whoever is killed leaves them behind. This file is run between fork and exec, by its path
(``started.py PARENT SIGNAL PROGRAM …``), so it uses only the standard library.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PR_SET_PDEATHSIG = 1  # prctl(2)


@functools.cache
def _starter() -> ThreadPoolExecutor:
    """Linux signals a child when the thread that started it ends; this one lasts as long as the process."""
    return ThreadPoolExecutor(1, "starter")


def start(
    command: Sequence[str], farewell: signal.Signals = signal.SIGKILL, **options: Any
) -> subprocess.Popen[Any]:
    """Start a program. `farewell`: what it is sent when this process ends before it. `options` are those of `Popen`."""
    if sys.platform != "linux":
        return subprocess.Popen(command, **options)
    words = [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(farewell)), *command]
    return _starter().submit(subprocess.Popen, words, **options).result()


def main(parent: int, farewell: int, program: list[str]) -> None:
    """Becomes the program; exits if the parent has gone."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, farewell, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent was gone before its child began")
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python, and then by what it becomes
        signal.signal(ignored, signal.SIG_DFL)
    os.execvp(program[0], program)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
