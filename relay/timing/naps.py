"""Naps: waiting until a time has passed, or somebody wakes the sleeper."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from relay.timing.timers import Alarm


class Nap:
    """Of one sleeper."""

    def __init__(self, clock: IReactorTime) -> None:
        self._alarm = Alarm(clock, self.wake)
        self._sleeping: Deferred[None] | None = None

    async def sleep(self, seconds: float) -> None:
        """Sleep so long at most."""
        self._sleeping = Deferred()
        self._alarm.set(seconds)
        try:
            await self._sleeping
        finally:
            self._sleeping = None

    def wake(self) -> None:
        """Go on now, if it sleeps."""
        if self._sleeping is not None and not self._sleeping.called:
            self._sleeping.callback(None)

    def stop(self) -> None:
        """It sleeps no more."""
        self._alarm.stop()
