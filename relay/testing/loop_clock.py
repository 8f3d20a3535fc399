"""The loop as what relay's code takes for its reactor: its time, and calls from threads."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorFromThreads, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from relay.testing.virtual_loop import VirtualLoop


@implementer(IReactorTime, IReactorFromThreads)
class LoopClock:
    """Of one loop."""

    _log = Logger()

    def __init__(self, loop: VirtualLoop, threads: Executor) -> None:
        self._loop = loop
        self._threads = threads
        self._handles: dict[DelayedCall, asyncio.TimerHandle] = {}

    # -- time --

    def seconds(self) -> float:
        return self._loop.time()

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kw: object
    ) -> IDelayedCall:
        due = self._loop.time() + delay
        call = DelayedCall(due, callable, args, kw, self._cancel, self._set, self._loop.time)
        self._set(call)
        return call

    def getDelayedCalls(self) -> list[IDelayedCall]:
        return list(self._handles)

    def _set(self, call: DelayedCall) -> None:
        self._cancel(call)
        self._handles[call] = self._loop.call_at(call.getTime(), self._fire, call)

    def _cancel(self, call: DelayedCall) -> None:
        handle = self._handles.pop(call, None)
        if handle is not None:
            handle.cancel()

    def _fire(self, call: DelayedCall) -> None:
        del self._handles[call]
        call.called = 1
        self._call(call.func, *call.args, **call.kw)

    def _call(self, function: Callable[..., Any], *args: Any, **kw: Any) -> None:
        try:
            function(*args, **kw)
        except Exception:
            self._log.failure("Unhandled error in a timer, or a call from a thread")

    # -- threads --

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:
        """Have a function called soon. A thread that hands over a Future waits for it: until that is done, it is no
        longer out, and time may skip."""
        self._loop.call_soon_threadsafe(partial(self._take_over, callable, args, kwargs))

    def _take_over(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for future in args:
            if isinstance(future, Future):
                self._loop.returns()
                future.add_done_callback(lambda _: self._loop.leaves())
        self._call(function, *args, **kwargs)

    def in_thread(self, function: Callable[[], Any], /) -> Deferred[Any]:
        """Call a function in a thread."""
        context = contextvars.copy_context()
        future = self._loop.run_in_executor(self._threads, context.run, function)
        done: Deferred[Any] = Deferred()
        future.add_done_callback(partial(_pass_on, done))
        return done


def _pass_on(done: Deferred[Any], future: asyncio.Future[Any]) -> None:
    error = future.exception()
    done.callback(Failure(error, type(error), error.__traceback__) if error is not None else future.result())
