"""Recurring work: a LoopingCall that goes on after errors. Twisted's own stops at the first error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

_log = Logger()


def recurring(clock: IReactorTime, body: Callable[[], Any]) -> LoopingCall:
    """Calls `body` (a function, or one that returns a Deferred or is ``async``) again and again once it is started. An
    error in one call is logged, and the next call is made nevertheless."""

    def call() -> Deferred[None]:
        return maybeDeferred(body).addErrback(failed)

    def failed(failure: Failure) -> None:
        _log.failure("{what} failed", failure, what=getattr(body, "__qualname__", repr(body)))

    looping = LoopingCall(call)
    looping.clock = clock
    return looping
