"""Timers: what `IReactorTime.callLater` gives."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


def stop_timer(timer: IDelayedCall | None) -> None:
    """Cancel a timer; nothing happens for none, or for one that has fired or was cancelled."""
    if timer is not None and timer.active():
        timer.cancel()


class Alarm:
    """Rings so many seconds after it was last set. It is set again and again by whoever hardly ever hears it ring: one
    timer does for all these times."""

    def __init__(self, clock: IReactorTime, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._timer: IDelayedCall | None = None

    def set(self, seconds: float) -> None:
        """Ring after so many seconds, and no more when it was to ring before."""
        if self._timer is not None and self._timer.active():
            self._timer.reset(seconds)
        else:
            self._timer = self._clock.callLater(seconds, self._ring)

    def stop(self) -> None:
        """Ring no more, unless it is set again."""
        stop_timer(self._timer)
