"""twistd's pid file, where it was left behind by a process that was killed.

twistd does not start if a process with the number in its pid file runs. In a container that is nearly always so: the
first process has the same number each time, and finds itself.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

_FIRST = Path("/proc/1/stat")
#: of the words behind the name in /proc/<pid>/stat (proc(5)): when it began, in clock ticks since the machine started
_STARTED = 19


def remove_stale(path: Path) -> None:
    """Remove a pid file that can't be another twistd's: it names this process, or is older than all processes here."""
    with suppress(OSError, ValueError):
        if int(path.read_text()) == os.getpid() or path.stat().st_mtime < _beginning():
            path.unlink()


def _beginning() -> float:
    """When the first process of this machine, or container, was started: seconds since the epoch, 0 if not known."""
    try:
        words = _FIRST.read_text().rpartition(")")[2].split()
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return 0.0
    return time.time() - uptime + int(words[_STARTED]) / os.sysconf("SC_CLK_TCK")
