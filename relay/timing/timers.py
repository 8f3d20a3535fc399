"""Timers: what `IReactorTime.callLater` gives."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_TICK = 1e-6  # seconds: less than this is not waited for


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
        self._rings = 0.0  # when, by the clock
        self._looks = 0.0  # when its timer is over, which then looks whether it was set again meanwhile
        self._timer: IDelayedCall | None = None

    def set(self, seconds: float) -> None:
        """Ring after so many seconds, and no more when it was to ring before."""
        self._rings = self._clock.seconds() + seconds
        if self._timer is None or self._rings < self._looks:
            self._look_after(seconds)

    def stop(self) -> None:
        """Ring no more, unless it is set again."""
        stop_timer(self._timer)
        self._timer = None

    def _look_after(self, seconds: float) -> None:
        stop_timer(self._timer)
        self._looks = self._rings
        self._timer = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        left = self._rings - self._clock.seconds()
        if left > _TICK:
            self._look_after(left)
        else:
            self._ring()
