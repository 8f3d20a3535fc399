"""Event loops for the tests, each in a thread of its own, so that they run whatever reactor the tests have."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from relay.net.reactors import new_loop
from relay.worker.coroutines import run

PATIENCE = 20  # seconds


def on_loop(function: Callable[[], Awaitable[Any]], name: str = "asyncio") -> Any:
    """What a coroutine of the test's own returns, on a loop of this kind; it finds all tasks ended."""

    async def whole() -> Any:
        result = await asyncio.wait_for(function(), PATIENCE)
        await asyncio.sleep(0)  # tasks that were cancelled at last
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    def work() -> Any:
        loop = new_loop(name)
        try:
            return loop.run_until_complete(whole())
        finally:
            loop.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result(2 * PATIENCE)


async def ended(deferred: Deferred[Any]) -> Any:
    """What a Deferred fires with; an exception is returned, not raised. For a coroutine that is not relay's."""
    waiting = asyncio.get_running_loop().create_future()
    deferred.addBoth(waiting.set_result)
    result = await waiting
    return result.value if isinstance(result, Failure) else result


async def outcome(function: Callable[[], Awaitable[Any]]) -> Any:
    """What becomes of a handler."""
    return await ended(run(function()))


async def turns(count: int = 5) -> None:
    """Let the loop do what it can do now."""
    for _ in range(count):
        await asyncio.sleep(0)
