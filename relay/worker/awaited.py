"""Functions of users that may be plain, ``async``, or return a Deferred, and that may raise anything, or never end."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from relay.timing.timers import stop_timer
from relay.worker.coroutines import run


def begin(work: Callable[[], Coroutine[Any, Any, Any]]) -> Deferred[Any]:
    """Run a coroutine on nobody's behalf: none of the caller's context variables are seen."""
    return Context().run(lambda: run(work()))


def within(seconds: float, work: Deferred[Any], clock: IReactorTime) -> Deferred[Any]:
    """Fires with what the work comes to. After so many seconds the work is cancelled, and this fails with
    `TimeoutError`, whether the work stops or not."""
    told: Deferred[Any] = Deferred(lambda _: work.cancel())

    def late() -> None:
        told.errback(TimeoutError(f"it has not ended after {seconds:.0f} s"))
        work.cancel()

    def over(outcome: Any) -> None:
        stop_timer(timer)
        if not told.called:
            told.callback(outcome)

    timer = clock.callLater(seconds, late)
    work.addBoth(over)
    return told


async def raised_by(awaitable: Awaitable[Any]) -> BaseException | None:
    """What was raised, if anything was: a cancellation of asyncio's, for example, is not an `Exception`."""
    try:
        await awaitable
    except GeneratorExit:  # this coroutine is to end, here and now
        raise
    except BaseException as error:
        return error
    return None


async def outcome_of(returned: Any) -> Any:
    """What a function's return value comes to: it is waited for where it is an awaitable."""
    return await returned if inspect.isawaitable(returned) else returned
