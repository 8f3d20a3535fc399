"""The jobs that are measured."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import deferLater

from relay import job


@job
def echo(message: Any = None) -> Any:
    """Give back what was sent."""
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
