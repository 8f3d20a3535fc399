"""Schedules: the times at which a job is fired. Times are milliseconds since the epoch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import takewhile
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim, CronSimError

CATCH_UP = ("last", "all", "none")
MOST_MISSED = 1000  # firings that are caught up with
ON_TIME = 10_000  # ms after which a firing was missed
LONGEST = 366 * 86400  # seconds
_EVERY = re.compile(r"([1-9]\d{0,7})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_FORM = "whole seconds from 1 to 31622400 (366 days), or a text such as 30s, 5m, 1h or 1d"


def seconds_of(every: object) -> int:
    """``30s``, ``5m``, ``1h``, ``1d``, or whole seconds as a number. Raises `ValueError`."""
    seconds: object = every
    if isinstance(every, str):
        found = _EVERY.fullmatch(every)
        seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds != seconds // 1:
        raise ValueError(f"{every!r} is not {_FORM}")
    if not 1 <= seconds <= LONGEST:
        raise ValueError(f"{every!r} is not {_FORM}")
    return int(seconds)


def zone_of(name: object) -> ZoneInfo:
    """A time zone by its name. Raises `ValueError`."""
    try:
        return ZoneInfo(name)  # type: ignore[arg-type]
    except (
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        OSError,
    ):  # whatever a file system makes of it
        raise ValueError(f"{name!r} is not a time zone such as Europe/Berlin") from None


class Schedule(msgspec.Struct, frozen=True, gc=False):
    """When a job is fired: at the times of a cron expression, in a time zone, or else every so many seconds, counted
    from the epoch. `catch_up` says which of the firings that were missed are made up for."""

    cron: str = ""
    timezone: str = "UTC"
    every: int = 0
    catch_up: str = "last"

    def check(self) -> None:
        """Raises `ValueError`."""
        zone_of(self.timezone)
        if self.cron:
            self.next_after(0)

    @property
    def text(self) -> str:
        """As people read it."""
        return f"{self.cron} ({self.timezone})" if self.cron else f"every {self.every} s"

    def at(self, time: int) -> datetime:
        """A time in the schedule's time zone."""
        return datetime.fromtimestamp(time / 1000, zone_of(self.timezone))

    def next_after(self, time: int) -> int:
        """The first firing behind a time. Raises `ValueError` where there is none."""
        return next(self._after(time))

    def missed(self, due: int, now: int) -> list[int]:
        """The firings from `due` to now, of many only the last `MOST_MISSED`, the newest last. One of a schedule is
        `due`, so there is one at least."""
        window = 60_000
        while now - window >= due:
            found = self._between(now - window, now)
            if len(found) >= MOST_MISSED:
                return found[-MOST_MISSED:]
            window *= 4
        return self._between(due - 1, now)[-MOST_MISSED:]

    def to_fire(self, due: int, now: int) -> list[int]:
        """Those of the firings from `due` to now that are to be made, by `catch_up`."""
        missed = self.missed(due, now)
        if self.catch_up == "all":
            return missed
        last = missed[-1:]
        return [time for time in last if self.catch_up == "last" or now - time <= ON_TIME]

    def _between(self, after: int, until: int) -> list[int]:
        return list(takewhile(lambda time: time <= until, self._after(after)))

    def _after(self, time: int) -> Iterator[int]:
        """All firings behind a time. Raises `ValueError` where there are none."""
        if not self.cron:
            step = self.every * 1000
            yield from range((time // step + 1) * step, 1 << 62, step)
        last = time
        for fired in _simulated(self.cron, datetime.fromtimestamp(time // 1000, zone_of(self.timezone))):
            at = round(fired.timestamp()) * 1000
            if at > last:  # in the hour that is there twice, cron's times of the first one come again
                last = at
                yield at
        if last == time:
            raise ValueError(f"{self.cron!r} is never due")


def _simulated(cron: str, start: datetime) -> Iterator[datetime]:
    try:
        yield from CronSim(cron, start)
    except (CronSimError, ValueError, TypeError, AssertionError, OverflowError) as error:
        fields = "minute hour day month weekday, or six with seconds in front"
        raise ValueError(f"{cron!r} is not a cron expression of five fields, {fields}: {error}") from None
