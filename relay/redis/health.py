"""The state of a Redis in the log of one process: one line when it goes, one when it is back, and what it refuses once
a minute."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger, LogLevel

from relay.redis.refusal import Refused
from relay.timing.timers import stop_timer

START = 1.0  # seconds for a Redis that is started together with relay
STEADY = 1.0  # seconds that every link has to last until Redis counts as back
REPEAT = 60.0  # seconds until the same complaint is made again
MOST = 20  # different complaints in that time


class Health:
    """Of the Redis at one address. All links of a process that lead there share it."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, shown: str) -> None:
        self.at = shown
        self._clock = clock
        self._met: set[Any] = set()  # the links that were ever up
        self._down: set[Any] = set()
        self._why = ""
        self._away: float | None = None  # since when, if that was said
        self._timer: IDelayedCall | None = None
        self._complaints: dict[str, float] = {}
        self._closed = False

    @property
    def why_away(self) -> str:
        """Why this Redis is away, "" if it is not."""
        return self._why if self._away is not None else ""

    def lost(self, link: Any, why: str) -> None:
        """A link has gone down, or could not be made."""
        if self._closed:
            return
        self._down.add(link)
        self._why = why
        if self._away is not None:
            self._stop_timer()
        elif link in self._met:
            self._say_away()
        elif self._timer is None:
            self._timer = self._clock.callLater(START, self._say_away)

    def up(self, link: Any) -> None:
        """A link was made."""
        self._met.add(link)
        self._down.discard(link)
        if self._down:
            return
        self._stop_timer()
        if self._away is not None:
            self._timer = self._clock.callLater(STEADY, self._say_back)

    def forget(self, link: Any) -> None:
        """A link was stopped."""
        self._met.discard(link)
        self._down.discard(link)
        if not self._met and not self._down:
            self._stop_timer()

    def close(self) -> None:
        """This process stops: from now on broken links are not logged."""
        self._closed = True
        self._stop_timer()

    def refused(self, refusal: Refused) -> None:
        """Redis did not carry out a command: log its refusal once a minute."""
        level = LogLevel.warn if refusal.later else LogLevel.error
        self.complain(str(refusal), level, "refuses: {error}", error=str(refusal))

    def complain(self, topic: str, level: Any, what: str, **values: Any) -> None:
        """Log something about this Redis, once a minute for each topic."""
        now = self._clock.seconds()
        self._complaints = {other: at for other, at in self._complaints.items() if now - at < REPEAT}
        if topic not in self._complaints and len(self._complaints) < MOST:
            self._complaints[topic] = now
            self._log.emit(level, f"Redis at {{at}} {what}", at=self.at, **values)

    def leave_out(self, topic: str) -> None:
        """Another part has logged this already."""
        self._complaints[topic] = self._clock.seconds()

    def _say_away(self) -> None:
        self._stop_timer()
        self._away = self._clock.seconds()
        self._log.warn("Redis at {at} is away: {why}", at=self.at, why=self._why)

    def _say_back(self) -> None:
        self._timer = None
        assert self._away is not None
        seconds, self._away = self._clock.seconds() - self._away, None
        self._log.info("Redis at {at} is back after {seconds:.1f} s", at=self.at, seconds=seconds)

    def _stop_timer(self) -> None:
        stop_timer(self._timer)
        self._timer = None
