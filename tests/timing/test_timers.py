"""Alarms."""

from twisted.internet.task import Clock

from relay.timing.timers import Alarm


class Desk:
    """An alarm, and when it rang."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.alarm = Alarm(self.clock, lambda: self.rang.append(self.clock.seconds()))
        self.rang: list[float] = []


def test_an_alarm_rings_after_it_was_last_set_whether_that_is_later_or_sooner() -> None:
    desk = Desk()
    desk.alarm.set(4)
    desk.clock.advance(2)
    desk.alarm.set(4)
    desk.clock.pump([1] * 8)
    assert desk.rang == [6]
    desk.alarm.set(9)
    desk.alarm.set(1)
    desk.clock.pump([1] * 20)
    assert desk.rang == [6, 11]


def test_an_alarm_that_is_stopped_does_not_ring_and_can_be_set_again() -> None:
    desk = Desk()
    desk.alarm.stop()
    desk.alarm.set(1)
    desk.alarm.stop()
    assert desk.clock.getDelayedCalls() == []
    desk.alarm.set(2)
    desk.clock.pump([1] * 4)
    assert desk.rang == [2]


def test_an_alarm_that_is_set_often_is_one_timer() -> None:
    desk = Desk()
    for _ in range(9):
        desk.alarm.set(3)
    assert len(desk.clock.getDelayedCalls()) == 1


def test_an_alarm_that_is_set_later_and_later_leaves_its_timer_alone_until_that_is_over() -> None:
    desk = Desk()
    desk.alarm.set(3)
    (timer,) = desk.clock.getDelayedCalls()
    for _ in range(4):
        desk.clock.advance(0.5)
        desk.alarm.set(3)
        assert (desk.clock.getDelayedCalls(), timer.getTime()) == ([timer], 3)
    desk.clock.pump([0.5] * 5)
    assert desk.rang == []
    desk.clock.advance(0.5)
    assert desk.rang == [5]
