"""The jobs that are measured."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from relay import Context, job


@job
def echo(message: Any = None) -> Any:
    """Give back what was sent."""
    return message


@job
def deferred(message: Any = None) -> Deferred[Any]:
    """The same, a turn of the reactor later."""
    from twisted.internet import reactor

    return deferLater(reactor, 0, lambda: message)


@job
async def coroutine(message: Any = None) -> Any:
    """The same at once, as a coroutine."""
    return message


@job
async def awaits(message: Any = None) -> Any:
    """The same after a Deferred."""
    from twisted.internet import reactor

    return await deferLater(reactor, 0, lambda: message)


@job
async def awaits_asyncio(message: Any = None) -> Any:
    """The same after an awaitable of asyncio."""
    await asyncio.sleep(0)
    return message


@job(queue="later")
def later(message: Any = None) -> Any:
    """The same, in a queue whose only worker is busy with `block` until another is wanted."""
    return message


@job(queue="later", timeout=86_400)
async def block() -> None:
    """Take the place of a worker that has one."""
    from twisted.internet import reactor

    await deferLater(reactor, 86_400)


@job
async def slow(seconds: float) -> None:
    """Wait for somebody else."""
    from twisted.internet import reactor

    await deferLater(reactor, seconds)


@job(timeout=600)
async def tells(context: Context, pieces: int, a_second: float, begin_in: float = 0.0) -> None:
    """Put out the time, so often and so many times a second, from some seconds on."""
    from twisted.internet import reactor

    begun = time.monotonic() + begin_in
    for number in range(pieces):
        await deferLater(reactor, max(0.0, begun + number / a_second - time.monotonic()))
        context.emit(time.time())


@job(internal=True)
async def push(context: Context, outcome: dict[str, Any]) -> None:
    """Post an outcome to the server of its client."""
    response = await context.http.post(context.settings["push_url"], json=outcome, private=True)
    await response.content()


@job(then=push)
async def slow_and_pushed(seconds: float) -> None:
    """Wait for somebody else, while nobody waits for this."""
    await slow(seconds)
