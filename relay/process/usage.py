"""What this process takes up of its machine."""

from __future__ import annotations

import os
import resource
import sys
import time
from contextlib import suppress

_PAGE = os.sysconf("SC_PAGE_SIZE")


def memory() -> int:
    """Bytes that are resident; where the system does not say, the most that ever were."""
    with suppress(OSError), open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * _PAGE
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def descriptors() -> int:
    """How many file descriptors are open; 0 where the system does not say."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return len(os.listdir(folder)) - 1  # that of the listing itself
    return 0


def most_descriptors() -> int:
    """How many it may have (``ulimit -n``); 0 for no limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if soft == resource.RLIM_INFINITY else soft


def cpu() -> float:
    """Seconds of CPU time that were used."""
    return time.process_time()
