"""What takes long to make, and is made once for all who ask at the same time, and shortly after."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, ensureDeferred, succeed
from twisted.python.failure import Failure

from relay.timing.fork import pass_on

Made = TypeVar("Made")


class MadeOnce(Generic[Made]):
    """`make` makes it; it counts for so many `seconds` by `now`. A failure is told to all who wait, and is not kept."""

    def __init__(self, make: Callable[[], Awaitable[Made]], seconds: float, now: Callable[[], float]) -> None:
        self._make = make
        self._seconds = seconds
        self._now = now
        self._last: tuple[float, Made] | None = None
        self._waiting: list[Deferred[Made]] = []

    def get(self) -> Deferred[Made]:
        """The one that there is, or the next one. Whoever no longer waits leaves it to the others."""
        if self._last is not None and self._now() - self._last[0] < self._seconds:
            return succeed(self._last[1])
        asked: Deferred[Made] = Deferred()
        self._waiting.append(asked)
        if len(self._waiting) == 1:
            ensureDeferred(self._awaited()).addBoth(self._is_made)
        return asked

    async def _awaited(self) -> Made:
        return await self._make()

    def _is_made(self, made: Made | Failure) -> Failure | None:
        waiting, self._waiting = self._waiting, []
        if not isinstance(made, Failure):
            self._last = self._now(), made
        told = [pass_on(made, each) for each in waiting]
        return made if isinstance(made, Failure) and not any(told) else None
