"""Tuning of the garbage collector, so that it does not delay waiting clients.

A full collection looks at every object there is, which takes more than 100 ms in a front that holds many requests.
relay makes few circles, and most of them die young. So objects that exist at the start are frozen, young objects are
collected as always, and a full collection runs only while few requests are held.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from relay.timing.recurring import recurring

PAUSE = 60.0  # seconds between full collections
LITTLE = 1000  # requests held, or jobs
_YOUNG, _MIDDLE, _NEVER = 10_000, 20, 1_000_000_000  # objects, collections, collections


def apply(clock: IReactorTime, held: Callable[[], int]) -> None:
    """Tune the collector of this process from now on; `held` returns how many requests wait."""

    def collect() -> None:
        if held() < LITTLE:
            gc.collect()

    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)
    recurring(clock, collect).start(PAUSE, now=False)
