"""The jobs that are measured."""

from __future__ import annotations

import asyncio
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from relay import job


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
