"""A coroutine as asyncio's tasks step it, though it awaits Deferreds as well.

::

    task ──send──▶ SteppedCoroutine ──send──▶ coroutine
         ◀─Awaited─      ◀─Deferred─             the task waits on it as on a future of its own kind
         ◀──────────future───────────            what asyncio knows goes through
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.model.job import Claim
from relay.worker.current import CURRENT

_NOTHING, _ENDED = object(), object()


class SteppedCoroutine(Coroutine[Any, Any, Any]):
    """One coroutine. It looks like the coroutine to whoever inspects it."""

    __slots__ = ("_coroutine", "_first", "claim", "loop", "stopping")

    def __init__(self, loop: AbstractEventLoop, coroutine: Any) -> None:
        #: the job that it runs for
        self.claim: Claim | None = CURRENT.get(None)
        #: whether its job is being stopped, at this very moment
        self.stopping = False
        #: that its task belongs to
        self.loop = loop
        self._coroutine = coroutine
        self._first: Any = _NOTHING  # what it waits for since `begin`; its task has not seen that yet

    def begin(self, task: asyncio.Task[Any], context: Context) -> None:
        """Step once, within this call; the task, which has this context, would do so in the next turn of the loop.
        Raises `StopIteration` with the result, or an error, if the coroutine has ended."""
        first = _ENDED
        around = asyncio.current_task(self.loop)
        if around is not None:
            asyncio._leave_task(self.loop, around)
        asyncio._enter_task(self.loop, task)
        try:
            first = context.run(self.send, None)
        finally:
            self._first = first
            asyncio._leave_task(self.loop, task)
            if around is not None:
                asyncio._enter_task(self.loop, around)

    def send(self, value: Any) -> Any:
        """Go on until it waits for something."""
        if self._first is not _NOTHING:
            return self._take()
        try:
            waits = self._coroutine.send(value)
        except (SystemExit, KeyboardInterrupt) as error:
            raise _refused(error) from error
        return Awaited(waits, self) if isinstance(waits, Deferred) else waits

    def throw(self, *error: Any) -> Any:
        """Go on with an error until it waits for something."""
        if self._first is not _NOTHING:
            waits = self._take()
            if waits is not None and waits.cancel():  # which the task has not heard of, so could not
                return waits
        try:
            waits = self._coroutine.throw(*error)
        except (SystemExit, KeyboardInterrupt) as raised:
            raise _refused(raised) from raised
        return Awaited(waits, self) if isinstance(waits, Deferred) else waits

    def _take(self) -> Any:
        """What it waits for since it was begun; `StopIteration` if it has ended."""
        first, self._first = self._first, _NOTHING
        if first is _ENDED:
            raise StopIteration
        return first

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield from self._coroutine.__await__())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._coroutine, name)

    def stop(self, task: asyncio.Task[Any]) -> None:
        """Cancel its task because its job is stopped: a Deferred that it awaits itself then fails as Twisted's do."""
        self.stopping = True
        try:
            waits = self._first
            if waits is _NOTHING or waits is _ENDED or waits is None or not waits.cancel():
                task.cancel()
        finally:
            self.stopping = False


def _refused(error: BaseException) -> RuntimeError:
    """The loop would end, and its process with all other jobs."""
    return RuntimeError(f"a job can't end its worker ({type(error).__name__})")


class Awaited:
    """A Deferred as a task waits on it. The coroutine goes on as soon as the Deferred fires, as Twisted's do.

    A Deferred that fails because asyncio cancelled the task (a timeout, a group) fails as `asyncio.CancelledError`,
    for only that is a cancellation to asyncio. Where the job is stopped, it fails as Twisted's
    (`SteppedCoroutine.stop`).
    """

    _log = Logger()
    #: what asyncio knows futures by; True until the task has seen it
    _asyncio_future_blocking = True
    # what most never change, and so is not set for each
    _failure: Failure | None = None
    _fired = _woken = _cancelling = False
    _wake: Callable[[Any], None] | None = None
    _cancelled: asyncio.CancelledError | None = None

    def __init__(self, deferred: Deferred[Any], steps: SteppedCoroutine) -> None:
        self._deferred = deferred
        self._steps = steps

    # -- what tasks call --

    def get_loop(self) -> AbstractEventLoop:
        return self._steps.loop

    def add_done_callback(self, wake: Callable[[Any], None], *, context: Context) -> None:
        """Call `wake`, in this context, when the Deferred has fired."""
        self._wake, self._context = wake, context
        if self._fired:  # given up, before the task has seen it
            self._later()
        self._deferred.addBoth(self._fire)

    def cancel(self, msg: Any = None) -> bool:
        """Cancel the Deferred. Whether that was still possible."""
        if self._fired:
            return False
        if not self._steps.stopping:
            self._cancelled = asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg)
        self._cancelling = True  # the task goes on after this call
        try:
            self._deferred.cancel()
        except BaseException:
            self._log.failure("a Deferred that a job awaits could not be cancelled")
            self._give_up()
        finally:
            self._cancelling = False
        return True

    def done(self) -> bool:
        return self._fired

    def result(self) -> None:
        """The coroutine asks the Deferred itself; here is only its failure."""
        if self._failure is None:
            return
        if self._cancelled is not None:
            raise self._cancelled from self._failure.value
        self._failure.raiseException()

    # -- what the Deferred does --

    def _fire(self, result: Any) -> Any:
        """The result stays where the coroutine looks for it. A failure is the coroutine's to handle."""
        if self._fired:  # the task did not wait for it any more
            return None
        if isinstance(result, Failure):
            self._failure, result = result, None
        self._go_on()
        return result

    def _give_up(self) -> None:
        if not self._fired:
            self._failure = Failure(asyncio.CancelledError())
            self._go_on()

    def _go_on(self) -> None:
        self._fired = True
        if self._wake is None:
            return
        if self._cancelling or asyncio.current_task(self._steps.loop) is not None:
            self._later()  # a task can't go on within another, nor within its own cancellation
            return
        try:
            self._context.run(self._resume)
        except RuntimeError:
            if self._woken:
                raise
            self._later()  # its context is in use, by a callback that it was given to

    def _later(self) -> None:
        assert self._wake is not None
        self._steps.loop.call_soon(self._wake, self, context=self._context)

    def _resume(self) -> None:
        assert self._wake is not None
        self._woken = True
        self._wake(self)
