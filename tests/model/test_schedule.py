"""When a schedule is due: cron, time zones, clocks that are put forward and back, what was missed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from relay.model.schedule import MOST_MISSED, ON_TIME, Schedule, seconds_of, zone_of

BERLIN = "Europe/Berlin"
MINUTE = 60_000


def at(text: str, fold: int = 0) -> int:
    """A time in Berlin, in ms."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN), fold=fold)
    return round(moment.timestamp()) * 1000


def following(cron: str, start: str, count: int) -> list[str]:
    """The next firings in Berlin."""
    schedule, time, found = Schedule(cron, BERLIN), at(start), []
    for _ in range(count):
        time = schedule.next_after(time)
        found.append(schedule.at(time).isoformat())
    return found


def test_a_time_of_the_day_is_that_of_the_time_zone() -> None:
    assert following("30 8 * * 1-5", "2026-11-27T08:30", 2) == [
        "2026-11-30T08:30:00+01:00",
        "2026-12-01T08:30:00+01:00",
    ]


def test_seconds_may_stand_in_front() -> None:
    assert following("*/20 0 8 * * *", "2026-11-27T08:00", 2) == [
        "2026-11-27T08:00:20+01:00",
        "2026-11-27T08:00:40+01:00",
    ]


def test_a_time_that_does_not_exist_is_fired_when_the_clock_was_put_forward() -> None:
    assert following("30 2 * * *", "2026-03-28T12:00", 2) == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:30:00+02:00",
    ]


def test_two_times_that_do_not_exist_are_fired_once() -> None:
    assert following("15,45 2 * * *", "2026-03-28T12:00", 2) == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:15:00+02:00",
    ]


@pytest.mark.parametrize(
    "start", [at("2026-10-25T01:00"), at("2026-10-25T02:30"), at("2026-10-25T02:29", fold=1)]
)
def test_a_time_that_is_there_twice_is_fired_the_first_time(start: int) -> None:
    schedule, times = Schedule("30 2 * * *", BERLIN), [at("2026-10-25T02:30"), at("2026-10-26T02:30")]
    assert schedule.next_after(start) == min(time for time in times if time > start)


def test_what_is_fired_each_hour_is_fired_in_each_that_passes() -> None:
    assert following("0 * * * *", "2026-10-25T01:30", 3) == [
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T03:00:00+01:00",
    ]
    assert following("0 * * * *", "2026-03-29T00:30", 2) == [
        "2026-03-29T01:00:00+01:00",
        "2026-03-29T03:00:00+02:00",
    ]


def test_each_so_many_seconds_is_counted_from_the_epoch() -> None:
    schedule = Schedule(every=90)
    assert [schedule.next_after(time) for time in (0, 1, 89_999, 90_000)] == [90_000, 90_000, 90_000, 180_000]


# -- what was missed --


def test_all_that_was_missed_is_found_and_the_newest_is_last() -> None:
    schedule = Schedule("*/5 * * * *")
    due = schedule.next_after(1_700_000_000_000)
    times = [due + n * 5 * MINUTE for n in range(300)]
    for count in (1, 2, 13, 300):
        assert schedule.missed(due, times[count - 1] + MINUTE) == times[:count]


@pytest.mark.parametrize("schedule", [Schedule("* * * * *"), Schedule(every=60), Schedule("* * 3 * * *")])
def test_of_very_many_only_the_last_are_made_up_for(schedule: Schedule) -> None:
    now = 1_700_000_000_000
    due = schedule.next_after(now - 365 * 86400 * 1000)
    found = schedule.missed(due, now)
    assert len(found) == MOST_MISSED
    assert schedule.next_after(found[-1]) > now
    assert [schedule.next_after(time) for time in found[:-1]] == found[1:]


def test_what_was_missed_over_a_change_of_the_clock_is_what_would_have_been_fired() -> None:
    schedule, due = Schedule("30 2 * * *", BERLIN), at("2026-03-28T02:30")
    assert schedule.missed(due, at("2026-03-30T12:00")) == [
        due,
        at("2026-03-29T03:00"),
        at("2026-03-30T02:30"),
    ]


@pytest.mark.parametrize(
    ("catch_up", "late", "made"),
    [
        ("last", 0, [2]),
        ("last", 50_000, [2]),
        ("all", 0, [0, 1, 2]),
        ("all", 50_000, [0, 1, 2]),
        ("none", ON_TIME, [2]),
        ("none", ON_TIME + 1, []),
    ],
)
def test_catch_up_says_which_firings_are_made(catch_up: str, late: int, made: list[int]) -> None:
    schedule = Schedule(every=60, catch_up=catch_up)
    assert schedule.to_fire(MINUTE, 3 * MINUTE + late) == [(1 + n) * MINUTE for n in made]


# -- what is no schedule --


@pytest.mark.parametrize(
    "cron",
    [
        *("0 0 30 2 *", "0 0 31 2,4,6 *", "0 0 31 11 *"),
        *(
            "x",
            " ",
            "* * * *",
            "* * * * * * *",
            "@daily",
            "*/0 * * * *",
            "60 * * * *",
            "* * * * 8",
            "5-1 * * * *",
        ),
        *(
            "* * L-1 * *",
            "é * * * *",
            "1#3/2 * * * MON#2/3",
            "0-99999999999 * * * *",
            "* * * * \n*x",
            "१ * * * *",
        ),
    ],
)
def test_what_cron_does_not_know_or_never_comes_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match=r"cron expression|never due") as caught:
        Schedule(cron).check()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["Mars/Base", "", "../etc/passwd", "Europe", 5, None, "a\0b", "x" * 5000, "/UTC"]
)
def test_what_is_no_time_zone_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        zone_of(name)


@pytest.mark.parametrize(
    ("every", "seconds"), [("30s", 30), ("5m", 300), ("1h", 3600), ("2d", 172_800), (7, 7), (7.0, 7)]
)
def test_every_is_a_number_of_seconds_or_a_text(every: Any, seconds: int) -> None:
    assert seconds_of(every) == seconds


@pytest.mark.parametrize(
    "every",
    [
        0,
        0.5,
        1.5,
        -1,
        True,
        None,
        float("nan"),
        float("inf"),
        1e9,
        "",
        "0s",
        "1w",
        "1.5s",
        "s",
        "30",
        "9999d",
        [5],
    ],
)
def test_every_is_nothing_else(every: Any) -> None:
    with pytest.raises(ValueError, match="is not whole seconds from 1 to 31622400"):
        seconds_of(every)
