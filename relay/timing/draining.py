"""How much time a process that was told to stop has left. Times are seconds."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from relay.timing.timers import stop_timer


class Drain:
    """The time to finish what was started. It may be set several times, also while it runs; the last value counts."""

    def __init__(self, clock: IReactorTime, usual: float) -> None:
        self._clock = clock
        self._usual = usual
        self._end: float | None = None
        self._timer: IDelayedCall | None = None

    def within(self, seconds: float) -> None:
        """So many seconds are left from now on."""
        self._end = self._clock.seconds() + seconds
        if self._timer is not None and self._timer.active():
            self._timer.reset(seconds)

    def left(self) -> float:
        """How many seconds are left. If it was not set before, it starts with the first call."""
        if self._end is None:
            self.within(self._usual)
            assert self._end is not None
        return max(0.0, self._end - self._clock.seconds())

    def until(self, awaited: Deferred[Any]) -> Deferred[None]:
        """Fires when `awaited` does, or when the time is over, which cancels `awaited`. Wait for one at a time."""
        timer = self._timer = self._clock.callLater(self.left(), awaited.cancel)

        def over(result: Any) -> None:
            stop_timer(timer)
            if isinstance(result, Failure):
                result.trap(CancelledError)

        return awaited.addBoth(over)
