"""The wheel: nothing early, everything within a tick, one timer."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay.front.hold.timing_wheel import Wheel


class Item:
    slot = -1

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.times: list[float] = []

    def on_time(self) -> None:
        self.times.append(self.clock.seconds())


def make(now: float = 1000.1) -> tuple[Clock, Wheel]:
    clock = Clock()
    clock.advance(now)
    wheel = Wheel(clock, tick=0.25)
    wheel.start()
    return clock, wheel


def test_what_waits_is_called_once_never_early_and_at_most_a_tick_late() -> None:
    clock, wheel = make()
    items = {delay: Item(clock) for delay in (0, 0.1, 0.25, 1, 1.13, 7.9)}
    for delay, item in items.items():
        wheel.put(item, delay)
    clock.pump([0.05] * 200)
    for delay, item in items.items():
        (time,) = item.times
        assert 0 <= time - (1000.1 + delay) <= 0.31, delay
    assert len(wheel) == 0


def test_what_comes_again_and_again_keeps_its_pause() -> None:
    clock, wheel = make()

    class Again(Item):
        def on_time(self) -> None:
            super().on_time()
            wheel.put(self, 2)

    item = Again(clock)
    wheel.put(item, 1)
    clock.pump([0.03] * 1000)
    pauses = [after - before for before, after in zip(item.times, item.times[1:], strict=False)]
    assert len(pauses) == 14
    assert all(abs(pause - 2) < 0.04 for pause in pauses)


def test_what_was_dropped_is_not_called() -> None:
    clock, wheel = make()
    item, other = Item(clock), Item(clock)
    wheel.put(item, 1)
    wheel.put(other, 1)
    wheel.drop(item)
    wheel.drop(item)
    assert len(wheel) == 1
    assert list(wheel) == [other]
    clock.advance(2)
    assert item.times == []
    assert len(other.times) == 1


def test_a_reactor_that_was_late_misses_nothing() -> None:
    clock, wheel = make()
    items = [Item(clock) for _ in range(3)]
    for delay, item in enumerate(items):
        wheel.put(item, delay)
    clock.advance(100)
    assert [len(item.times) for item in items] == [1, 1, 1]


def test_an_item_may_go_back_in_and_take_others_out() -> None:
    clock, wheel = make()
    other = Item(clock)

    class Beats(Item):
        def on_time(self) -> None:
            super().on_time()
            wheel.drop(other)
            wheel.put(self, 1)

    item = Beats(clock)
    wheel.put(item, 0.5)
    wheel.put(other, 0.5)
    clock.pump([0.25] * 16)
    assert len(item.times) in (3, 4)
    assert len(other.times) <= 1


def test_one_that_fails_does_not_stop_the_others(no_logged_failures: list[LogEvent]) -> None:
    clock, wheel = make()

    class Fails(Item):
        def on_time(self) -> None:
            raise RuntimeError

    item = Item(clock)
    wheel.put(Fails(clock), 1)
    wheel.put(item, 1.5)
    clock.pump([0.25] * 10)
    assert len(item.times) == 1
    assert len(no_logged_failures) == 1
    no_logged_failures.clear()
