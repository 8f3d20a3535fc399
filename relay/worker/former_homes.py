"""Schedules that are still in the partition where they lived before a declaration moved them to another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime

from relay.model.problems.base import RelayError
from relay.model.problems.request import StoreAway
from relay.store.parts import PartStore
from relay.store.schedules import ScheduleStatus

Told = TypeVar("Told")
REST = 5.0  # seconds in which nobody is asked, after one did not answer


class FormerHomes:
    """The other partitions than the one where some schedules live. `marks`: of their declarations, by name."""

    def __init__(self, clock: IReactorTime, others: Sequence[PartStore], marks: Mapping[str, str]) -> None:
        self._clock = clock
        self._others = others
        self._marks = marks
        self._left = set(marks) if others else set()  # what may still be there
        self._rests_until = 0.0

    async def find(self, names: Collection[str]) -> dict[str, ScheduleStatus]:
        """Where schedules stand there, by name: of one that is in several the one that is due last. Raises `StoreAway`
        unless all partitions answer, because one of them may know that a schedule is paused."""
        if not (names and self._others):
            return {}
        self._left.update(names)
        asked = dict.fromkeys(names, "")
        told = await self._ask(lambda part: part.schedules(asked))
        known = [status for _, some in told for status in some if status.due >= 0]
        return {status.name: status for status in sorted(known, key=lambda status: status.due)}

    async def forget(self, names: Collection[str]) -> None:
        """Schedules go on where they live: let the other partitions keep them no more. Raises `StoreAway`."""
        left = {name: self._marks[name] for name in names if name in self._left}
        if left:
            told = await self._ask(lambda part: part.forget_schedules(left))
            if all(told):
                self._left -= left.keys()
            else:  # another declaration counts there
                self._rest()

    async def _ask(self, ask: Callable[[PartStore], Awaitable[Told]]) -> list[Told]:
        if self._clock.seconds() < self._rests_until:
            raise StoreAway
        try:
            return [await ask(part) for part in self._others]
        except RelayError:
            self._rest()
            raise

    def _rest(self) -> None:
        self._rests_until = self._clock.seconds() + REST
