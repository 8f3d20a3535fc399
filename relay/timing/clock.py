"""The clock of timers.

Twisted's reactors count the seconds of the wall clock: a clock that is set back by an hour stops every timer for an
hour, and one that is set forward lets all of them fire at once. Timers of relay's processes count seconds that go on
evenly, so what `IReactorTime.seconds` gives is no date: `time.time` is for those.
"""

from __future__ import annotations

import time
from typing import Any


def steady(reactor: Any) -> None:
    """Have a reactor count monotonic seconds; to be called before anything is scheduled."""
    reactor.seconds = time.monotonic
