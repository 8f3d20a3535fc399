"""A timing wheel: one LoopingCall for any number of things that wait, a slot for each tick."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from relay.timing.recurring import recurring

TICK = 0.25  # seconds


class Timed(Protocol):
    """Something with its place in a wheel; `slot` belongs to the wheel."""

    slot: int

    def on_time(self) -> None:
        """The item's time has come; it is not in the wheel any more."""


class Slot(set[Timed]):
    """What is called in one tick, with the number of that, which all of it shares."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Wheel:
    """Calls each item when its time has come, at most a tick late and never early."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, tick: float = TICK) -> None:
        self._clock = clock
        self._tick = tick
        self._slots: dict[int, Slot] = {}
        self._turned = self._slot_at(clock.seconds())
        #: how many wait
        self.count = 0
        self._planned: float | None = None  # the time that is being served, which may be a moment ago
        self._turning = recurring(clock, self._turn)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Timed]:
        """A snapshot of all that waits."""
        return iter([item for slot in self._slots.values() for item in slot])

    def start(self) -> None:
        self._turning.start(self._tick, now=False)

    def stop(self) -> None:
        self._turning.stop()

    def put(self, item: Timed, delay: float) -> None:
        """Call the item in `delay` seconds: from the time that it was to be called at, if it is being called."""
        now = self._clock.seconds() if self._planned is None else self._planned
        number = ceil((now + delay) / self._tick)
        if number <= self._turned:
            number = self._turned + 1
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = Slot(number)
        slot.add(item)
        item.slot = slot.number
        self.count += 1

    def due(self, item: Timed) -> float:
        """When the item is called, by the clock."""
        return item.slot * self._tick

    def drop(self, item: Timed) -> None:
        """Take the item out; nothing happens if it is not in."""
        slot = self._slots.get(item.slot)
        if slot is None or item not in slot:
            return
        slot.remove(item)
        self.count -= 1
        if not slot:
            del self._slots[item.slot]

    def _slot_at(self, seconds: float) -> int:
        return int(seconds / self._tick)

    def _turn(self) -> None:
        present = self._slot_at(self._clock.seconds())
        for slot in range(self._turned + 1, present + 1):
            self._turned, self._planned = slot, slot * self._tick
            for item in list(self._slots.get(slot, ())):
                self.drop(item)
                try:
                    item.on_time()
                except Exception:
                    self._log.failure("a timer of a held request failed")
        self._planned = None
