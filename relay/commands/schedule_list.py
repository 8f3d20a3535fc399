"""The schedules of a relay, as a table."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rich.text import Text

from relay.commands.tables import Column, Listing, cell
from relay.operations.seen import ScheduleRow

_COLUMNS = (
    Column("name"),
    Column("schedule"),
    Column("catch up"),
    Column("state", whole=True),
    Column("next", whole=True),
    Column("last", whole=True),
    Column("job"),
)


def schedule_table(schedules: Iterable[ScheduleRow]) -> Listing:
    """A line for each; times are in the schedule's time zone."""
    return Listing(_COLUMNS, map(_row, schedules))


def _row(schedule: ScheduleRow) -> tuple[str | Text, ...]:
    zone = _zone(schedule.timezone)
    return (
        schedule.name,
        schedule.text or "?",
        schedule.catch_up or "?",
        _state(schedule),
        _shown(schedule.due, zone),
        _shown(schedule.fired, zone),
        schedule.id or "-",
    )


def _state(schedule: ScheduleRow) -> Text:
    if not schedule.served:
        return cell("not served", "red")  # nobody fires it
    return cell("paused", "yellow") if schedule.paused else cell("on")


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):  # one that this machine does not know
        return UTC


def _shown(time: int, zone: tzinfo) -> str:
    """A time (ms) to the second; ``-`` for none."""
    return datetime.fromtimestamp(time // 1000, zone).isoformat() if time > 0 else "-"
