"""What handlers of a worker share: each thing is made once, when it is first used, and closed as the worker ends."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from relay.handlers.shared import SETTINGS, Make, Needs, needs
from relay.model.problems.raised import NotConfigured, NotReady
from relay.timing.fork import pass_on
from relay.worker.awaited import begin, outcome_of, raised_by, within
from relay.worker.causes import with_causes

LONGEST = 60.0  # seconds that it may take to make one
MOMENT = 0.5  # seconds that the end of each has, even if those before it took all the time

#: by parameter, what makes the thing that it gets
Wanted = Iterable[tuple[str, Make]]


class Shareds:
    """The shared things of one worker, by what makes them."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, settings: Mapping[str, str]) -> None:
        self._clock = clock
        self._settings = settings
        self._made: dict[Make, Any] = {}
        self._making: dict[Make, tuple[Deferred[Any], list[Deferred[None]]]] = {}
        self._closing: list[tuple[Make, Callable[[], Coroutine[Any, Any, None]]]] = []
        self._closed = False

    def override(self, make: Make, value: Any) -> None:
        """Have this value in place of what would be made; nothing closes it."""
        self._made[make] = value

    def fill(self, arguments: dict[str, Any], wanted: Wanted) -> bool:
        """Add what is wanted to a handler's arguments; False if some of it was not made yet: see `bring`."""
        for parameter, make in wanted:
            if make not in self._made:
                return False
            arguments[parameter] = self._made[make]
        return True

    def bring(self, wanted: Wanted) -> Deferred[None]:
        """Fires when all that is wanted was made. Fails with `NotReady`. Cancelling it leaves what is being made
        alone."""
        return begin(lambda: self._bring(wanted))

    async def arguments(self, needed: Needs) -> dict[str, Any]:
        """What a function that relay calls is given. Raises `NotReady`."""
        await self._bring(needed.shared)
        found: dict[str, Any] = {SETTINGS: self._settings} if needed.settings else {}
        self.fill(found, needed.shared)
        return found

    async def close(self, until: float) -> None:
        """Close all that has a way to be closed, what was made last first, until then by the clock: what is not closed
        in time is left, and the others have a moment each. An error is logged."""
        self._closed = True
        for making, _ in list(self._making.values()):
            making.cancel()
        while self._closing:
            make, close = self._closing.pop()
            left = max(MOMENT, until - self._clock.seconds())
            error = await raised_by(within(left, begin(close), self._clock))
            if error is not None:
                self._say(f"{_name(make)} could not be closed", Failure(error))

    async def _bring(self, wanted: Wanted) -> None:
        for _, make in wanted:
            if make not in self._made:
                await self._wait_for(make)

    def _wait_for(self, make: Make) -> Deferred[None]:
        waiting: Deferred[None] = Deferred()
        if make in self._making:
            self._making[make][1].append(waiting)
            return waiting
        making = within(LONGEST, begin(lambda: self._make(make)), self._clock)
        self._making[make] = making, [waiting]
        making.addBoth(self._over, make)
        return waiting

    async def _make(self, make: Make) -> Any:
        if self._closed:
            raise CancelledError("the worker ends")
        made = make(**await self.arguments(needs(make)))
        if inspect.isgenerator(made):
            value, close = next(made), lambda: _after(made)
        elif inspect.isasyncgen(made):
            value, close = await anext(made), lambda: _after_async(made)
        else:
            return await outcome_of(made)
        self._closing.append((make, close))
        return value

    def _over(self, outcome: Any, make: Make) -> None:
        _, waiting = self._making.pop(make)
        told: Failure | None = None
        if isinstance(outcome, Failure):
            told = self._not_ready(outcome, make)
        else:
            self._made[make] = outcome
        for each in waiting:
            pass_on(told, each)

    def _not_ready(self, failure: Failure, make: Make) -> Failure:
        """The log has what happened, clients are told that something did."""
        if not self._closed:
            self._say(f"{_name(make)} failed: what it makes is tried again when it is next used", failure)
        if isinstance(failure.value, NotConfigured):
            return failure  # which is not mended by trying again
        error = NotReady()
        error.__cause__ = failure.value
        return Failure(error)

    def _say(self, what: str, failure: Failure) -> None:
        self._log.failure("{what}", with_causes(failure), LogLevel.error, what=what)


async def _after(generator: Any) -> None:
    for _ in generator:
        raise RuntimeError("it yields more than once")


async def _after_async(generator: Any) -> None:
    async for _ in generator:
        raise RuntimeError("it yields more than once")


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{getattr(function, '__qualname__', function)}"
