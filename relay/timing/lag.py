"""How late the reactor comes to its timers: whatever keeps it busy makes clients wait for so long."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from relay.timing.recurring import recurring

PAUSE = 0.25  # seconds between looks
LATELY = 60.0  # seconds after which a maximum is forgotten


class Lag:
    """Looks each `PAUSE` seconds how much later than due that is, and tells it."""

    def __init__(self, clock: IReactorTime, tell: Callable[[float], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._due: float | None = None
        self._before = self._since = 0.0  # the longest of the period before, and of this one
        self._began = clock.seconds()
        self._looking = recurring(clock, self.measure)

    def start(self) -> None:
        self._looking.start(PAUSE)

    def stop(self) -> None:
        if self._looking.running:
            self._looking.stop()

    def longest(self) -> float:
        """The longest, in seconds, of the last one to two `LATELY`."""
        return max(self._before, self._since)

    def measure(self) -> None:
        """One look."""
        now = self._clock.seconds()
        if self._due is None:
            self._due = now
        late = now - self._due
        self._due += PAUSE * (1 + late // PAUSE)  # as a LoopingCall leaves out what it has missed
        self._tell(late)
        if now - self._began >= LATELY:
            self._began, self._before, self._since = now, self._since, 0.0
        self._since = max(self._since, late)
