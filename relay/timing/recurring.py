"""Recurring work: a LoopingCall that goes on after errors (Twisted's own stops at the first error), and the list of all
that goes on in this process, with its statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

_log = Logger()
_going_on: list[RecurringWork] = []


class RecurringWork:
    """One of them. `calls`, `failures` and `longest` (seconds, from the beginning of a call to its end) are counted
    from its making."""

    def __init__(self, clock: IReactorTime, body: Callable[[], Any]) -> None:
        self.what: str = getattr(body, "__qualname__", repr(body))
        self.seconds = 0.0  # between two calls
        self.calls = self.failures = 0
        self.longest = 0.0
        self._clock = clock
        self._body = body
        self._looping = LoopingCall(self._call)
        self._looping.clock = clock

    def __repr__(self) -> str:
        said = f"{self.calls} calls, {self.failures} failed, the longest took {self.longest:.3f} s"
        return f"<{self.what} every {self.seconds} s: {said}>"

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return bool(self._looping.running)

    def start(self, seconds: float, now: bool = True) -> None:
        """Call the body every so many seconds, at once for the first time unless told otherwise."""
        self.seconds = seconds
        _going_on.append(self)
        self._looping.start(seconds, now)

    def stop(self) -> None:
        """Call it no more."""
        _going_on.remove(self)
        self._looping.stop()

    def _call(self) -> Deferred[None]:
        self.calls += 1
        began = self._clock.seconds()
        return maybeDeferred(self._body).addErrback(self._failed).addCallback(self._ended, began)

    def _failed(self, failure: Failure) -> None:
        self.failures += 1
        _log.failure("{what} failed", failure, what=self.what)

    def _ended(self, _: object, began: float) -> None:
        self.longest = max(self.longest, self._clock.seconds() - began)


def recurring(clock: IReactorTime, body: Callable[[], Any]) -> RecurringWork:
    """Calls `body` (a function, or one that returns a Deferred or is ``async``) again and again once it is started. An
    error in one call is logged, and the next call is made nevertheless."""
    return RecurringWork(clock, body)


def going_on() -> list[RecurringWork]:
    """All recurring work of this process, in the order of its beginning."""
    return list(_going_on)
