"""Clocks of hosts that differ, and are set while processes run."""

from __future__ import annotations

import os
from pathlib import Path

LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)


class SteppedClock:
    """The wall clock of processes that have its `environment`; the monotonic clock stays. Debian: libfaketime."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.environment = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            # else a thread that waits for the interpreter's lock spins, and takes half of what its process has
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }
        self.set(0)

    def set(self, seconds: int) -> None:
        """So far ahead of the machine's, or behind it."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}")
        os.replace(new, self._file)
