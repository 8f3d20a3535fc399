"""A reactor that comes to its timers late is noticed."""

from __future__ import annotations

from twisted.internet.task import Clock

from relay.timing.lag import LATELY, PAUSE, Lag


def test_each_look_tells_how_late_it_is() -> None:
    clock = Clock()
    told: list[float] = []
    lag = Lag(clock, told.append)
    lag.start()
    clock.advance(PAUSE)
    clock.advance(0.75)  # due after a pause, and then twice more
    clock.advance(PAUSE)
    lag.stop()
    assert told == [0, 0, 0.5, 0]
    assert lag.longest() == 0.5


def test_a_look_that_comes_between_two_is_late_by_what_is_beyond_its_time() -> None:
    clock = Clock()
    told: list[float] = []
    lag = Lag(clock, told.append)
    lag.start()
    clock.advance(PAUSE + 0.1)
    clock.advance(PAUSE - 0.1)
    lag.stop()
    assert [round(late, 6) for late in told] == [0, 0.1, 0]


def test_the_longest_is_forgotten() -> None:
    clock = Clock()
    lag = Lag(clock, lambda late: None)
    lag.start()
    clock.advance(3)
    clock.pump([PAUSE] * int(2.5 * LATELY / PAUSE))
    lag.stop()
    assert lag.longest() < PAUSE
