"""The schedules of a store, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from relay.model.schedule import Schedule
from relay.model.text import printable
from relay.store.schedules import ScheduleStatus

Listed = tuple[ScheduleStatus, bool]  # and whether it is served
_HEAD = ("name", "schedule", "catch up", "state", "next", "last", "job")


def lines(schedules: Iterable[Listed]) -> Iterator[str]:
    """A line for each, below a head; times are in the schedule's time zone."""
    rows = [_HEAD, *(_row(*listed) for listed in schedules)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()


def _row(status: ScheduleStatus, served: bool) -> tuple[str, ...]:
    schedule = status.schedule
    said = (schedule.text, schedule.catch_up) if schedule else ("?", "?")
    times = (_shown(status.due, schedule) or "-", _shown(status.fired, schedule) or "-")
    return (printable(status.name), *said, _state(status, served), *times, status.id or "-")


def _state(status: ScheduleStatus, served: bool) -> str:
    if not served:
        return "not served"  # nobody fires it
    return "paused" if status.paused else "on"


def as_json(schedules: Iterable[Listed]) -> str:
    """An array of objects, a line for each."""
    return "[" + ",\n ".join(msgspec.json.encode(_object(*listed)).decode() for listed in schedules) + "]"


def _object(status: ScheduleStatus, served: bool) -> dict[str, object]:
    schedule = status.schedule
    declared = schedule or Schedule()
    return {
        "name": status.name,
        "cron": declared.cron or None,
        "timezone": declared.timezone,
        "every": declared.every or None,
        "catch_up": declared.catch_up,
        "served": served,
        "paused": _shown(status.paused, schedule),
        "next": _shown(status.due, schedule),
        "last": _shown(status.fired, schedule),
        "job": status.id or None,
    }


def _shown(time: int, schedule: Schedule | None) -> str | None:
    """A time (ms) to the second, None for none."""
    if time <= 0:
        return None
    seconds = time // 1000
    when = schedule.at(seconds * 1000) if schedule else datetime.fromtimestamp(seconds, UTC)
    return when.isoformat()
