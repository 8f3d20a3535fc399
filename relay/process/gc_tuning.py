"""The garbage collector, kept from stopping those who wait.

A full collection looks at every object there is, which takes more than 100 ms in a front that holds many requests.
relay makes few circles, and most of those die young; so what was there at the start is never looked at again, young
objects are collected as always, and all of them only while little is held.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from relay.timing.recurring import recurring

PAUSE = 60.0  # seconds between full collections
LITTLE = 1000  # requests held, or jobs
_YOUNG, _MIDDLE, _NEVER = 10_000, 20, 1_000_000_000  # objects, collections, collections


def tame(clock: IReactorTime, held: Callable[[], int]) -> None:
    """Tame the collector of this process from now on; `held` says how many wait."""

    def collect() -> None:
        if held() < LITTLE:
            gc.collect()

    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)
    recurring(clock, collect).start(PAUSE, now=False)
