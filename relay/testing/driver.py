"""Runs the loop of a test: in the test's own thread, or in another where that one runs a loop already."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from relay.testing.answers import NotStubbed
from relay.testing.loop_clock import LoopClock
from relay.testing.loop_processes import LoopProcesses
from relay.testing.virtual_loop import VirtualLoop

Result = TypeVar("Result")
Begun = Deferred[Result] | Coroutine[Any, Any, Result]
_THREADS = 64  # of handlers, at once


class Driver:
    """Of one relay in a test."""

    def __init__(self, real_network: bool = False) -> None:
        self._elsewhere = ThreadPoolExecutor(1, "relay-test")
        self._threads = ThreadPoolExecutor(_THREADS, "handlers")
        self.loop = VirtualLoop(None if real_network else self._refuse)
        self.clock = LoopClock(self.loop, self._threads)
        self.processes = LoopProcesses(self.loop)
        self._broken: BaseException | None = None
        self._is_open = False

    def begin(self) -> None:
        """From now on something can be run, until `close`."""
        self._is_open = True

    def call(self, function: Callable[[], Result]) -> Result:
        """Call a function that may run the loop."""
        if not _is_in_loop():
            return function()
        return self._elsewhere.submit(function).result()

    def run(self, begin: Callable[[], Begun[Result]]) -> Result:
        """Begin something in the loop, and run that until it is over. Raises what that raises, and what is a mistake of
        the test's (`break_off`)."""
        if not self._is_open:
            raise RuntimeError("a Relay runs within its with: with Relay(…) as relay: …")
        return self.call(lambda: self.loop.run_until_complete(self._until(begin)))

    async def _until(self, begin: Callable[[], Begun[Result]]) -> Result:
        over: asyncio.Future[Any] = self.loop.create_future()
        ensured(begin()).addBoth(_tell, over)
        self._over = over
        if self._broken is not None:
            self.break_off(self._broken)
        result: Any = await over
        broken, self._broken = self._broken, None
        if broken is not None:
            raise broken
        if isinstance(result, Failure):
            result.raiseException()
        return result  # type: ignore[no-any-return]

    def break_off(self, error: BaseException) -> None:
        """The test is wrong: what runs is over, and raises this."""
        self._broken = self._broken or error
        if not self._over.done():
            self._over.set_result(None)

    def _refuse(self, address: str) -> None:
        error = NotStubbed(
            f"something is to be connected to {address}, but a test reaches no network: call the API with context.http "
            "and say in api= what it answers, give the other client a transport of its own, or say real_network=True"
        )
        self.break_off(error)
        raise error

    def close(self) -> None:
        """Let go of everything."""
        self._is_open = False
        self.call(self._close)
        self._threads.shutdown(wait=False)
        self._elsewhere.shutdown(wait=False)

    def _close(self) -> None:
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(_ended(tasks))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


def _tell(result: Any, over: asyncio.Future[Any]) -> None:
    if not over.done():
        over.set_result(result)


async def _ended(tasks: set[asyncio.Task[Any]]) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=1)


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def ensured(made: Coroutine[Any, Any, Result] | Deferred[Result]) -> Deferred[Result]:
    """A coroutine of Deferreds as a Deferred."""
    return made if isinstance(made, Deferred) else Deferred.fromCoroutine(made)
