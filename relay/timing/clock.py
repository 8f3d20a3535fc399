"""The clock of timers.

Twisted's reactors count the seconds of the wall clock: a clock that is set back by an hour stops every timer for an
hour, and one that is set forward lets all of them fire at once. Timers of relay's processes use a monotonic clock, so
`IReactorTime.seconds` is not a date: use `time.time` for dates.
"""

from __future__ import annotations

import time
from typing import Any


def steady(reactor: Any) -> None:
    """Make a reactor use monotonic seconds. Call it before anything is scheduled."""
    reactor.seconds = time.monotonic
