"""Handlers that do not stop, in the log."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import LogEvent, formatEvent

from relay.worker.overdue import REMIND, Overdue
from tests.worker.test_session import claim


def test_each_is_told_when_it_is_overdue_and_when_it_is_over(lines: list[str]) -> None:
    clock = Clock()
    overdue, late = Overdue(clock, 3), claim(1)
    overdue.add(late)
    clock.advance(5)
    overdue.remove(claim(2))  # which was not overdue
    overdue.remove(late)
    assert lines == [
        "the handler of job 0-a-1 (echo) does not stop: 1 of 3 places are taken by such handlers",
        "the handler of job 0-a-1 (echo) has ended, 5.0 s late: 0 of 3 places are taken by such handlers",
    ]
    assert not clock.getDelayedCalls()


def test_a_reminder_comes_once_a_minute_while_there_are_any(lines: list[str]) -> None:
    clock = Clock()
    overdue, late = Overdue(clock, 50), [claim(number) for number in range(12)]
    for each in late:
        overdue.add(each)
    lines.clear()
    clock.pump([REMIND, REMIND])
    assert len(lines) == 2
    assert lines[0].startswith(
        "12 of 50 places are taken by handlers that do not stop: 0-a-0 (echo), 0-a-1 (echo)"
    )
    assert lines[0].endswith(", …")
    for each in late:
        overdue.remove(each)
    lines.clear()
    clock.advance(10 * REMIND)
    assert lines == []


def test_a_worker_all_of_whose_places_are_taken_says_that_it_starves(
    no_logged_failures: list[LogEvent],
) -> None:
    clock = Clock()
    overdue = Overdue(clock, 2)
    overdue.add(claim(1))
    assert no_logged_failures == []
    overdue.add(claim(2))
    clock.advance(REMIND)
    assert ["starves" in formatEvent(event) for event in no_logged_failures] == [True, True]
    no_logged_failures.clear()
